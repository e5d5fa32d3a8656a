"""Intervals that begin or end where calendars do: years of fewer than four digits, beyond year 9999."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from etl_process import Database, Etl

from hybrid_etl.errors import Failure, UserError
from hybrid_etl.incremental import POSTGRESQL, Compared, Incremental, TimeColumn
from hybrid_etl.interval import Interval
from hybrid_etl.query import bind
from hybrid_etl.readers import open_reader
from hybrid_etl.secret import Secret
from hybrid_etl.settling import Open, Settling, wait_until_settled
from hybrid_etl.specification import Specification

EVER = Interval.parse("0001-01-01T00:00:00Z", "2026-11-02T00:00:00Z")
#: Every year of fewer digits than four was once read as one of this century.
DAYS = ("0950-06-01", "1999-06-01", "2000-06-01", "2026-11-01")


@pytest.mark.parametrize(
    "keys",
    [
        {"incremental_column": "d"},
        {"incremental_column": "at"},
        {"incremental_column": "written", "incremental_format": "%Y-%m-%d"},
        {"query": "select * from ages where at >= :from and at < :to"},
    ],
)
def test_an_interval_from_the_year_one_has_every_row(
    etl: Etl, each_database: Database, keys: dict[str, str]
) -> None:
    # Given rows of four ages
    each_database.say("drop table if exists ages")
    wall = "timestamp" if each_database.engine == "postgresql" else "datetime"
    each_database.say(f"create table ages (d date, at {wall}, written varchar(10))")
    for day in DAYS:
        each_database.say("insert into ages values (%s, %s, %s)", (day, day, day))
    # When all since the year one is read
    digest = etl.specify(each_database, **({"query": "select * from ages", "settle": None} | keys))
    content = (etl.directory / "specifications" / f"{digest}.json").read_bytes()
    secret = Secret.parse(json.dumps(each_database.secret), where="the test", default_port=1)
    found: list[Any] = []
    reader = open_reader(Specification.parse(content, digest=digest, where="the test"), secret, EVER)
    try:
        for batch in reader.batches():
            found += batch.column("written").to_pylist()
    finally:
        reader.close()
    # Then none is missing
    assert sorted(found) == sorted(DAYS)


def test_years_have_four_digits_wherever_an_interval_is_written() -> None:
    assert EVER is not None
    assert EVER.directory == "interval=00010101T000000Z-20261102T000000Z"
    for compared, column in ((Compared.DATE, "date '0001-01-01'"), (Compared.TEXT, "'00010101'")):
        asked = Incremental(column="c", format="%Y%m%d" if compared is Compared.TEXT else None)
        described = TimeColumn(display="c", compared=compared)
        assert asked.bounds(described, EVER, POSTGRESQL).start == column
    bound = bind("select :from", {}, EVER, engine="mysql")
    assert bound.values == ["0001-01-01 00:00:00"]


def test_a_time_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(UserError, match="outside of the years 1 to 9999"):
        Interval.parse("0001-01-01T00:00:00+05:00", "2026-11-02T00:00:00Z")
    asked = Incremental(column="c", zone="America/New_York")
    with pytest.raises(UserError, match="outside of the years 1 to 9999 in America/New_York"):
        asked.bounds(TimeColumn(display="c", compared=Compared.DATE), EVER, POSTGRESQL)


class Still:
    """A database whose clock stands in 2026 and in which nothing is open."""

    def __init__(self) -> None:
        self.unseen: list[str] = []
        self.again_seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 2, tzinfo=UTC)

    def open_before(self, horizon: datetime) -> Open | None:
        raise AssertionError(f"asked before {horizon}")


def test_an_interval_to_the_end_of_time_is_not_over_and_says_so() -> None:
    last = Interval.parse("2026-11-01T00:00:00Z", "9999-12-31T23:59:59Z")
    assert last is not None
    with pytest.raises(Failure, match="it is not over"):
        wait_until_settled(Still(), Settling(seconds=7200), last)
