"""Intervals as sets of moments: the runs that read each moment of some intervals once.

contracts/cases/interval_sets.json has the cases that the container and the readers of the lake answer alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from hybrid_airflow.interval import Interval


def covers(one: Interval, other: Interval) -> bool:
    """Whether each moment of `other` is in `one`."""
    return one.start <= other.start and other.end <= one.end


def disjoint(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals of the same moments of which no two share one, in order.

    Those that only touch stay as they are, and so do gaps; those that share a moment become one.
    """
    return _joined(intervals, apart=timedelta(microseconds=-1))


def contiguous(intervals: Iterable[Interval]) -> list[Interval]:
    """As `disjoint`, and those that touch become one, too: one for each gap, and one more."""
    return _joined(intervals, apart=timedelta(0))


def _joined(intervals: Iterable[Interval], *, apart: timedelta) -> list[Interval]:
    """Intervals joined where one begins at most `apart` after the end of those before."""
    found: list[Interval] = []
    for one in sorted(intervals, key=lambda one: one.start):
        last = found[-1] if found else None
        if last is None or one.start - last.end > apart:
            found.append(one)
        else:
            found[-1] = Interval(start=last.start, end=max(last.end, one.end), full=last.full or one.full)
    return found
