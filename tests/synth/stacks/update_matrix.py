"""Edits of a deployed estate, and what each comes to. The estate is that of tests/synth/conftest.py."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "update-matrix.md"

A, B, C, D = (f"eu-west-1{zone}" for zone in "abcd")
VPC = {
    "vpc": "vpc-0123456789abcdef0",
    "private_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "route_tables": ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"],
}
THREE: dict[str, Any] = {"network": {"availability_zones": [A, B, C]}}
ENDPOINTS: dict[str, Any] = {"network": {"egress": "endpoints"}}
GROUPS: dict[str, Any] = {"sites": {"headquarters": {"security_groups": ["sg-0123456789abcdef0"]}}}
SUBNETS: dict[str, Any] = {"sites": {"headquarters": {"subnets": ["subnet-0123456789abcdef9"]}}}
MOVED: dict[str, Any] = {"sources": {"crm": {"site": "on-premises"}}}
NO_CRM: dict[str, Any] = {"sources": {"crm": None}, "pipelines": {"customers": None}}
NO_SOURCE: dict[str, Any] = {"sources": {"crm": None, "erp": None}, "pipelines": None}
NO_SITE: dict[str, Any] = {"sites": {"headquarters": None}, **NO_CRM}
EXISTING: dict[str, Any] = {"network": {"existing": VPC}}

IN_PLACE, REPLACES, REFUSED, NOTHING = "in place", "replaces what holds no data", "refused", "nothing"

#: What is edited, the estate before and after as changes of the test's estate, and what it comes to.
MATRIX: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("nothing", {}, {}, NOTHING),
    ("a site of one's own machines more", {}, {"sites": {"third": {"kind": "anywhere"}}}, IN_PLACE),
    ("a cloud site more", {}, {"sites": {"third": {"kind": "cloud"}}}, IN_PLACE),
    ("a site less, with its source", {}, NO_SITE, IN_PLACE),
    (
        "a site renamed",
        {},
        {**NO_SITE, "sites": {"headquarters": None, "centre": {"kind": "cloud"}}},
        IN_PLACE,
    ),
    ("a source more", {}, {"sources": {"third": {"site": "on-premises", "engine": "mysql"}}}, IN_PLACE),
    ("a source less", {}, NO_CRM, REPLACES),
    ("the last source less", {}, NO_SOURCE, REPLACES),
    ("the first source", NO_SOURCE, {}, IN_PLACE),
    ("a source moves to a later stack", {}, MOVED, REFUSED),
    ("a source moves to an earlier stack", MOVED, {}, REFUSED),
    ("a source gets more memory", {}, {"sources": {"erp": {"memory": 1024}}}, REPLACES),
    ("a source of another engine", {}, {"sources": {"erp": {"engine": "mariadb"}}}, IN_PLACE),
    ("a pipeline more", {}, {"pipelines": {"x": {"source": "erp", "query": "select 1 as a"}}}, IN_PLACE),
    ("a pipeline less", {}, {"pipelines": {"orders": None}}, IN_PLACE),
    ("another prefix of a pipeline", {}, {"pipelines": {"orders": {"prefix": "orders"}}}, IN_PLACE),
    ("another query", {}, {"pipelines": {"customers": {"query": "select id from customers"}}}, IN_PLACE),
    ("security groups of a cloud site", {}, GROUPS, REPLACES),
    ("no security groups of one's own any more", GROUPS, {}, IN_PLACE),
    ("subnets of a cloud site", {}, SUBNETS, IN_PLACE),
    ("no subnets of one's own any more", SUBNETS, {}, IN_PLACE),
    (
        "another processor of a cloud site",
        {},
        {"sites": {"headquarters": {"architecture": "arm64"}}},
        REPLACES,
    ),
    ("cloud to anywhere", {}, {"sites": {"headquarters": {"kind": "anywhere"}}}, REPLACES),
    ("network of the containers", {}, {"sites": {"on-premises": {"network_mode": "host"}}}, REPLACES),
    ("another image at a site", {}, {"sites": {"on-premises": {"image": "5f0c3b1a9d2e4876"}}}, REPLACES),
    (
        "a registry at a site",
        {},
        {"sites": {"on-premises": {"registry_mirror": "registry.plant.example:5000"}}},
        REPLACES,
    ),
    (
        "private endpoints of a site",
        {},
        {"sites": {"on-premises": {"endpoints": {"s3": "https://bucket.vpce-0a-b.s3.example.com"}}}},
        REPLACES,
    ),
    ("logs of a site kept longer", {}, {"sites": {"on-premises": {"log_retention_days": 365}}}, IN_PLACE),
    ("a third zone", {}, THREE, IN_PLACE),
    ("the third zone less", THREE, {}, REPLACES),
    ("a fourth zone", {}, {"network": {"availability_zones": [A, B, C, D]}}, IN_PLACE),
    (
        "a third zone with endpoints",
        ENDPOINTS,
        {"network": {**ENDPOINTS["network"], **THREE["network"]}},
        IN_PLACE,
    ),
    ("three zones, then subnets of a cloud site", THREE, {**THREE, **SUBNETS}, IN_PLACE),
    ("zones in another order", {}, {"network": {"availability_zones": [B, A]}}, REFUSED),
    ("another zone", {}, {"network": {"availability_zones": [A, C]}}, REFUSED),
    ("nat to endpoints", {}, ENDPOINTS, REPLACES),
    ("endpoints to nat", ENDPOINTS, {}, REPLACES),
    (
        "nat to endpoints of a packed range",
        {"network": {"addresses": "packed"}},
        {"network": {"addresses": "packed", "egress": "endpoints"}},
        REFUSED,
    ),
    ("a NAT gateway in each zone", {}, {"network": {"nat_gateways": "per-az"}}, IN_PLACE),
    ("another range", {}, {"network": {"cidr": "10.30.0.0/16"}}, REFUSED),
    ("own VPC to another owner's", {}, EXISTING, REFUSED),
    ("another owner's VPC to one's own", EXISTING, {}, REFUSED),
    (
        "endpoints in another owner's VPC",
        EXISTING,
        {"network": {"existing": VPC, "egress": "endpoints"}},
        IN_PLACE,
    ),
    ("another version of Airflow", {}, {"airflow": {"version": "3.2.1"}}, IN_PLACE),
    ("another class", {}, {"airflow": {"environment_class": "mw1.medium"}}, IN_PLACE),
    ("more workers", {}, {"airflow": {"max_workers": 10}}, IN_PLACE),
    ("access from the internet", {}, {"airflow": {"access": "PUBLIC_ONLY"}}, IN_PLACE),
    ("an option of Airflow", {}, {"airflow": {"configuration": {"core.default_timezone": "utc"}}}, IN_PLACE),
    ("the secrets backend", {}, {"airflow": {"secrets_backend": True}}, IN_PLACE),
    ("a log level", {}, {"airflow": {"logging": {"task": "DEBUG"}}}, IN_PLACE),
    ("tags", {}, {"environment": {"tags": {"team": "data"}}}, IN_PLACE),
    ("an address for alarms", {}, {"environment": {"alarm_email": "duty@example.org"}}, IN_PLACE),
    (
        "a boundary",
        {},
        {"environment": {"permissions_boundary": "arn:aws:iam::111122223333:policy/b"}},
        IN_PLACE,
    ),
    (
        "another Region",
        {},
        {
            "environment": {"region": "eu-west-2"},
            "network": {"availability_zones": ["eu-west-2a", "eu-west-2b"]},
        },
        REFUSED,
    ),
    (
        "a site renamed, with its source",
        {},
        {
            "sites": {"on-premises": None, "cellar": {"kind": "anywhere"}},
            "sources": {"erp": {"site": "cellar"}},
        },
        REFUSED,
    ),
    ("another name of the estate", {}, {"environment": {"name": "acme-two"}}, IN_PLACE),
]


_HEAD = """\
# Edits of a deployed estate, and what each comes to

{pairs} pairs of estates, judged over their two assemblies as `bin/hybrid review changes` does, and as
`bin/hybrid cdk deploy` does before it touches anything; no pair deadlocks. The tests judge a part of them
each time, and all with `HYBRID_TEST_CASES={pairs} .venv/bin/python -m pytest tests/synth/stacks`. This page
is made by `.venv/bin/python -m tests.synth.stacks.update_matrix`. For what is refused there is a way round:
[change an estate](../how-to/change-an-estate.md).

{counted}

Before and after are changes of one estate with a cloud site `headquarters` (source `crm`) and a site
`on-premises` with machines of its own (source `erp`); `null` takes a key away. A stack that is in the
estate no more, as after another name, stays deployed until somebody deletes it.

| edit | before | after | what it comes to |
|---|---|---|---|
{rows}
"""


def page() -> str:
    """docs/reference/update-matrix.md: the matrix as a table."""
    counted = Counter(outcome for *_, outcome in MATRIX)
    rows = [f"| {what} | {_keys(old)} | {_keys(new)} | {outcome} |" for what, old, new, outcome in MATRIX]
    return _HEAD.format(
        pairs=len(MATRIX),
        counted="\n".join(f"- {outcome}: {count}" for outcome, count in counted.most_common()),
        rows="\n".join(rows),
    )


def _keys(changes: dict[str, Any]) -> str:
    return f"`{json.dumps(changes)}`" if changes else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
