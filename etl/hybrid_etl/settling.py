"""Late rows: before an interval is read, what may still write into it must have ended.

A row is stamped when its transaction runs and seen when it commits. So a run waits until the database's clock
has passed the interval's end by `settle` seconds, and until no transaction that began before that moment is
open. What each engine can see of them is in readers/postgresql/settling.py and readers/mysql/settling.py;
what it cannot is said in the receipt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from hybrid_etl.errors import Failure, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval

if TYPE_CHECKING:
    from hybrid_etl.specification import Specification

_POLL_SECONDS = 0.25
_SLOWEST_POLL_SECONDS = 5.0
_SAY_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Settling:
    """`seconds` after an interval's end until it counts as over; `wait_seconds`, the longest wait beyond."""

    seconds: float = 0
    wait_seconds: float = 900

    @classmethod
    def parse(cls, document: dict[str, object], *, where: str) -> Settling | None:
        """Read `settle` and `settle_wait` of a specification; None where `settle` is null: no wait at all.

        Raises UserError for what is no number of seconds.
        """
        if "settle" in document and document["settle"] is None:
            return None
        found = {}
        for key, default in (("settle", cls.seconds), ("settle_wait", cls.wait_seconds)):
            value = document.get(key, default)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise UserError(f"{where}: {key} is {value!r}; it must be a number of seconds, at least 0.")
            found[key] = float(value)
        return cls(seconds=found["settle"], wait_seconds=found["settle_wait"])


@dataclass(frozen=True, kw_only=True)
class Open:
    """What may still write: `count` of it, the oldest since `since`, named in `what` and, if known, `who`."""

    count: int
    what: str = "transactions"
    since: datetime | None = None
    who: str = ""

    def sentence(self, now: datetime) -> str:
        """It in words, with ages in seconds, and no more of it than numbers of sessions."""
        age = f", the oldest for {(now - self.since).total_seconds():.0f} s" if self.since else ""
        return f"{self.count} {self.what}{age}{f' ({self.who})' if self.who else ''}"


class Watch(Protocol):
    """An engine's view of its transactions."""

    unseen: list[str]
    again_seconds: float
    """After a look that found nothing, how long until the second, which confirms it."""

    def now(self) -> datetime:
        """The database's clock, in UTC."""

    def open_before(self, horizon: datetime) -> Open | None:
        """What began before `horizon` and may still write, None for nothing; asked only after `horizon`."""


@dataclass
class Settled:
    """How a run's interval came to rest, as its receipt has it."""

    until: datetime | None = None
    waited_seconds: float = 0.0
    looks: int = 0
    unseen: list[str] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        """`until` is the moment before which nothing was open; `unseen` what the database did not show."""
        return {
            "until": self.until.isoformat() if self.until else None,
            "waited_seconds": round(self.waited_seconds, 3),
            "unseen": self.unseen,
        }


def settle(watch: Watch, specification: Specification, interval: Interval | None) -> dict[str, object]:
    """Settle a run that reads an interval; gives what the receipt says, nothing where there is no wait.

    Raises Failure as `wait_until_settled` does.
    """
    if interval is None or specification.settling is None or not specification.reads_interval:
        return {}
    return {"settled": wait_until_settled(watch, specification.settling, interval).document()}


def wait_until_settled(
    watch: Watch,
    settling: Settling,
    interval: Interval,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Settled:
    """Wait until nothing that began before the interval's end, and `settle` seconds more, may still write.

    Raises Failure after `settle_wait`: to go on would lose rows that nobody would miss, and a later try may
    find the transaction ended.
    """
    try:
        horizon = interval.end + timedelta(seconds=settling.seconds)
    except OverflowError:
        horizon = datetime.max.replace(tzinfo=UTC)
    began = clock()
    said = began
    settled = Settled(until=horizon)
    limit = settling.seconds + settling.wait_seconds
    poll, clean = _POLL_SECONDS, 0
    while True:
        now = watch.now()
        ahead = (horizon - now).total_seconds()
        waited = clock() - began
        if ahead > 0 and ahead + waited > limit:
            raise Failure(_too_early(interval, ahead, settling))
        found = None
        if ahead <= 0:
            settled.looks += 1
            found = watch.open_before(horizon)
            clean = 0 if found else clean + 1
            # A session shows its transaction a moment after it has taken its time: what was missed by one
            # look is there at the next.
            if clean == 2:
                break
        if found and waited >= limit:
            raise Failure(_still_open(found, interval, now, settling))
        if found and (settled.looks == 1 or clock() - said >= _SAY_SECONDS):
            said = clock()
            sentence = found.sentence(now)
            emit("info", f"Waiting for what may still write into the interval: {sentence}.", open=sentence)
        rest = ahead if ahead > 0 else watch.again_seconds if clean else poll
        if found:
            poll = min(poll * 1.5, _SLOWEST_POLL_SECONDS)
        left = max(limit - waited, 0.0) if not clean else rest
        sleep(max(min(rest, left), 0.001))
    settled.waited_seconds = clock() - began
    settled.unseen = list(watch.unseen)
    if settled.unseen:
        unseen = "; ".join(settled.unseen)
        emit(
            "warning",
            f"Rows that come late may be missing from the interval, for this cannot be seen: {unseen}. Where "
            "that cannot be changed, read intervals later, with the pipeline's settle.",
            unseen=unseen,
        )
    return settled


def _too_early(interval: Interval, ahead: float, settling: Settling) -> str:
    return (
        f"The interval ends at {interval.end.isoformat()}, and by the database's clock it is not over for "
        f"another {ahead:.0f} s (settle is {settling.seconds:g}): rows may still come. Run it later, correct "
        "the clock, raise settle_wait, or set settle: null to read what is there."
    )


def _still_open(found: Open, interval: Interval, now: datetime, settling: Settling) -> str:
    waited = settling.seconds + settling.wait_seconds
    return (
        f"After {waited:g} s there still may be written into the interval that ended at "
        f"{interval.end.isoformat()}: {found.sentence(now)}. End them, raise settle_wait, or set settle: "
        "null to read without them; run again."
    )


def utc(value: object) -> datetime | None:
    """A time as drivers give it, in UTC; without a zone it is UTC already."""
    if value is None:
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
