"""What is hit, and when: an endless schedule that its seed repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

_T = TypeVar("_T")


class Kind(StrEnum):
    """A kind of fault."""

    TASK = "task process killed"
    WORKER = "worker killed"
    TRIGGERER = "triggerer killed"
    SCHEDULER = "scheduler killed"
    CONTAINER = "container killed"
    AGENT = "agent of a host killed"
    HOST = "host killed, its containers with it"
    LINE = "line of a host cut"
    ECS_THROTTLED = "ECS throttled"
    ECS_FAILING = "ECS answered 5xx"
    ECS_UNHEARD = "ECS did it, its answer was lost"
    LOGS_FAILING = "Logs throttled or 5xx"
    S3_FAILING = "S3 answered 503"
    CLOCK = "clock of ECS wrong"


#: How often each kind is drawn. A scheduler and a triggerer take longest to come back, so they are rarer.
_WEIGHTS = {
    Kind.TASK: 3, Kind.WORKER: 3, Kind.TRIGGERER: 1.5, Kind.SCHEDULER: 0.7, Kind.CONTAINER: 3, Kind.AGENT: 1,
    Kind.HOST: 1, Kind.LINE: 1.5, Kind.ECS_THROTTLED: 2, Kind.ECS_FAILING: 2, Kind.ECS_UNHEARD: 1.5,
    Kind.LOGS_FAILING: 2, Kind.S3_FAILING: 2, Kind.CLOCK: 1,
}  # fmt: skip

#: Seconds between two faults, at least and at most, at pace 1.
_GAP = (4.0, 20.0)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        gap: seconds after the fault before.
        kind: what it is.
        aim: from 0 up to 1: which of the things there are at that moment is hit, and how.
        seconds: how long it lasts, where it lasts.
        times: how many calls it hits, where it hits calls.
    """

    gap: float
    kind: Kind
    aim: float
    seconds: float
    times: int

    def pick(self, among: list[_T]) -> _T | None:
        """The one of a list that is hit; None where there is none."""
        return among[int(self.aim * len(among))] if among else None


def faults(seed: int, *, pace: float = 1.0) -> Iterator[Fault]:
    """The schedule of a seed: each kind once, in random order, and then for ever by their weights.

    At pace 2 there is half the time between two faults.
    """
    chance = random.Random(seed)  # noqa: S311 - a schedule that can be repeated, no secret
    first = [*Kind]
    chance.shuffle(first)
    while True:
        kind = first.pop() if first else chance.choices([*_WEIGHTS], [*_WEIGHTS.values()])[0]
        yield Fault(
            gap=round(chance.uniform(*_GAP) / pace, 1),
            kind=kind,
            aim=chance.random(),
            seconds=round(chance.uniform(1, 25), 1),
            times=chance.randint(1, 8),
        )
