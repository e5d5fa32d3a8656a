"""The results of the expectations of a run, from counts alone: no value is ever told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hybrid_etl.errors import UserError
from hybrid_etl.events import emit
from hybrid_etl.expectations.parameters import Expectations
from hybrid_etl.previous import Previous


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The run that is judged; `until` is the end of what it reads."""

    rows: int
    measured: dict[str, Any]
    full: bool
    until: datetime
    previous: Previous


def judge(asked: Expectations, run: Judged) -> list[dict[str, object]]:
    """Every expectation as the receipt has it, `{"expectation", "passed", "said", …}`.

    Raises UserError, with all that failed, unless `on_failure` is `warn`.
    """
    found = [
        *_rows(asked, run),
        *_nulls(asked, run),
        *_ranges(asked, run),
        *_unique(run),
        *_freshness(asked, run),
    ]
    failed = [str(one["said"]) for one in found if not one["passed"]]
    if failed and asked.on_failure == "fail":
        raise UserError(
            f"The rows are not as expected: {'; '.join(failed)}. Nothing became visible, readers keep "
            "the last good run; correct the data or `expect`, or set on_failure: warn, and run again."
        )
    for sentence in failed:
        emit("warning", f"Not as expected: {sentence}.")
    return found


def _verdict(expectation: str, passed: bool, said: str, **more: object) -> dict[str, object]:
    return {"expectation": expectation, "passed": passed, "said": said, **more}


def _rows(asked: Expectations, run: Judged) -> Iterator[dict[str, object]]:
    if asked.least_rows is not None:
        said = f"{run.rows} rows, and at least {asked.least_rows} are expected"
        yield _verdict("rows.min", run.rows >= asked.least_rows, said)
    if asked.most_rows is not None:
        said = f"{run.rows} rows, and at most {asked.most_rows} are expected"
        yield _verdict("rows.max", run.rows <= asked.most_rows, said)
    if asked.most_change is not None:
        yield _change(asked.most_change, run)


def _change(most: Decimal, run: Judged) -> dict[str, object]:
    before = run.previous.receipt
    rows = before.get("rows") if before else None
    if before is None or not isinstance(rows, int) or isinstance(rows, bool):
        reason = run.previous.reason or "the receipt before does not say its rows"
        return _verdict("rows.change", True, f"not compared: {reason}", compared=False)
    if ("/interval=full/" in (run.previous.key or "")) != run.full:
        return _verdict(
            "rows.change", True, "not compared: one of the two runs is a full one", compared=False
        )
    if rows == 0:
        return _verdict("rows.change", True, "not compared: the run before had no rows", compared=False)
    share = abs(Decimal(run.rows - rows)) / rows
    said = (
        f"{run.rows} rows after {rows} of the run before are a change of {_percent(share)}, "
        f"and at most {_percent(most)} is expected"
    )
    return _verdict("rows.change", share <= most, said, compared=True)


def _nulls(asked: Expectations, run: Judged) -> Iterator[dict[str, object]]:
    for name, most in asked.nulls.items():
        count = run.measured["nulls"][name]
        said = f"{count} of {run.rows} rows have no {name}, and at most {_percent(most)} are expected"
        yield _verdict(f"nulls.{name}", Decimal(count) <= most * run.rows, said)


def _ranges(asked: Expectations, run: Judged) -> Iterator[dict[str, object]]:
    for name in asked.ranges:
        count = run.measured["outside"][name]
        said = f"{count} of {run.rows} rows have {name} outside of its range"
        yield _verdict(f"range.{name}", count == 0, said)


def _unique(run: Judged) -> Iterator[dict[str, object]]:
    for one in run.measured["unique"]:
        names, sample = ", ".join(one["columns"]), one["sample"]
        how = "" if sample == 1 else f", as a sample of 1 in {sample} keys shows"
        said = f"{one['duplicates']} rows have a ({names}) that an earlier row has{how}"
        yield _verdict(f"unique.{names}", one["duplicates"] == 0, said, exact=sample == 1, sample=sample)


def _freshness(asked: Expectations, run: Judged) -> Iterator[dict[str, object]]:
    if not asked.freshness:
        return
    name, newest = asked.freshness.column, run.measured["newest_seconds"]
    if newest is None:
        yield _verdict(
            f"freshness.{name}", False, f"no row has a {name}, so it is not known how new they are"
        )
        return
    age = max(0, round(run.until.timestamp() - float(newest)))
    most = round(asked.freshness.within)
    said = f"the newest {name} is {age} s before the end, and at most {most} s is expected"
    yield _verdict(f"freshness.{name}", age <= asked.freshness.within, said)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.01')).normalize():f} %"


def end_of(interval_end: datetime | None, snapshot_time: str) -> datetime:
    """The end of what a run reads: of its interval, but never after the snapshot."""
    try:
        snapshot = datetime.fromisoformat(snapshot_time)
    except ValueError:
        snapshot = datetime.now(UTC)
    snapshot = snapshot if snapshot.tzinfo else snapshot.replace(tzinfo=UTC)
    return min(interval_end, snapshot) if interval_end else snapshot
