"""What an edit does, before it is done: stacks and minutes, what is touched, permissions, people's tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid.review.assembly import Stack, deployment_order
from hybrid.review.comparison import PermissionChange, compare
from hybrid.review.differences import Differences, Place, Resource
from hybrid.review.durations import minutes
from hybrid.review.permissions import permissions_of
from hybrid.review.policies import read_policies
from hybrid.review.states import Unsettled, unsettled
from hybrid.review.verdict import Outcome, Verdict, judge

_ENVIRONMENT = "AWS::MWAA::Environment"
_TASK = "AWS::ECS::TaskDefinition"
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type
_TAG = re.compile(r":([0-9a-f]{16})\"")


@dataclass(frozen=True)
class StackChange:
    """What a deployment does to one stack.

    Attributes:
        name: of the stack.
        is_new: whether it is not there yet.
        created: how many resources are created.
        changed: how many are changed in place.
        replaced: how many are created anew and then deleted.
        deleted: how many go.
        minutes: how long it takes, at least and at most.
    """

    name: str
    is_new: bool
    created: int
    changed: int
    replaced: int
    deleted: int
    minutes: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What an edit does.

    Attributes:
        verdict: whether CloudFormation can do it, and what is replaced or left.
        stacks: those that change, in the order of their deployment.
        touched: data and running work that it reaches, a sentence each.
        permissions: what somebody may do from then on, or may do no more.
        before: what a person has to do before it is deployed, a sentence each.
        after: what a person has to do afterwards, a sentence each.
        unsettled: stacks that are being changed, or whose last deployment did not end.
    """

    verdict: Verdict
    stacks: tuple[StackChange, ...]
    touched: tuple[str, ...]
    permissions: tuple[PermissionChange, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    unsettled: tuple[Unsettled, ...] = ()


def plan(before: Sequence[Stack], after: Sequence[Stack]) -> Plan:
    """What deploying some stacks does to those that are deployed.

    Args:
        before: what is deployed; nothing, before the first deployment.
        after: what is to be deployed.
    """
    verdict = judge(before, after)
    waiting = tuple(unsettled(before))
    if verdict.outcome is Outcome.NOTHING:
        return Plan(verdict, (), (), (), (), tuple(left_stacks(verdict)), waiting)
    differences = Differences(before, after)
    # What is in a stack that left the estate stays, with its permissions.
    staying = [stack for stack in before if stack.name not in differences.left]
    permissions = compare(_permissions(staying), _permissions(after))
    return Plan(
        verdict=verdict,
        stacks=tuple(_stacks(differences, verdict)),
        touched=tuple(_touched(differences)),
        permissions=tuple(permissions),
        before=tuple(_first(differences)),
        after=(*_then(differences), *left_stacks(verdict)),
        unsettled=waiting,
    )


def _permissions(stacks: Sequence[Stack]) -> list[Any]:
    return permissions_of(read_policies(stacks)) if stacks else []


def _stacks(differences: Differences, verdict: Verdict) -> Iterator[StackChange]:
    there = {stack.name for stack in differences.before}
    for name in verdict.order:
        places = {place for place in differences.changed if place[0] == name}
        created = places - differences.old.keys()
        deleted = places & differences.gone
        replaced = {place for place in differences.replaced if place[0] == name}
        changed = places - created - deleted - replaced
        new = [_kind(differences.new[place]) for place in created | replaced]
        other = [_kind(differences.old[place]) for place in changed | deleted]
        upgraded = any(_version(differences, place) for place in changed)
        yield StackChange(
            name=name,
            is_new=name not in there,
            created=len(created),
            changed=len(changed),
            replaced=len(replaced),
            deleted=len(deleted),
            minutes=minutes(new, other, upgrade=upgraded),
        )


def _version(differences: Differences, place: Place) -> tuple[str, str] | None:
    """The versions of Airflow before and after, where they differ."""
    old, new = differences.old[place], differences.new[place]
    if _kind(old) != _ENVIRONMENT:
        return None
    versions = (_property(old, "AirflowVersion"), _property(new, "AirflowVersion"))
    return (str(versions[0]), str(versions[1])) if versions[0] != versions[1] else None


def _touched(differences: Differences) -> Iterator[str]:
    both = sorted(differences.changed & differences.old.keys() & differences.new.keys())
    for place in both:
        old, new = differences.old[place], differences.new[place]
        if _kind(old) == _ENVIRONMENT:
            yield from _environment(differences, place)
        elif _kind(old) == _TASK:
            family = _property(new, "Family")
            what = "another image" if _tags(old) != _tags(new) else "another task definition"
            yield f"{family}: runs under way end as they began; those that start later have {what}"
    for place in sorted(differences.gone):
        old = differences.old[place]
        kept = str(old.get("DeletionPolicy", "Delete")).startswith("Retain")
        if _kind(old) == _SECRET and kept:
            yield f"secret {_property(old, 'Name')} leaves the estate, and is kept with what is in it"
        elif _kind(old) == _TASK:
            yield (
                f"{_property(old, 'Family')}: no run starts any more; one that is under way loses its task "
                "role with the stack's update. Pause its DAGs and let runs end first"
            )


def _environment(differences: Differences, place: Place) -> Iterator[str]:
    name = _property(differences.new[place], "Name")
    if place in differences.replaced:
        return
    strategy = _property(differences.new[place], "WorkerReplacementStrategy") or "FORCED"
    said = (
        "tasks on workers may end (FORCED)"
        if strategy == "FORCED"
        else "workers are replaced when their tasks have ended (GRACEFUL), up to twelve hours later"
    )
    yield f"Airflow {name} is updated: {said}; containers at the sites run on, and runs go on with them"
    if versions := _version(differences, place):
        yield (
            f"Airflow goes from {versions[0]} to {versions[1]}: while it is upgraded nothing is scheduled, "
            "and there is no way back to the version before"
        )


def _first(differences: Differences) -> Iterator[str]:
    if not differences.before:
        return
    tags = {tag for place in _new_tasks(differences) for tag in _tags(differences.new[place])}
    known = {tag for one in differences.old.values() if _kind(one) == _TASK for tag in _tags(one)}
    if tags - known:
        yield ("push the image, which the registry does not have yet: bin/hybrid image push")


def _then(differences: Differences) -> Iterator[str]:
    created = sorted(differences.changed - differences.old.keys())
    if not differences.before and any(_kind(differences.new[place]) == _TASK for place in created):
        yield "push the image, once the registry is there: bin/hybrid image push"
    for place in created:
        name = str(_property(differences.new[place], "Name") or "")
        if _kind(differences.new[place]) != _SECRET:
            continue
        if source := re.fullmatch(r"hybrid/[^/]+/sources/(.+)", name):
            yield f"fill the secret of source {source[1]}: bin/hybrid sources secret {source[1]}"
        elif site := re.fullmatch(r"hybrid/[^/]+/sites/(.+)/activation", name):
            yield f"let hosts join site {site[1]}: bin/hybrid sites activate {site[1]}"
        elif name.startswith("hybrid/"):
            yield f"fill the secret {name}"


def left_stacks(verdict: Verdict) -> Iterator[str]:
    """A sentence for each stack that the estate no longer has, with the command that deletes it."""
    for stack in verdict.left:
        _, is_site, site = stack.partition("-site-")
        how = (
            f"bin/hybrid sites retire {site}"
            if is_site
            else f"aws cloudformation delete-stack --stack-name {stack}"
        )
        yield f"{stack} is in the estate no more, and stays as it is until you take it away: {how}"


def _new_tasks(differences: Differences) -> list[Place]:
    return [
        place
        for place in differences.changed & differences.new.keys()
        if _kind(differences.new[place]) == _TASK
    ]


def _tags(task: Resource) -> set[str]:
    """Tags of the images of a task definition: the hashes of what they are built from."""
    images = [one.get("Image") for one in _property(task, "ContainerDefinitions") or ()]
    return {tag for image in images for tag in _TAG.findall(json.dumps(image))}


def _kind(resource: Resource) -> str:
    return str(resource["Type"])


def _property(resource: Resource, name: str) -> Any:
    return resource.get("Properties", {}).get(name)


def total_minutes(stacks: Sequence[StackChange], after: Sequence[Stack]) -> tuple[int, int]:
    """Minutes of a whole deployment, stacks that wait for none of the others side by side."""
    own = {one.name: one.minutes for one in stacks}
    ends: dict[str, tuple[int, int]] = {}
    for stack in deployment_order(after):
        begins = [ends[name] for name in stack.after if name in ends]
        low, high = own.get(stack.name, (0, 0))
        ends[stack.name] = (
            max((end[0] for end in begins), default=0) + low,
            max((end[1] for end in begins), default=0) + high,
        )
    return max((end[0] for end in ends.values()), default=0), max(
        (end[1] for end in ends.values()), default=0
    )
