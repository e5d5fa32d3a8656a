"""A cloud assembly (cdk.out) as data: its stacks, their templates, and where they go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybrid.estate.partitions import partition_of

#: Account and Region that stand in for an environment which the assembly leaves open: a documentation
#: number (AWS General Reference, "AWS account identifiers") and the first Region.
OPEN_ACCOUNT, OPEN_REGION = "111122223333", "us-east-1"

#: Type of an artifact of a cloud assembly that is a stack (aws-cdk, cloud-assembly-schema).
_STACK = "aws:cloudformation:stack"


class AssemblyError(Exception):
    """A directory is not a cloud assembly; the message says what is missing and how to make one."""


@dataclass(frozen=True)
class Stack:
    """A synthesized stack.

    Attributes:
        name: its CloudFormation name.
        account: twelve digits.
        region: as in eu-west-1.
        template: the template.
        after: names of the stacks that are deployed before this one.
        status: of a deployed stack, as CloudFormation spells it.
    """

    name: str
    account: str
    region: str
    template: Mapping[str, Any] = field(repr=False)
    after: tuple[str, ...] = ()
    status: str = ""

    @property
    def partition(self) -> str:
        """Partition of the Region, as `aws`."""
        return partition_of(self.region).name

    @property
    def url_suffix(self) -> str:
        """Domain of the partition's endpoints."""
        return partition_of(self.region).domain

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """Logical id → resource."""
        resources: Mapping[str, Mapping[str, Any]] = self.template.get("Resources", {})
        return resources


def read_assembly(directory: Path, *, account: str = OPEN_ACCOUNT, region: str = OPEN_REGION) -> list[Stack]:
    """The stacks of a cloud assembly, by name.

    Args:
        directory: what `cdk synth` wrote, usually cdk.out.
        account: stands in where the assembly names no account.
        region: stands in where it names no Region.

    Raises:
        AssemblyError: there is no readable cloud assembly.
    """
    manifest = directory / "manifest.json"
    try:
        artifacts = json.loads(manifest.read_text())["artifacts"]
        stacks = []
        for artifact_id, artifact in artifacts.items():
            if artifact["type"] != _STACK:
                continue
            _, _, place = artifact["environment"].partition("aws://")
            stack_account, _, stack_region = place.partition("/")
            properties = artifact["properties"]
            stacks.append(
                Stack(
                    name=properties.get("stackName", artifact_id),
                    account=account if stack_account.startswith("unknown") else stack_account,
                    region=region if stack_region.startswith("unknown") else stack_region,
                    template=json.loads((directory / properties["templateFile"]).read_text()),
                    after=tuple(
                        sorted(
                            artifacts[other]["properties"].get("stackName", other)
                            for other in artifact.get("dependencies", [])
                            if artifacts[other]["type"] == _STACK
                        )
                    ),
                )
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssemblyError(
            f"{directory} is not a cloud assembly ({type(error).__name__}: {error}): "
            "make one with `bin/hybrid cdk synth --output DIRECTORY`"
        ) from error
    if not stacks:
        raise AssemblyError(
            f"{directory} is a cloud assembly without a stack: make one of an estate with `bin/hybrid cdk "
            "synth --output DIRECTORY`"
        )
    return sorted(stacks, key=lambda stack: stack.name)


def deployment_order(stacks: Sequence[Stack]) -> list[Stack]:
    """Stacks in the order of `cdk deploy --all`: each after all that it depends on, then by name.

    Raises:
        AssemblyError: stacks that wait for each other.
    """
    waiting = {stack.name: stack for stack in sorted(stacks, key=lambda stack: stack.name)}
    ordered: list[Stack] = []
    while waiting:
        ready = [stack for stack in waiting.values() if not set(stack.after) & waiting.keys()]
        if not ready:
            raise AssemblyError(f"these stacks wait for each other: {', '.join(waiting)}")
        ordered += ready
        for stack in ready:
            del waiting[stack.name]
    return ordered
