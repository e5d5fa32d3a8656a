"""The receipt before a run's own: of the newest data that is not after it, found with one or two lists.

Names of intervals sort by their begin, and S3 lists forwards only: so the list starts a window before the
run's interval, and the window grows only where nothing is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hybrid_etl.errors import EtlError
from hybrid_etl.interval import FULL, Interval, compact, named
from hybrid_etl.lake import RECEIPT, list_intervals
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import Listing

WINDOWS = (48, 900)
"""Lengths of the interval that are looked back; a list has 1,000 names."""
MOST_READ = 4
"""Receipts that are tried: an attempt that failed leaves a directory without one."""


@dataclass(frozen=True, kw_only=True)
class Previous:
    """The receipt before, or None and the `reason`, a sentence; `key` is where it is in the lake."""

    receipt: dict[str, Any] | None = None
    key: str | None = None
    reason: str | None = None


def find_previous(settings: Settings, *, prefix: str, interval: Interval | None) -> Previous:
    """The receipt before; never raises for what the lake refuses: that is a reason, and the run goes on."""
    refused: list[str] = []
    try:
        before, others, full = _candidates(settings, prefix, interval)
    except EtlError as error:
        return Previous(reason=f"The lake cannot be listed. {error}")
    names = [*before[:MOST_READ], *others[:MOST_READ]]
    whole = _read(settings, f"{prefix}/{FULL}/{RECEIPT}", refused) if full else None
    if whole and _is_newest(whole, before, interval):
        return Previous(receipt=whole, key=f"{prefix}/{FULL}/{RECEIPT}")
    for name in names:
        key = f"{prefix}/{name}/{RECEIPT}"
        if found := _read(settings, key, refused):
            return Previous(receipt=found, key=key)
    if whole:
        return Previous(receipt=whole, key=f"{prefix}/{FULL}/{RECEIPT}")
    return Previous(reason=refused[0] if refused else "The lake holds no receipt of the pipeline yet.")


def _is_newest(whole: dict[str, Any], before: list[str], interval: Interval | None) -> bool:
    """Whether a full receipt holds the newest data that a run's own may follow."""
    until = _end_of(whole)
    if interval and not interval.full and until > interval.start:
        return False
    newest = _end(before[0]) if before else None
    return newest is None or until >= newest


def _candidates(
    settings: Settings, prefix: str, interval: Interval | None
) -> tuple[list[str], list[str], bool]:
    """Names of intervals before, the latest first; where there is none those after; whether a full one is."""
    until = datetime.now(UTC)
    length = timedelta(days=1)
    if interval:
        until = interval.end if interval.full else interval.start
        length = length if interval.full else interval.end - interval.start
    listing, before = Listing(names=[], whole=False), list[str]()
    # A snapshot of everything follows the one before it; days are only a guess at what else is there.
    for after in _starts(until, length, windows=WINDOWS if interval else WINDOWS[-1:]):
        listing = list_intervals(settings, prefix, after=after)
        before = _before(listing.names, until)
        if before or (interval is None and FULL in listing.names):
            break
    full = FULL in listing.names
    if not listing.whole and not full:
        full = FULL in list_intervals(settings, prefix, only=FULL).names
    # A backfill before all that is there: the nearest is the run's own, then the one that follows.
    others = [] if before else sorted(name for name in listing.names if named(name))
    return before, others, full


def _starts(until: datetime, length: timedelta, *, windows: tuple[int, ...]) -> Iterator[str]:
    for window in windows:
        try:
            yield f"interval={compact(until - window * length)}"
        except OverflowError:
            break
    yield ""


def _before(names: list[str], until: datetime) -> list[str]:
    """Those that end at or before an instant, the latest first."""
    found = [(end, name) for name in names if (end := _end(name)) is not None and end <= until]
    return [name for _, name in sorted(found, reverse=True)]


def _end(name: str) -> datetime | None:
    interval = named(name)
    return interval.end if interval else None


def _end_of(receipt: dict[str, Any]) -> datetime:
    """Until when a full receipt has the data: the end of its interval, else when it was read."""
    interval, database = receipt.get("interval") or {}, receipt.get("database") or {}
    try:
        found = datetime.fromisoformat(str(interval.get("to") or database.get("snapshot_time")))
    except (ValueError, AttributeError):
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read(settings: Settings, key: str, refused: list[str]) -> dict[str, Any] | None:
    try:
        found = json.loads(settings.read_lake(key))
    except (ValueError, RecursionError):
        refused.append(f"{key} is not JSON.")
        return None
    except EtlError as error:
        refused.append(f"{key} is not there or cannot be read. {error}")
        return None
    if not isinstance(found, dict) or not isinstance(found.get("schema"), list):
        refused.append(f"{key} does not say its columns.")
        return None
    return found
