"""What stacks take from each other, and whether a deployment in its order is ever held up by that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid.review.assembly import Stack, deployment_order


@dataclass(frozen=True)
class HeldUp:
    """A stack of a deployment that CloudFormation refuses to deploy.

    Attributes:
        stack: name of the stack.
        reason: why, as a sentence.
    """

    stack: str
    reason: str


def held_up(before: Sequence[Stack], after: Sequence[Stack]) -> list[HeldUp]:
    """Which stacks of a deployment CloudFormation refuses because of what crosses stacks.

    One stack after the other is deployed, as `cdk deploy --all` does it; every other one is at that time as
    it was before, or as it is after if it has been deployed already. A stack that left the estate stays as it
    was. CloudFormation refuses an export to go, or to change, while a stack imports it (CloudFormation
    Template Reference, "Fn::ImportValue"), and reads an output of another stack when it deploys the one that
    names it ("Fn::GetStackOutput").

    Args:
        before: the stacks that are deployed; none for the first deployment.
        after: the stacks to deploy.
    """
    deployed: dict[str, Mapping[str, Any]] = {stack.name: stack.template for stack in before}
    found: list[HeldUp] = []
    for stack in deployment_order(after):
        old = exports(deployed.get(stack.name, {}))
        new = exports(stack.template)
        others = {name: template for name, template in deployed.items() if name != stack.name}
        for export in sorted(name for name, value in old.items() if new.get(name) != value):
            users = sorted(name for name, template in others.items() if export in imports(template))
            if users:
                found.append(HeldUp(stack.name, f"Export {export} is in use by {', '.join(users)}"))
        exported = {name for template in others.values() for name in exports(template)}
        found += [
            HeldUp(stack.name, f"no stack exports {name}")
            for name in sorted(imports(stack.template) - exported)
        ]
        found += [
            HeldUp(stack.name, f"stack {other} has no output {output}")
            for other, output in sorted(outputs_read(stack.template))
            if output not in others.get(other, {}).get("Outputs", {})
        ]
        deployed[stack.name] = stack.template
    return found


def exports(template: Mapping[str, Any]) -> dict[str, str]:
    """Name of each export of a template → its value, as JSON."""
    return {
        str(output["Export"]["Name"]): json.dumps(output["Value"], sort_keys=True)
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


def imports(template: Mapping[str, Any]) -> set[str]:
    """Names of the exports that a template imports."""
    return {str(name) for name in _arguments(template, "Fn::ImportValue")}


def outputs_read(template: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Stack and output of everything that a template reads from another stack."""
    return {
        (str(of["StackName"]), str(of["OutputName"])) for of in _arguments(template, "Fn::GetStackOutput")
    }


def _arguments(value: Any, function: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == function:
                yield inner
            yield from _arguments(inner, function)
    elif isinstance(value, list):
        for inner in value:
            yield from _arguments(inner, function)
