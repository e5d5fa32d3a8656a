"""The data interval of a run: half open, in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from hybrid_etl.errors import UserError

FULL = "interval=full"
_NAME = re.compile(r"interval=(\d{8}T\d{6}(?:\.\d{6})?)Z-(\d{8}T\d{6}(?:\.\d{6})?)Z")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """`start` inclusive, `end` exclusive; both carry the zone UTC. `full`: it is all there is to read."""

    start: datetime
    end: datetime
    full: bool = False

    @classmethod
    def parse(cls, start: str | None, end: str | None, *, full: bool = False) -> Interval | None:
        """Read `--from`, `--to` and `--full`.

        Raises UserError when only one is given, one has no zone, or they are out of order.
        """
        if start is None and end is None:
            return None
        if start is None or end is None:
            raise UserError("--from and --to come together or not at all; give both or neither.")
        interval = cls(start=_instant("--from", start), end=_instant("--to", end), full=full)
        if interval.start >= interval.end:
            raise UserError(f"--from {start} is not before --to {end}; swap or correct them.")
        return interval

    @property
    def directory(self) -> str:
        """Name of the interval in the lake: `interval=20261101T000000Z-20261102T000000Z`."""
        return FULL if self.full else f"interval={compact(self.start)}-{compact(self.end)}"


def directory_of(interval: Interval | None) -> str:
    """Name of an interval in the lake, `interval=full` when the run has none."""
    return interval.directory if interval else FULL


def named(name: str) -> Interval | None:
    """The interval that a directory in the lake is named for; None where the name is of none."""
    match = _NAME.fullmatch(name)
    if not match:
        return None
    try:
        start, end = (_expanded(text) for text in match.groups())
    except ValueError:
        return None  # digits that are no time: no run has made it
    return Interval(start=start, end=end) if start < end else None


def compact(instant: datetime) -> str:
    """An instant in UTC as names of intervals have it: `20261101T000000Z`, which sorts as time does."""
    # Not with %Y, of which the C library of Linux fills no zeros in before the year 1000.
    text = f"{instant.year:04d}{instant:%m%dT%H%M%S}"
    return f"{text}.{instant.microsecond:06d}Z" if instant.microsecond else text + "Z"


def _expanded(text: str) -> datetime:
    form = "%Y%m%dT%H%M%S.%f" if "." in text else "%Y%m%dT%H%M%S"
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _instant(option: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{option} {text!r} is not an ISO 8601 time; write it like 2026-11-01T00:00:00+00:00."
        ) from None
    if instant.tzinfo is None:
        raise UserError(f"{option} {text!r} has no zone; write it like {text}+00:00.")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise UserError(
            f"{option} {text!r} is in UTC outside of the years 1 to 9999; choose another time."
        ) from None
