"""Where a task may run, and the true reason why it may not.

Reasons are those of the Amazon ECS Developer Guide, "Amazon ECS API failure reasons".
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.endpoint.capacity import Capacity
from sandbox.endpoint.errors import invalid_parameter
from sandbox.endpoint.expressions import Predicate, parse
from sandbox.endpoint.requirements import Requirement


@dataclass(frozen=True)
class Need:
    """What a task asks of an instance."""

    cpu: int
    memory: int
    group: str
    members_of: tuple[Predicate, ...] = ()
    distinct: bool = False
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True)
class Strategy:
    """One step of a placement strategy: `random`, `spread` or `binpack`, and its field."""

    type: str
    field: str = ""


@dataclass(frozen=True)
class Constraints:
    """Placement constraints, compiled."""

    members_of: tuple[Predicate, ...]
    distinct: bool


def constraints(wanted: Sequence[tuple[str, str]]) -> Constraints:
    """Compile (type, expression) pairs.

    Raises:
        ServiceError: `InvalidParameterException` for an unknown type or an expression that does not parse.
    """
    unknown = [kind for kind, _ in wanted if kind not in ("memberOf", "distinctInstance")]
    if unknown:
        raise invalid_parameter(f"Placement constraint type '{unknown[0]}' is not supported.")
    members = tuple(parse(expression) for kind, expression in wanted if kind == "memberOf")
    return Constraints(members, any(kind == "distinctInstance" for kind, _ in wanted))


def refusal(capacity: Capacity, need: Need) -> str | None:
    """Why an instance cannot take a task, or None when it can."""
    subjects = capacity.subjects()
    reasons = {
        "AGENT": not capacity.connected,
        "ATTRIBUTE": not all(_has_one(capacity, requirement) for requirement in need.requirements),
        "MemberOf placement constraint unsatisfied.": not all(member(subjects) for member in need.members_of),
        "DistinctInstance placement constraint unsatisfied.": need.distinct and need.group in capacity.groups,
        "RESOURCE:CPU": need.cpu > capacity.cpu,
        "RESOURCE:MEMORY": need.memory > capacity.memory,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def choose(fitting: Sequence[Capacity], strategy: Sequence[Strategy]) -> Capacity:
    """The best of the instances that can take a task: by the strategy, else the emptiest."""

    def rank(capacity: Capacity) -> tuple[float, ...]:
        steps = [_rank(step, capacity) for step in strategy]
        return (*steps, capacity.running + capacity.pending, -capacity.memory)

    return min(fitting, key=rank)


def _has_one(capacity: Capacity, wanted: Requirement) -> bool:
    found = ((capacity.instance.attribute(name), value) for name, value in wanted)
    return any(has is not None and value in (None, has.value) for has, value in found)


def _rank(step: Strategy, capacity: Capacity) -> float:
    if step.type == "random":
        return random.random()  # noqa: S311 - placement, not cryptography
    if step.type == "binpack":
        return capacity.cpu if step.field.lower() == "cpu" else capacity.memory
    return capacity.running + capacity.pending
