"""The interval of a run: what it is, and where a run's interval comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class IntervalError(ValueError):
    """A run has no interval, half of one, or one that ends before it begins."""


@dataclass(frozen=True)
class Interval:
    """Half-open interval of time: from `start`, up to and without `end`; both with a zone, kept in UTC.

    Attributes:
        full: Whether it is a full refresh: all that there is before `end`.
    """

    start: datetime
    end: datetime
    full: bool = False

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise IntervalError("An interval needs a time zone, such as 2026-11-01T00:00:00+00:00.")
        if self.start >= self.end:
            raise IntervalError(
                f"The interval from {self.start.isoformat()} to {self.end.isoformat()} is empty."
            )

    @classmethod
    def parse(cls, start: str, end: str, *, full: bool = False) -> Interval:
        """Interval of two ISO 8601 times with a zone.

        Raises:
            IntervalError: One is not such a time, or the interval is empty.
        """
        return cls(start=_time(start), end=_time(end), full=full)

    @classmethod
    def load(cls, value: Mapping[str, Any]) -> Interval:
        """The interval that `dump` wrote."""
        return cls.parse(value["from"], value["to"], full=bool(value.get("full", False)))

    def dump(self) -> dict[str, Any]:
        """The interval as JSON."""
        return {"from": self.start.isoformat(), "to": self.end.isoformat(), "full": self.full}

    @property
    def arguments(self) -> tuple[str, ...]:
        """`--from`, `--to` and `--full` of the container's command."""
        given = ("--from", self.start.isoformat(), "--to", self.end.isoformat())
        return (*given, "--full") if self.full else given

    @property
    def directory(self) -> str:
        """Directory of the interval in the lake, as `interval=20261101T000000Z-20261102T000000Z`."""
        return FULL if self.full else f"interval={_compact(self.start)}-{_compact(self.end)}"


#: Directory of a run that has no interval.
FULL = "interval=full"
#: Where a full refresh begins: the first instant of MySQL's DATETIME (Reference Manual, "The DATE, DATETIME,
#: and TIMESTAMP Types"), before which no column that an interval selects on is likely to go.
BEGINNING = datetime(1000, 1, 1, tzinfo=UTC)


def _compact(instant: datetime) -> str:
    """As the container names it (docs/reference/contracts.md, "The lake")."""
    utc = instant.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}" if utc.microsecond else ""
    return f"{utc.year:04d}{utc:%m%dT%H%M%S}{fraction}Z"


def directory(interval: Interval | None) -> str:
    """Directory of a run in the lake, below the pipeline's prefix."""
    return FULL if interval is None else interval.directory


def choose(
    *,
    given: tuple[str | None, str | None],
    landed: Iterable[Mapping[str, Any]],
    scheduled: tuple[datetime | None, datetime | None],
    full: bool = False,
) -> list[Interval]:
    """The intervals of a run: what was asked for, else what landed before it, else its data interval.

    Args:
        given: Two ISO 8601 times, by the operator's arguments or the DAG's parameters.
        landed: Receipts of the runs that triggered this one; each gives the interval that it is of.
        scheduled: The run's data interval, as Airflow has it.
        full: A full refresh: everything before the end that was asked for, or the end of the data interval.

    Raises:
        IntervalError: There is none; the message says how to give one.
    """
    start, end = given
    if full:
        return [_everything(start, end, scheduled[1])]
    if start and end:
        return [Interval.parse(start, end)]
    if start or end:
        raise IntervalError("Only one of 'from' and 'to' is given. Give both, or neither.")
    found = [interval for receipt in landed if (interval := of_receipt(receipt))]
    if found:
        return found
    if scheduled[0] and scheduled[1] and scheduled[0] < scheduled[1]:
        return [Interval(start=scheduled[0].astimezone(UTC), end=scheduled[1].astimezone(UTC))]
    raise IntervalError(
        "This pipeline reads an interval, and this run has none. Trigger it with 'from' and 'to', "
        "such as 2026-11-01T00:00:00+00:00 and 2026-11-02T00:00:00+00:00."
    )


def of_receipt(receipt: Mapping[str, Any]) -> Interval | None:
    """The interval of a receipt, as an event has it; None of a snapshot, and of what is no receipt.

    Raises:
        IntervalError: It is not one.
    """
    interval = receipt.get("interval")
    if not interval:
        return None
    full = str(receipt.get("prefix", "")).endswith(f"/{FULL}")
    return Interval.parse(interval["from"], interval["to"], full=full)


def _everything(start: str | None, end: str | None, scheduled: datetime | None) -> Interval:
    if start:
        raise IntervalError("A full refresh reads from the very beginning. Leave 'from' empty.")
    until = _time(end) if end else scheduled
    if until is None:
        raise IntervalError("A full refresh needs an end, and this run has no data interval. Give 'to'.")
    return Interval(start=BEGINNING, end=until.astimezone(UTC), full=True)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise IntervalError(f"'{text}' is not an ISO 8601 time such as 2026-11-01T00:00:00+00:00.") from None
    if time.tzinfo is None:
        raise IntervalError(f"'{text}' has no time zone. Write it as {text}+00:00, or with your own offset.")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise IntervalError(f"'{text}' is in UTC outside of the years 1 to 9999.") from None
