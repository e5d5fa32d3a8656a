"""Nothing is found that is not explained, and nothing is explained that is not found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import Validations
from constructs import IConstruct

VPC = {
    "vpc": "vpc-0123456789abcdef0",
    "private_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
ESTATES: dict[str, dict[str, Any]] = {
    "nat": {},
    "endpoints": {"network": {"egress": "endpoints"}},
    "existing VPC": {"network": {"existing": VPC}},
    "many sites, account pinned": {
        "environment": {"account": "111122223333", "alarm_email": "duty@example.org"},
        "sites": {f"plant-{n}": {"kind": "anywhere"} for n in range(8)},
        "sources": {f"plant-{n}": {"site": f"plant-{n}", "engine": "mysql"} for n in range(8)},
    },
}


@pytest.fixture(
    scope="module",
    params=["nat", *(pytest.param(name, marks=pytest.mark.slow) for name in ESTATES if name != "nat")],
)
def assembly(request: pytest.FixtureRequest, synthesize: Any) -> Any:
    return synthesize(ESTATES[request.param], checks=True)


def test_no_check_finds_anything_that_is_not_explained(assembly: Any) -> None:
    reports = {report["pluginName"]: report for report in assembly.report()}

    assert {"AwsSolutions", "NIST.800.53.R5"} <= set(reports)
    assert {name: report["violations"] for name, report in reports.items() if report["violations"]} == {}


def test_every_acknowledgement_answers_a_finding(assembly: Any) -> None:
    # Given what the checks found and somebody explained, and where
    used = {
        (violation["acknowledgedAt"], violation["acknowledgedId"])
        for report in assembly.report()
        for violation in report.get("suppressedViolations", [])
    }

    # When it is compared with what is explained
    given = set(acknowledgements(assembly.app))

    # Then no explanation is left over
    assert len(given) > 40
    assert given - used == set()


def test_every_acknowledgement_has_a_sentence_for_its_reason(assembly: Any) -> None:
    for construct in assembly.app.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                for identifier, reason in entry.data.items():
                    assert len(reason.split()) >= 4, (construct.node.path, identifier)


def acknowledgements(root: IConstruct) -> Iterator[tuple[str, str]]:
    """Where and what this project acknowledges; the AWS CDK's own acknowledgements are its own affair."""
    for construct in root.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                yield from (
                    (construct.node.path, identifier)
                    for identifier in entry.data
                    if identifier.startswith(("AwsSolutions", "NIST"))
                )
