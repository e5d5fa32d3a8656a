"""Intervals as sets of moments: how two of them lie to each other, and what of one the others leave.

contracts/cases/interval_sets.json has the cases that the DAGs and the readers of the lake answer alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from hybrid_etl.interval import Interval


class Relation(Enum):
    """How an interval lies to another; two that touch share no moment, and are apart."""

    EQUAL = "equal"
    COVERS = "covers"
    WITHIN = "within"
    OVERLAPS = "overlaps"
    APART = "apart"


def relation(one: Interval, other: Interval) -> Relation:
    """How `one` lies to `other`."""
    if one.end <= other.start or other.end <= one.start:
        return Relation.APART
    if (one.start, one.end) == (other.start, other.end):
        return Relation.EQUAL
    if one.start <= other.start and other.end <= one.end:
        return Relation.COVERS
    if other.start <= one.start and one.end <= other.end:
        return Relation.WITHIN
    return Relation.OVERLAPS


def remainder(interval: Interval, others: Iterable[Interval]) -> list[Interval]:
    """What is in an interval and in none of the others: the gaps that they leave, in order."""
    gaps, begin = list[Interval](), interval.start
    sharing = [other for other in others if relation(interval, other) is not Relation.APART]
    for other in sorted(sharing, key=lambda other: other.start):
        if begin < other.start:
            gaps.append(Interval(start=begin, end=other.start))
        begin = max(begin, other.end)
    if begin < interval.end:
        gaps.append(Interval(start=begin, end=interval.end))
    return gaps
