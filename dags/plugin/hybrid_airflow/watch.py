"""What to do about a container at each look at it. Nothing here asks AWS or sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hybrid_airflow.ecs_task import TaskSnapshot

#: Seconds that a stopped container has to end, before its host is taken for cut off.
GRACE = 150.0
#: Looks in a row that may be refused by AWS for a reason that does not pass.
_REFUSALS = 3
#: Looks in a row that may not find the task: a fresh task may not be seen at once.
_MISSES = 5


@dataclass(frozen=True)
class Deadlines:
    """How long a container may take.

    Attributes:
        start_seconds: From its creation until it runs.
        run_seconds: From then until it has ended.
        end_by: When it must have ended in any case (Airflow's `execution_timeout`).
        grace_seconds: From StopTask until its host is taken for cut off.
    """

    start_seconds: float
    run_seconds: float
    end_by: datetime | None = None
    grace_seconds: float = GRACE


@dataclass(frozen=True)
class Wait:
    """Look again later."""


@dataclass(frozen=True)
class Stop:
    """Stop the container, and look again."""

    reason: str


@dataclass(frozen=True)
class Ended:
    """There is nothing more to wait for.

    Attributes:
        task: The last look at it, None when there never was one.
        because: Why Airflow waits no longer, of a container that has not ended.
    """

    task: TaskSnapshot | None
    because: str | None = None


class Watch:
    """Decides about one container, look by look. Made anew at any time, it decides the same again.

    A container is stopped because of what a look showed, never because a look showed nothing: its deadlines
    are kept at the looks that show it. Only `end_by` holds whatever is seen.

    ECS tells times by its own clock, and deadlines are kept by this one: a time that ECS tells is taken to
    lie between the begin of the try and the look that first showed it, so that no difference between the
    clocks ends a container early, or leaves it running for ever.
    """

    def __init__(self, deadlines: Deadlines, *, since: datetime) -> None:
        self._deadlines = deadlines
        self._since = since
        self._last: TaskSnapshot | None = None
        self._first_seen: datetime | None = None
        self._first_started: datetime | None = None
        self._stopping: tuple[str, datetime] | None = None
        self._misses = 0
        self._refusals = 0

    def observe(self, task: TaskSnapshot | None, now: datetime) -> Wait | Stop | Ended:
        """What to do after a look; `task` is None when ECS does not know it."""
        self._refusals = 0
        if task is None:
            self._misses += 1
            gone = f"ECS has no task of this name any more; last seen: {self._seen()}"
            return Ended(task=self._last, because=gone) if self._misses >= _MISSES else self._unseen(now)
        self._misses = 0
        self._last = task
        self._first_seen = self._first_seen or now
        if task.started:
            self._first_started = self._first_started or now
        if task.stopped:
            return Ended(task=task)
        reason = self._due(self._ending(now) or self._overdue(task, now), now)
        if reason is None:
            return Wait()
        return self._cut_off(reason) if self._grace_is_over(now) else Stop(reason=reason)

    def refused(self, said: str, now: datetime, *, passes: bool) -> Wait | Stop | Ended:
        """What to do after AWS did not answer a look."""
        self._refusals = 0 if passes else self._refusals + 1
        if self._refusals >= _REFUSALS:
            return Ended(task=self._last, because=f"AWS does not let Airflow see the container ({said})")
        return self._unseen(now)

    def _unseen(self, now: datetime) -> Wait | Stop | Ended:
        """What to do after a look that showed nothing: a stop that was decided is told again."""
        reason = self._due(self._ending(now), now)
        if reason is None:
            return Wait()
        if self._ending(now) and self._grace_is_over(now):
            return self._cut_off(reason)
        return Stop(reason=reason)

    def _due(self, reason: str | None, now: datetime) -> str | None:
        """Why the container is to stop: what was decided first, else this reason."""
        if self._stopping is None and reason is not None:
            self._stopping = (reason, now)
        return self._stopping[0] if self._stopping else None

    def _grace_is_over(self, now: datetime) -> bool:
        grace = timedelta(seconds=self._deadlines.grace_seconds)
        return self._stopping is not None and now - self._stopping[1] >= grace

    def _cut_off(self, reason: str) -> Ended:
        return Ended(
            task=self._last,
            because=f"{reason}; it was told to stop, and did not confirm it "
            f"in {self._deadlines.grace_seconds:g} s, "
            "as when its host is cut off: look at the host",
        )

    def _ending(self, now: datetime) -> str | None:
        over = self._deadlines.end_by is not None and now >= self._deadlines.end_by
        return "the task's execution_timeout is over" if over else None

    def _overdue(self, task: TaskSnapshot, now: datetime) -> str | None:
        limits = self._deadlines
        if self._first_started is not None:
            begun = self._here(task.started_at, seen=self._first_started)
            if now - begun >= timedelta(seconds=limits.run_seconds):
                return f"the container ran longer than its run deadline of {span(limits.run_seconds)}"
            return None
        created = self._here(task.created_at, seen=self._first_seen or now)
        if now - created >= timedelta(seconds=limits.start_seconds):
            limit = span(limits.start_seconds)
            return f"the container did not start within its start deadline of {limit} ({task.last_status})"
        return None

    def _here(self, told: datetime | None, *, seen: datetime) -> datetime:
        """A time of ECS by this clock; the look that first showed it where ECS tells none."""
        return min(max(told or seen, self._since), seen)

    def _seen(self) -> str:
        return self._last.last_status if self._last else "never"


def span(seconds: float) -> str:
    """A length of time for people: `4 h`, `15 min`, `90 s`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
