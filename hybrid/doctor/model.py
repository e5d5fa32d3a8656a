"""What a check finds, and how checks are run: at once, each for a bounded time, and none ends the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, Queue
from threading import Thread

from workspace.installing.purposes import Purpose

#: Seconds after which a check that has not ended counts as one that cannot be made.
DEADLINE = 9.0

ALL = frozenset(Purpose)


class FindingState(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One thing of this machine.

    Attributes:
        name: what it is.
        found: what was seen.
        good: whether it is as it should be; None where that could not be seen.
        concerns: purposes that it is of use for.
        needed_for: purposes that cannot do without it.
        cost: what it costs where it is not good.
        remedy: what to do then.
    """

    name: str
    found: str
    good: bool | None = True
    concerns: Collection[Purpose] = field(default=ALL)
    needed_for: Collection[Purpose] = ()
    cost: str = ""
    remedy: str = ""

    def state(self, purposes: Collection[Purpose]) -> FindingState:
        """How it is for somebody with these purposes."""
        if self.good is None:
            return FindingState.UNKNOWN
        if self.good:
            return FindingState.OK
        return FindingState.MISSING if set(self.needed_for) & set(purposes) else FindingState.WARNING


@dataclass(frozen=True)
class Check:
    """A check: what it is about, whom it concerns, and what does the looking."""

    name: str
    look: Callable[[], Iterable[Finding]]
    concerns: Collection[Purpose] = field(default=ALL)


def run(checks: Sequence[Check], *, deadline: float = DEADLINE) -> list[Finding]:
    """Run checks at once; findings in the order of the checks.

    A check that fails or does not end has a finding that says so: nothing is good because nobody looked.
    """
    answers: Queue[tuple[int, list[Finding]]] = Queue()

    def one(index: int, check: Check) -> None:
        try:
            answers.put((index, list(check.look())))
        except Exception as error:  # noqa: BLE001 - one check must not end the others
            answers.put((index, [_unknown(check, f"the check failed: {type(error).__name__}: {error}")]))

    for index, check in enumerate(checks):
        # Daemons: what never answers must not keep the command from its end.
        Thread(target=one, args=(index, check), daemon=True).start()
    found: dict[int, list[Finding]] = {}
    end = time.monotonic() + deadline
    while len(found) < len(checks) and (left := end - time.monotonic()) > 0:
        try:
            index, findings = answers.get(timeout=left)
        except Empty:
            break
        found[index] = findings
    late = f"no answer within {deadline:.0f} s"
    return [
        finding for index, check in enumerate(checks) for finding in found.get(index, [_unknown(check, late)])
    ]


def _unknown(check: Check, why: str) -> Finding:
    return Finding(
        check.name,
        why,
        None,
        check.concerns,
        cost="it is not known whether this is as it should be",
        remedy="put right what the line says, and run this again",
    )
