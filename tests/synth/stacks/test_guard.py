"""`bin/hybrid cdk deploy` looks at what is deployed before anything is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from hybrid.cli.cdk import _look_before
from hybrid.cli.review import app as review
from hybrid.deployment import kept
from hybrid.deployment.kept import Kept
from hybrid.estate import Estate
from hybrid.review.assembly import read_assembly
from stacks import guard
from tests.synth.conftest import ESTATE, merged

OTHER_RANGE: dict[str, Any] = {"network": {"cidr": "10.30.0.0/16"}}


def deployed(
    stubber: Stubber, directory: Path, *, left: str | None = None, beside: str | None = None
) -> None:
    """Have CloudFormation answer with the stacks of an assembly, and of another estate."""
    stacks = read_assembly(directory, region="eu-west-1")
    names = [stack.name for stack in stacks] + ([left] if left else [])
    described = [
        {
            "StackName": name,
            "StackId": f"arn:aws:cloudformation:eu-west-1:111122223333:stack/{name}/1",
            "CreationTime": "2026-01-01T00:00:00Z",
            "StackStatus": "UPDATE_COMPLETE",
            "Tags": [{"Key": "hybrid:estate", "Value": "acme"}],
        }
        for name in names
    ]
    strange = {
        **described[0],
        "StackName": "hybrid-acme-test-storage",
        "Tags": [{"Key": "hybrid:estate", "Value": "acme-test"}],
    }
    others = [strange, *([{**described[0], "StackName": beside, "Tags": []}] if beside else [])]
    stubber.add_response("describe_stacks", {"Stacks": [*described, *others]}, {})
    templates = {stack.name: stack.template for stack in stacks}
    for name in names:
        body = templates.get(name, {"Resources": {}})
        stubber.add_response(
            "get_template",
            {"TemplateBody": json.dumps(body)},
            {"StackName": name, "TemplateStage": "Original"},
        )


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("cloudformation", region_name="eu-west-1")
    stubber = Stubber(client)
    monkeypatch.setattr(boto3.Session, "client", lambda *_, **__: client)
    # Of other services nothing is asked here; tests/e2e/test_deployed_edits.py has the whole account.
    monkeypatch.setattr("hybrid.deployment.kept.in_the_way", lambda *_: [])
    with stubber:
        yield stubber


def test_an_edit_that_cloudformation_can_do_has_no_objection(
    cloudformation: Stubber, synthesize: Any, estate_assembly: Any
) -> None:
    deployed(cloudformation, estate_assembly.directory, left="hybrid-acme-site-gone")
    edited = synthesize({"airflow": {"max_workers": 9}})

    assert guard.objections(edited.directory, Estate.model_validate(ESTATE)) == []
    cloudformation.assert_no_pending_responses()


def test_another_range_is_refused_with_the_reason(
    cloudformation: Stubber, synthesize: Any, estate_assembly: Any
) -> None:
    deployed(cloudformation, estate_assembly.directory)
    estate = Estate.model_validate(merged(ESTATE, OTHER_RANGE))

    reasons = guard.objections(synthesize(OTHER_RANGE).directory, estate)

    assert any("would be replaced because of CidrBlock" in reason for reason in reasons)
    assert any("AWS::MWAA::Environment" in reason for reason in reasons)


def test_only_a_deployment_asks() -> None:
    assert _look_before(["synth"]) == {}
    assert _look_before(["deploy", "--profile", "p"]) == {guard.ASKED: "1", guard.PROFILE: "p"}
    imports = _look_before(["deploy", "--all", "--import-existing-resources"])
    assert imports == {guard.ASKED: "1", guard.IMPORTS: "1"}


def test_what_was_kept_is_refused_unless_cloudformation_takes_it_over(
    cloudformation: Stubber, estate_assembly: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a secret and a log group that were kept
    kinds = {"hybrid/acme/sources/erp": kept.SECRET, "/hybrid/acme/on-premises": kept.LOGS}
    found = [Kept(kind, name, "hybrid-acme-site-on-premises") for name, kind in kinds.items()]
    monkeypatch.setattr("hybrid.deployment.kept.in_the_way", lambda *_: found)
    estate = Estate.model_validate(ESTATE)

    deployed(cloudformation, estate_assembly.directory)
    both = guard.objections(estate_assembly.directory, estate, {})
    deployed(cloudformation, estate_assembly.directory)
    one = guard.objections(estate_assembly.directory, estate, {guard.IMPORTS: "1"})

    assert [reason.split(" was kept")[0] for reason in both] == list(kinds)
    assert [reason.split(" was kept")[0] for reason in one] == ["hybrid/acme/sources/erp"]
    assert all("`bin/hybrid deploy`" in reason for reason in both)


def test_the_command_compares_two_assemblies(synthesize: Any, estate_assembly: Any) -> None:
    other = synthesize(OTHER_RANGE)

    told = CliRunner().invoke(review, ["changes", str(estate_assembly.directory), str(other.directory)])
    same = CliRunner().invoke(review, ["changes", str(other.directory), str(other.directory), "--json"])

    assert told.exit_code == 2
    assert "The edit: refused" in told.output
    assert (same.exit_code, json.loads(same.output)["outcome"]) == (0, "nothing")
