"""What landed of other intervals that share a moment with a run's own: a reader may see no row twice.

The reading rule (docs/reference/contracts.md, "The lake: what a run leaves") lets a later interval stand for
those that it covers. Every other overlap leaves a lake that no reader may read, so the run is refused before
it reads, and once more before its receipt is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from hybrid_etl.errors import EtlError, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import FULL, Interval, compact, directory_of, named
from hybrid_etl.interval_sets import Relation, relation, remainder
from hybrid_etl.lake import RECEIPT, list_intervals
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import open_sink

WINDOW = 900
"""Lengths of the interval that are looked back for one that reaches into it."""
_TOLD = 5


class Neighbours:
    """The other intervals of a pipeline, as the lake has them."""

    def __init__(self, settings: Settings, *, prefix: str, interval: Interval | None) -> None:
        self._settings, self._prefix, self._interval = settings, prefix, interval
        self._unseen = False

    def check(self) -> dict[str, object]:
        """What the receipt says: the names of the intervals that this one stands for, once it has landed.

        Raises UserError where a reader would see rows twice, or miss some. Where the lake does not show what
        has landed, nothing is refused: readers refuse what they cannot tell apart. So it is in a trial.
        """
        if self._interval is None or self._settings.trial:
            return {}
        try:
            sharing = list(self._sharing(self._interval))
            within = [one for one in sharing if relation(self._interval, one) is Relation.COVERS]
            landed = [one for one in sharing if one not in within and self._has_landed(one)]
            until = self._refreshed_until()
            if landed and not self._interval.full:
                landed += [one for one in within if self._has_landed(one)]
        except EtlError as error:
            if not self._unseen:
                emit("warning", f"Whether other intervals share a moment with this one is not known. {error}")
            self._unseen = True
            return {}
        if self._interval.full:
            self._refuse_cut(self._interval, landed, until)
            return {}
        self._refuse_refreshed(self._interval, until)
        self._refuse_shared(self._interval, landed)
        return {"supersedes": [directory_of(one) for one in within]} if within else {}

    def say(self, checked: dict[str, object]) -> None:
        """Tell which intervals the run is to stand for."""
        names = checked.get("supersedes")
        if isinstance(names, list):
            more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
            emit(
                "warning",
                f"This run is to stand for {', '.join(names[:_TOLD])}{more}, which lie within its interval: "
                "readers take this one, once it has landed, and not those.",
            )

    def _refuse_cut(self, interval: Interval, landed: list[Interval], until: datetime | None) -> None:
        if until is not None and interval.end < until:
            raise UserError(
                f"A full refresh up to {_said(until)} has landed, and this one, which would replace it, ends "
                f"at {_said(interval.end)}: readers would miss what is between. Give --to (in Airflow: to) "
                f"{_said(until)} or later."
            )
        for one in landed:
            if one.start < interval.end < one.end:
                raise UserError(
                    f"A full refresh up to {_said(interval.end)} ends within {directory_of(one)}, which has "
                    "landed: readers would miss what that has from there on. Give --to (in Airflow: to) "
                    f"{_said(one.end)}."
                )

    def _refuse_refreshed(self, interval: Interval, until: datetime | None) -> None:
        if until is not None and interval.start < until:
            raise UserError(
                f"A full refresh has landed for all before {_said(until)}, and this run begins at "
                f"{_said(interval.start)}: readers would not see it. Run a full refresh again instead."
            )

    def _refuse_shared(self, interval: Interval, landed: list[Interval]) -> None:
        within = [one for one in landed if relation(interval, one) is Relation.WITHIN]
        if within:
            raise UserError(
                f"{directory_of(interval)} lies within {directory_of(within[0])}, which has landed: readers "
                f"would see its rows twice. Run that again: from {_said(within[0].start)} to "
                f"{_said(within[0].end)}."
            )
        crossing = [one for one in landed if relation(interval, one) is Relation.OVERLAPS]
        if crossing:
            missing = " and ".join(
                f"from {_said(gap.start)} to {_said(gap.end)}" for gap in remainder(interval, landed)
            )
            other = f"run what has not landed: {missing}; or" if missing else "run"
            start, end = min(interval.start, crossing[0].start), max(interval.end, crossing[0].end)
            raise UserError(
                f"{directory_of(interval)} shares a part with {directory_of(crossing[0])}, which has landed: "
                f"readers would see the rows of that part twice. Instead {other} what covers both: from "
                f"{_said(start)} to {_said(end)}."
            )

    def _sharing(self, interval: Interval) -> Iterator[Interval]:
        """Other intervals that share a moment with one, whether or not their runs have landed."""
        after = self._first_name(interval)
        past = f"interval={compact(interval.end)}"
        while True:
            listing = list_intervals(self._settings, self._prefix, after=after)
            for name in listing.names:
                other = named(name)
                if other and relation(interval, other) not in (Relation.APART, Relation.EQUAL):
                    yield other
            if listing.whole or not listing.names or listing.names[-1] >= past:
                return
            # The directory of a name is the name and a slash, which sorts before a zero.
            after = f"{listing.names[-1]}0"

    def _first_name(self, interval: Interval) -> str:
        if interval.full:
            return ""
        try:
            return f"interval={compact(interval.start - WINDOW * (interval.end - interval.start))}"
        except OverflowError:
            return ""

    def _has_landed(self, interval: Interval) -> bool:
        """Whether a run of it has; a directory is there from the first file on."""
        return self._body(directory_of(interval)) is not None

    def _refreshed_until(self) -> datetime | None:
        """The end of the full refresh that has landed."""
        body = self._body(FULL)
        if body is None:
            return None
        try:
            until = datetime.fromisoformat(json.loads(body)["interval"]["to"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # a snapshot of everything, or no receipt
        return until if until.tzinfo else until.replace(tzinfo=UTC)

    def _body(self, name: str) -> bytes | None:
        return open_sink(self._settings.lake).look(f"{self._prefix}/{name}/{RECEIPT}").content


def _said(instant: datetime) -> str:
    return instant.isoformat()
