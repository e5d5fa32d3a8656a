"""No stack holds another: every edit deploys in the order of the deployment, in both directions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.references import HeldUp, exports, held_up, imports, outputs_read

StacksOf = Callable[[Mapping[str, Any]], list[Stack]]

EXISTING = {
    "vpc": "vpc-0123456789abcdef0",
    "private_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]

#: What is edited in the estate of tests/synth/conftest.py. Each is tried there and back.
EDITS: dict[str, dict[str, Any]] = {
    "security groups of a cloud site": {
        "sites": {"headquarters": {"security_groups": ["sg-0123456789abcdef0"]}}
    },
    "subnets of a cloud site": {"sites": {"headquarters": {"subnets": ["subnet-0123456789abcdef9"]}}},
    "a cloud site becomes one of one's own machines": {"sites": {"headquarters": {"kind": "anywhere"}}},
    "a site of one's own machines becomes a cloud site": {
        "sites": {"on-premises": {"kind": "cloud"}},
        "sources": {"erp": {"memory": 512, "cpu": 256}},
    },
    "no source, no pipeline": {"sources": {"crm": None, "erp": None}, "pipelines": None},
    "one source less": {"sources": {"crm": None}, "pipelines": {"customers": None}},
    "a site less": {
        "sites": {"headquarters": None},
        "sources": {"crm": None},
        "pipelines": {"customers": None},
    },
    "a site more": {"sites": {"third": {"kind": "cloud"}}},
    "a third zone": {"network": {"availability_zones": ZONES}},
    "endpoints": {"network": {"egress": "endpoints"}},
    "a VPC of another owner": {"network": {"existing": EXISTING}},
    "a source moves": {"sources": {"crm": {"site": "on-premises"}}},
}


@pytest.fixture(scope="module")
def stacks_of(synthesize: Any) -> StacksOf:
    known: dict[str, list[Stack]] = {}

    def made(changes: Mapping[str, Any]) -> list[Stack]:
        key = repr(changes)
        if key not in known:
            known[key] = read_assembly(synthesize(changes).directory, region="eu-west-1")
        return known[key]

    return made


@pytest.mark.parametrize("edit", list(EDITS))
def test_an_edit_and_its_return_are_deployed_without_a_stack_holding_another(
    edit: str, stacks_of: StacksOf
) -> None:
    before, after = stacks_of({}), stacks_of(EDITS[edit])

    assert held_up([], after) == []
    assert held_up(before, after) == []
    assert held_up(after, before) == []


def test_three_zones_and_then_subnets_of_a_cloud_site(stacks_of: StacksOf) -> None:
    # Given an estate in three zones, whose cloud site gets subnets of its own
    three = stacks_of({"network": {"availability_zones": ZONES}})
    named = stacks_of(
        {
            "network": {"availability_zones": ZONES},
            "sites": {"headquarters": {"subnets": ["subnet-01234567"]}},
        }
    )

    assert held_up(three, named) == []
    assert held_up(named, three) == []


def test_no_stack_imports_and_each_reads_only_stacks_that_come_before(stacks_of: StacksOf) -> None:
    stacks = stacks_of({})

    assert [stack.name for stack in stacks if imports(stack.template)] == []
    for stack in stacks:
        assert {other for other, _ in outputs_read(stack.template)} <= set(stack.after), stack.name
    assert sum(len(outputs_read(stack.template)) for stack in stacks) > 10


def test_an_estate_that_was_deployed_with_imports_is_updated_in_one_deployment(stacks_of: StacksOf) -> None:
    # Given the templates as releases before made them, each reading by import what it reads as an output now
    stacks = stacks_of({})
    imported = [_with_imports(stack, stacks) for stack in stacks]
    assert sum(len(imports(stack.template)) for stack in imported) > 10

    # Then this release replaces them in one deployment
    assert held_up(imported, stacks) == []


def test_a_dropped_export_that_is_in_use_is_found() -> None:
    # Given a stack with an export, and one that imports it and is deployed later
    def stack(name: str, template: dict[str, Any], *after: str) -> Stack:
        return Stack(name, "111122223333", "eu-west-1", template, after)

    exporting = {"Outputs": {"One": {"Value": {"Ref": "A"}, "Export": {"Name": "one:A"}}}}
    before = [stack("one", exporting), stack("two", {"R": {"Fn::ImportValue": "one:A"}}, "one")]

    # Then the export can neither go nor change, although the importer lets go of it
    for template in ({}, {"Outputs": {"One": {"Value": {"Ref": "B"}, "Export": {"Name": "one:A"}}}}):
        after = [stack("one", template), stack("two", {}, "one")]
        assert held_up(before, after) == [HeldUp("one", "Export one:A is in use by two")]

    # And so it is where the importer has left the estate; a read output holds nothing, and has to be there
    assert held_up(before, [stack("one", {})]) == [HeldUp("one", "Export one:A is in use by two")]
    reading = {"R": {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "One"}}}
    assert held_up([stack("one", exporting), stack("two", reading, "one")], [stack("one", {})]) == []
    assert held_up([], [stack("one", {}), stack("two", reading, "one")]) == [
        HeldUp("two", "stack one has no output One")
    ]


def _with_imports(stack: Stack, stacks: list[Stack]) -> Stack:
    outputs = {one.name: one.template.get("Outputs", {}) for one in stacks}
    names = {one.name: {value: name for name, value in exports(one.template).items()} for one in stacks}

    def imported(value: Any) -> Any:
        match value:
            case {"Fn::GetStackOutput": {"StackName": other, "OutputName": output}}:
                wanted = json.dumps(outputs[other][output]["Value"], sort_keys=True)
                return {"Fn::ImportValue": names[other][wanted]}
            case dict():
                return {key: imported(inner) for key, inner in value.items()}
            case list():
                return [imported(inner) for inner in value]
        return value

    return Stack(stack.name, stack.account, stack.region, imported(dict(stack.template)), stack.after)
