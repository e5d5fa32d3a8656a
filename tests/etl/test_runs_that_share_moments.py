"""Runs whose intervals share moments: by hand over days that have landed, within them, across them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from etl_process import Database, Etl, Outcome, client

from hybrid_etl.interval import Interval
from hybrid_etl.neighbours import Neighbours
from hybrid_etl.settings import Settings

_QUERY = "select 1 as one where timestamp '2026-11-01' < :to and :from < timestamp '2027-01-01'"


def _run(etl: Etl, database: Database, first: str, last: str, *more: str, **changes: Any) -> Outcome:
    interval = ("--from", f"2026-11-{first}+00:00", "--to", f"2026-11-{last}+00:00")
    return etl.run(database, *interval, *more, query=_QUERY, **changes)


def _receipts(etl: Etl) -> list[str]:
    return sorted(path.parent.name for path in etl.lake.rglob("_manifest.json"))


def test_a_run_by_hand_over_days_that_have_landed_says_that_it_stands_for_them(
    etl: Etl, postgresql: Database
) -> None:
    # Given two days that have landed
    for day in ("01T00:00", "02T00:00"):
        assert _run(etl, postgresql, day, f"{int(day[:2]) + 1:02d}T00:00").code == 0
    days = _receipts(etl)
    # When both and the next one are read by hand
    outcome = _run(etl, postgresql, "01T00:00", "04T00:00")
    # Then it lands, and the receipt and the log say what readers do not take any more
    assert outcome.code == 0, outcome.lines
    receipt = json.loads(
        (etl.lake / "shop/orders/interval=20261101T000000Z-20261104T000000Z/_manifest.json").read_text()
    )
    assert receipt["supersedes"] == days
    assert any(f"is to stand for {', '.join(days)}, which" in line["message"] for line in outcome.lines)
    # And a day of it is from then on refused, before the database is asked
    again = _run(etl, postgresql, "02T00:00", "03T00:00")
    assert again.code == 2
    assert "Run that again: from 2026-11-01T00:00:00+00:00 to 2026-11-04T00:00:00+00:00" in again.message
    assert len(again.lines) == 2


def test_the_first_run_of_another_schedule_is_told_what_has_not_landed(
    etl: Etl, postgresql: Database
) -> None:
    # Given days from midnight to midnight, and a schedule that from now on has them from six to six
    assert _run(etl, postgresql, "01T00:00", "02T00:00").code == 0
    outcome = _run(etl, postgresql, "01T06:00", "02T06:00")
    # Then no row is there twice, and somebody is told which hours to read by hand
    assert outcome.code == 2
    assert (
        "what has not landed: from 2026-11-02T00:00:00+00:00 to 2026-11-02T06:00:00+00:00" in outcome.message
    )
    assert _run(etl, postgresql, "02T00:00", "02T06:00").code == 0
    assert _run(etl, postgresql, "02T06:00", "03T06:00").code == 0


@pytest.mark.parametrize("listed", [True, False])
def test_in_s3_a_thousand_other_intervals_hide_none(etl: Etl, s3: dict[str, str], listed: bool) -> None:
    # Given more quarters of an hour than S3 lists at once, and a run by hand over two days among them
    bucket = f"moments-{str(listed).lower()}"
    store = client("s3", s3)
    location = {"LocationConstraint": s3["AWS_REGION"]}
    store.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    quarters = [
        f"{day:02d}T{hour:02d}{minute:02d}"
        for day in range(1, 13)
        for hour in range(24)
        for minute in (0, 15, 30, 45)
    ]
    for begin, end in pairwise(quarters):
        name = f"interval=202611{begin}00Z-202611{end}00Z"
        store.put_object(Bucket=bucket, Key=f"shop/orders/{name}/attempt/part-00000.parquet", Body=b"")
    wide = "interval=20261111T000000Z-20261113T000000Z"
    if listed:
        store.put_object(Bucket=bucket, Key=f"shop/orders/{wide}/_manifest.json", Body=b"{}")
    interval = Interval.parse("2026-11-12T06:00:00+00:00", "2026-11-12T06:15:00+00:00")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.items():
            patch.setenv(name, value)
        found = Neighbours(
            Settings(specifications="", lake=f"s3://{bucket}", secret=""),
            prefix="shop/orders",
            interval=interval,
        )
        # Then it is found where it has landed
        if listed:
            with pytest.raises(Exception, match=f"lies within {wide}"):
                found.check()
        else:
            assert found.check() == {}
