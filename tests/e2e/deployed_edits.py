"""Edits that are deployed to the emulator, each over the estate of tests/synth, and taken back.

`.venv/bin/python -m tests.e2e.deployed_edits` deploys all of them and writes the page.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.account import Account
from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "deployed-edits.md"

#: File that gets the rows of a run, one JSON object a line.
ROWS = "HYBRID_TEST_EDIT_ROWS"

Changes = Mapping[str, Any]

_NO_ERP: Changes = {"sources": {"erp": None}, "pipelines": {"orders": None}}
_NO_SITE: Changes = {"sites": {"on-premises": None}, **_NO_ERP}

#: What is edited → the estates that are deployed one after the other over the first, which comes last again.
EDITS: dict[str, tuple[Changes, ...]] = {
    "a site of one's own machines more": ({"sites": {"third": {"kind": "anywhere"}}},),
    "a cloud site more": ({"sites": {"third": {"kind": "cloud"}}},),
    "a source more": ({"sources": {"third": {"site": "on-premises", "engine": "mysql"}}},),
    "a source less, and added again": (_NO_ERP,),
    "a source moved by two deployments": (_NO_ERP, {"sources": {"erp": {"site": "headquarters"}}}, _NO_ERP),
    "the last source less": ({"sources": {"crm": None, "erp": None}, "pipelines": None},),
    "a source gets more memory": ({"sources": {"erp": {"memory": 1024}}},),
    "another processor of a cloud site": ({"sites": {"headquarters": {"architecture": "arm64"}}},),
    "security groups of a cloud site": (
        {"sites": {"headquarters": {"security_groups": ["sg-0123456789abcdef0"]}}},
    ),
    "a cloud site becomes one of one's own machines": ({"sites": {"headquarters": {"kind": "anywhere"}}},),
    "a third zone": ({"network": {"availability_zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"]}},),
    "nat to endpoints": ({"network": {"egress": "endpoints"}},),
    "a pipeline more": ({"pipelines": {"more": {"source": "erp", "query": "select 1 as one"}}},),
    "logs of a site kept longer": ({"sites": {"on-premises": {"log_retention_days": 365}}},),
    "tags": ({"environment": {"tags": {"team": "data"}}},),
    "a site retired, and made again": (_NO_SITE,),
    "another range": ({"network": {"cidr": "10.30.0.0/16"}},),
    "a source moved at once": ({"sources": {"erp": {"site": "headquarters"}}},),
}


@dataclass(frozen=True)
class Row:
    """What happened.

    Attributes:
        edit: what was edited.
        deployed: what each deployment came to, in order; the last one takes the edit back.
        stacks: names of the stacks that any of them touched, without the estate's prefix.
        replaced: types of the resources that any of them made anew under the same logical id.
        kept: what still was what it had been, though it went or was in the way.
    """

    edit: str
    deployed: tuple[str, ...]
    stacks: tuple[str, ...]
    replaced: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """The stacks at a time: logical id → physical id, and when each was touched."""

    resources: dict[tuple[str, str], tuple[str, str]]
    touched: dict[str, str]

    @classmethod
    def of(cls, account: Account) -> Seen:
        client = account.client("cloudformation")
        resources, touched = {}, {}
        for page in client.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                name = stack["StackName"]
                if not name.startswith("hybrid-"):
                    continue
                touched[name] = str(stack.get("LastUpdatedTime") or stack["CreationTime"])
                for found in client.get_paginator("list_stack_resources").paginate(StackName=name):
                    for one in found["StackResourceSummaries"]:
                        place = (name, one["LogicalResourceId"])
                        resources[place] = (one["ResourceType"], one.get("PhysicalResourceId", ""))
        return cls(resources, touched)

    def replaced_in(self, later: Seen) -> set[str]:
        both = self.resources.keys() & later.resources.keys()
        return {self.resources[place][0] for place in both if self.resources[place] != later.resources[place]}

    def touched_in(self, later: Seen) -> set[str]:
        names = self.touched.keys() | later.touched.keys()
        return {name for name in names if self.touched.get(name) != later.touched.get(name)}


def page(rows: list[Row]) -> str:
    """docs/reference/deployed-edits.md."""
    lines = [
        f"| {one.edit} | {', then '.join(one.deployed)} | {', '.join(one.stacks) or '-'} | "
        f"{', '.join(one.replaced) or '-'} | {', '.join(one.kept) or '-'} |"
        for one in rows
    ]
    return _HEAD.format(count=len(rows), rows="\n".join(lines))


_HEAD = """\
# Edits that were deployed

{count} edits of an estate, each deployed by `bin/hybrid deploy` to an emulator of AWS over the estate before
it, and taken back. All stacks were settled after each deployment, and a plan of the same found nothing more
to do. What the emulator lacks ([differences](differences.md)) is in none of them: what MWAA does with an
edit is judged by its template ([update matrix](update-matrix.md)). The tests deploy a part of them each
time; this page is made by `.venv/bin/python -m tests.e2e.deployed_edits`, which deploys all.

| edit | what each deployment came to, the way back last | stacks that were touched | made anew | kept |
|---|---|---|---|---|
{rows}
"""


def rows_of_page() -> dict[str, str]:
    """Edit → its line in the page."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines[1:]}


def note(row: Row) -> None:
    """Keep a row for whoever writes the page."""
    if file := os.environ.get(ROWS):
        with Path(file).open("a", encoding="utf-8") as rows:
            rows.write(json.dumps(asdict(row)) + "\n")


def _write(run: Callable[[list[str]], int]) -> int:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "rows")
        os.environ |= {ROWS: str(file), "HYBRID_TEST_CASES": str(len(EDITS))}
        code = int(run(["-q", str(ROOT / "tests" / "e2e" / "test_deployed_edits.py"), "-k", "each_edit"]))
        lines = file.read_text(encoding="utf-8").splitlines()
    rows = [Row(**json.loads(line)) for line in lines]
    PAGE.write_text(page(rows), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(_write(pytest.main))
