"""A pipeline's promises over one run: its columns before a row is read, its rows before the receipt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hybrid_etl.columns import Column
from hybrid_etl.drift import check_drift
from hybrid_etl.errors import Failure
from hybrid_etl.interval import Interval
from hybrid_etl.previous import Previous, find_previous
from hybrid_etl.readers import Database, Reader
from hybrid_etl.settings import Settings
from hybrid_etl.specification import Specification

if TYPE_CHECKING:
    from hybrid_etl.expectations.measure import Measures


class Promises:
    """Looks the receipt before up, then judges. Made before the database is asked for anything."""

    def __init__(self, settings: Settings, specification: Specification, interval: Interval | None) -> None:
        self._specification, self._interval = specification, interval
        self._previous = find_previous(settings, prefix=specification.prefix, interval=interval)
        self._kept: dict[str, object] = {}
        self._measures: Measures | None = None

    def look(self, reader: Reader, columns: list[Column]) -> None:
        """Judge the columns that would land, `columns`; raises UserError before any row is read."""
        self._kept |= check_drift(self._specification, columns, self._previous)
        asked = self._specification.contract.expect
        if asked and not self._specification.format.passthrough:
            from hybrid_etl.expectations.measure import Measures

            self._measures = Measures(asked, reader.columns)

    def take(self, batch: pa.RecordBatch) -> None:
        """Measure a batch as it came from the database."""
        if self._measures:
            self._measures.take(batch)

    def kept(self, *, rows: int, database: Database) -> dict[str, object]:
        """What the receipt says of all this; raises UserError when the rows are not as expected."""
        asked = self._specification.contract.expect
        if asked is None:
            return self._kept
        measured = self._measures.document() if self._measures else dict(_NOTHING)
        if self._specification.part:
            return self._kept | {"measured": measured}
        return self._kept | _judged(
            self._specification,
            self._interval,
            self._previous,
            rows=rows,
            measured=measured,
            snapshot_time=database.snapshot_time,
        )


def judged_parts(
    settings: Settings,
    specification: Specification,
    interval: Interval | None,
    receipts: Sequence[dict[str, Any]],
    *,
    rows: int,
) -> dict[str, object]:
    """The verdict on all parts of a run together; raises UserError as `Promises.kept`."""
    asked = specification.contract.expect
    if asked is None:
        return {}
    from hybrid_etl.expectations.measure import merge

    if not all("measured" in receipt for receipt in receipts):
        raise Failure("A part was read by an older container, which measured nothing; run all parts again.")
    previous = Previous(reason="nothing asks for it")
    if asked.most_change is not None:
        previous = find_previous(settings, prefix=specification.prefix, interval=interval)
    return _judged(
        specification,
        interval,
        previous,
        rows=rows,
        measured=merge([receipt["measured"] for receipt in receipts]),
        snapshot_time=min(str(receipt["database"]["snapshot_time"]) for receipt in receipts),
    )


_NOTHING: dict[str, Any] = {"nulls": {}, "outside": {}, "unique": [], "newest_seconds": None}


def _judged(
    specification: Specification,
    interval: Interval | None,
    previous: Previous,
    *,
    rows: int,
    measured: dict[str, Any],
    snapshot_time: str,
) -> dict[str, object]:
    from hybrid_etl.expectation_results import Judged, end_of, judge

    asked = specification.contract.expect
    assert asked is not None
    run = Judged(
        rows=rows,
        measured=measured,
        full=interval is None or interval.full,
        until=end_of(interval.end if interval else None, snapshot_time),
        previous=previous,
    )
    return {"expectations": judge(asked, run)}
