"""What differs between the resources of two assemblies: changed in place, replaced, gone, new."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid.review.assembly import Stack
from hybrid.review.schemas import replaces

Resource = Mapping[str, Any]

#: Stack and logical id of a resource.
Place = tuple[str, str]

#: Types whose resources have a name that is a contract here, with the property that holds it. CloudFormation
#: does not replace a resource with a name of its own (CloudFormation User Guide, "Custom-named resources").
NAMED = {
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::MWAA::Environment": "Name",
    "AWS::SecretsManager::Secret": "Name",
}


@dataclass(frozen=True)
class Differences:
    """What differs between the stacks before and after an edit.

    Attributes:
        before: the stacks that are deployed.
        after: the stacks to deploy.
    """

    before: Sequence[Stack]
    after: Sequence[Stack]

    @functools.cached_property
    def old(self) -> dict[Place, Resource]:
        """Every resource before."""
        return resources(self.before)

    @functools.cached_property
    def new(self) -> dict[Place, Resource]:
        """Every resource after."""
        return resources(self.after)

    @functools.cached_property
    def changed(self) -> set[Place]:
        """What is not as it was: new, gone, or with other properties."""
        return {place for place in self.old.keys() | self.new.keys() if self._differs(place)}

    @functools.cached_property
    def gone(self) -> set[Place]:
        """What a stack that stays has no more. What is in a stack that left the app stays as it is."""
        staying = {stack.name for stack in self.after}
        return {place for place in self.old.keys() - self.new.keys() if place[0] in staying}

    @functools.cached_property
    def left(self) -> set[str]:
        """Stacks that are in the app no more, and that no deployment touches."""
        return {stack.name for stack in self.before} - {stack.name for stack in self.after}

    @functools.cached_property
    def replaced(self) -> dict[Place, list[str]]:
        """What is created anew and then deleted → why: properties, or what it refers to that is replaced."""
        found = {
            place: why
            for place in self.old.keys() & self.new.keys()
            if (why := _why_replaced(self.old[place], self.new[place]))
        }
        while True:
            more = {
                place: why
                for place in self.old.keys() & self.new.keys() - found.keys()
                if (why := _why_replaced(self.old[place], self._renamed(place, set(found))))
            }
            if not more:
                return found
            found |= more

    def _differs(self, place: Place) -> bool:
        old, new = self.old.get(place), self.new.get(place)
        return old is None or new is None or _substance(old) != _substance(new)

    def _renamed(self, place: Place, replaced: set[Place]) -> Resource:
        """A resource as it is once those that it refers to, also in other stacks, have other ids."""
        stack = place[0]
        outputs = {
            (one.name, name)
            for one in self.after
            for name, output in one.template.get("Outputs", {}).items()
            if _refers(output["Value"], {of for at, of in replaced if at == one.name})
        }

        def renamed(value: Any) -> Any:
            match value:
                case {"Ref": name} if (stack, name) in replaced:
                    return "another"
                case {"Fn::GetAtt": [name, *_]} if (stack, name) in replaced:
                    return "another"
                case {"Fn::GetStackOutput": {"StackName": other, "OutputName": output}}:
                    return "another" if (other, output) in outputs else value
                case dict():
                    return {key: renamed(inner) for key, inner in value.items()}
                case list():
                    return [renamed(inner) for inner in value]
            return value

        resource: Resource = renamed(dict(self.new[place]))
        return resource


def resources(stacks: Sequence[Stack]) -> dict[Place, Resource]:
    """Every resource of some stacks."""
    return {(stack.name, name): resource for stack in stacks for name, resource in stack.resources.items()}


def fixed_name(resource: Resource) -> tuple[str, str] | None:
    """Type and name of a resource whose name is a contract."""
    kind = str(resource["Type"])
    name = resource.get("Properties", {}).get(NAMED.get(kind, ""))
    return (kind, name) if isinstance(name, str) else None


def _why_replaced(old: Resource, new: Resource) -> list[str]:
    if old["Type"] != new["Type"]:
        return ["Type"]
    return replaces(old["Type"], old.get("Properties", {}), new.get("Properties", {}))


def _substance(resource: Resource) -> dict[str, Any]:
    """A resource without what is for the reader of a template only."""
    return {key: value for key, value in resource.items() if key != "Metadata"}


def _refers(value: Any, names: set[str]) -> bool:
    text = json.dumps(value)
    return any(f'{{"Ref": "{name}"}}' in text or f'{{"Fn::GetAtt": ["{name}", ' in text for name in names)
