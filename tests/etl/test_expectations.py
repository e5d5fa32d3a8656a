"""What the rows must be like: measured while they pass, judged before the receipt."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from etl_process import ROOT, Database, Etl, Outcome

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import UserError
from hybrid_etl.expectations import uniqueness
from hybrid_etl.expectations.measure import Measures, merge
from hybrid_etl.expectations.parameters import Expectations
from hybrid_etl.expectations.uniqueness import Uniqueness

ROWS = (
    "select 1 as id, 'ana@example.org' as email, cast(1.50 as decimal(10,2)) as amount "
    "union all select 2, null, 7.25 union all select 2, 'bea@example.org', null"
)

#: `expect` → what the refusal says, or None where the rows are as expected.
CASES: list[tuple[dict[str, Any], str | None]] = [
    ({"rows": {"min": 3, "max": 3}}, None),
    ({"rows": {"min": 4}}, "3 rows, and at least 4 are expected"),
    ({"rows": {"max": 2}}, "3 rows, and at most 2 are expected"),
    ({"nulls": {"email": 0.34, "id": 0}}, None),
    ({"nulls": {"email": "33%"}}, "1 of 3 rows have no email, and at most 33 % are expected"),
    ({"unique": [["id", "email"], "email"]}, None),
    ({"unique": ["id"]}, "1 rows have a (id) that an earlier row has"),
    ({"range": {"amount": [1.5, 7.25], "id": [1, None]}}, None),
    ({"range": {"amount": [1.51, "1e6"]}}, "1 of 3 rows have amount outside of its range"),
    ({"range": {"id": [None, 1]}}, "2 of 3 rows have id outside of its range"),
    ({"range": {"email": [0, 1]}}, "the column is string; a range is for numbers, dates and times"),
    ({"nulls": {"nonesuch": 0}}, "expect names nonesuch, which the query does not return"),
    ({"freshness": {"column": "id", "within": "2d"}}, "no date or time"),
    ({"freshness": "2d"}, "needs incremental_column"),
    ({"rows": {"change": "50%"}, "mean": {}}, "expect may have"),
    ({"range": {"id": [1]}}, "a range is [least, greatest]"),
]


def test_rows_as_expected_land_and_others_leave_the_last_good_run(etl: Etl, each_database: Database) -> None:
    # Given a run before
    first = etl.run(each_database, query=ROWS)
    assert first.code == 0, first.lines
    before = first.manifest
    for expect, said in CASES:
        # When a run expects something; masks change nothing, for the rows are measured before them
        masks = {"email": {"kind": "drop"}, "id": {"kind": "redact"}}
        outcome = etl.run(each_database, query=ROWS, expect=expect, masks=masks, on_drift="accept")
        # Then
        if said is None:
            assert outcome.code == 0, outcome.lines
            assert {one["passed"] for one in outcome.manifest["expectations"]} == {True}
            before = outcome.manifest
        else:
            assert (outcome.code, said in outcome.message) == (2, True), (expect, outcome.lines)
            assert outcome.manifest == before
            assert "example.org" not in outcome.message


def test_warn_lands_and_tells(etl: Etl, postgresql: Database) -> None:
    expect = {"unique": ["id"], "rows": {"min": 1}, "on_failure": "warn"}
    outcome = etl.run(postgresql, query=ROWS, expect=expect)
    assert outcome.code == 0, outcome.lines
    assert [(one["expectation"], one["passed"]) for one in outcome.manifest["expectations"]] == [
        ("rows.min", True),
        ("unique.id", False),
    ]
    assert any("Not as expected: 1 rows have a (id)" in line["message"] for line in outcome.lines)


def test_a_change_is_of_the_run_before_and_without_one_it_is_told(etl: Etl, postgresql: Database) -> None:
    # Given ten rows a day
    def day(number: int, rows: int) -> Outcome:
        return etl.run(
            postgresql, "--from", f"2026-11-0{number}T00:00:00Z", "--to", f"2026-11-0{number + 1}T00:00:00Z",
            query=f"select g as id, :from as f, :to as t from generate_series(1, {rows}) g",
            expect={"rows": {"change": "50%"}},
        )  # fmt: skip

    first, most, many, few = day(1, 10), day(2, 15), day(3, 23), day(3, 7)
    # Then
    assert [one.code for one in (first, most, many, few)] == [0, 0, 2, 2], many.lines
    (verdict,) = json.loads(first.manifests[0].read_text())["expectations"]
    assert (verdict["passed"], verdict["compared"]) == (True, False)
    assert "23 rows after 15 of the run before are a change of 53.33 %" in many.message


def test_freshness_is_measured_at_the_end_of_the_interval(etl: Etl, any_database: Database) -> None:
    def run(within: str) -> Outcome:
        return etl.run(
            any_database, "--from", "2025-11-01T00:00:00Z", "--to", "2025-11-03T00:00:00Z",
            query="select 1 as id, cast('2025-11-02 12:00:00' as {}) as at".format(
                "timestamp" if any_database.engine == "postgresql" else "datetime"
            ),
            incremental_column="at", expect={"freshness": within},
        )  # fmt: skip

    fresh, stale = run("12h"), run("11h")
    assert (fresh.code, stale.code) == (0, 2), fresh.lines
    assert "the newest at is 43200 s before the end, and at most 39600 s is expected" in stale.message


@pytest.mark.parametrize(
    ("zone", "value", "kind", "age"),
    [
        ("Asia/Tokyo", "2025-11-02 12:00:00", "timestamp", 21 * 3600),
        ("America/New_York", "2025-11-01 12:00:00", "timestamp", 32 * 3600),
        # The clock shows 01:30 twice in that night: its second time counts.
        ("America/New_York", "2025-11-02 01:30:00", "timestamp", 17 * 3600 + 1800),
        ("Asia/Tokyo", "2025-11-01", "date", 33 * 3600),
    ],
)
def test_freshness_of_a_time_without_a_zone_is_in_the_zone_of_the_pipeline(
    etl: Etl, each_database: Database, zone: str, value: str, kind: str, age: int
) -> None:
    # Given a newest row in the words of a database whose clock is of that zone
    there = "datetime" if kind == "timestamp" and each_database.engine != "postgresql" else kind
    done = etl.run(
        each_database, "--from", "2025-11-01T00:00:00Z", "--to", "2025-11-03T00:00:00Z",
        query=f"select 1 as id, date '2025-11-01' as day, cast('{value}' as {there}) as at",
        incremental_column="day", incremental_zone=zone,
        expect={"freshness": {"column": "at", "within": f"{age - 1}s"}},
    )  # fmt: skip

    # Then its age is that of the instant
    assert done.code == 2, done.lines
    assert f"the newest at is {age} s before the end" in done.message


def test_freshness_of_a_time_with_a_zone_knows_no_other(etl: Etl, postgresql: Database) -> None:
    done = etl.run(
        postgresql, "--from", "2025-11-01T00:00:00Z", "--to", "2025-11-03T00:00:00Z",
        query="select 1 as id, date '2025-11-01' as day, timestamptz '2025-11-02 12:00:00+00' as at",
        incremental_column="day", incremental_zone="Asia/Tokyo",
        expect={"freshness": {"column": "at", "within": "43199s"}},
    )  # fmt: skip

    assert "the newest at is 43200 s before the end" in done.message, done.lines


def test_freshness_finds_the_incremental_column_where_names_have_no_case(
    etl: Etl, any_database: Database
) -> None:
    # Given an incremental column in capitals, which the query returns in small letters
    kind = "timestamp" if any_database.engine == "postgresql" else "datetime"
    query = f"select 1 as id, cast('2025-11-02 12:00:00' as {kind}) as at"
    interval = ("--from", "2025-11-01T00:00:00Z", "--to", "2025-11-03T00:00:00Z")

    done = etl.run(any_database, *interval, query=query, incremental_column="AT", expect={"freshness": "12h"})

    # Then MySQL and MariaDB know it, and PostgreSQL, whose names have a case, does not
    assert done.code == (2 if any_database.engine == "postgresql" else 0), done.lines


def test_parts_are_judged_together(etl: Etl, postgresql: Database) -> None:
    # Given two key ranges, of which the second alone has a null
    options: dict[str, Any] = {
        "query": "select g as id, nullif(g, 9) as n from generate_series(0, 9) g",
        "partitions": {"column": "id", "lower": 0, "upper": 10, "count": 2},
    }

    def run(expect: dict[str, Any]) -> Outcome:
        changes = options | {"expect": expect}
        for number in range(2):
            part = etl.run(postgresql, "--part", str(number), "--attempt", f"t{number}", **changes)
            assert part.code == 0, part.lines
        digest = etl.specify(postgresql, **changes)
        return etl.finish(etl.start("commit", digest, "--parts", "t0,t1", "--attempt", "c", secret={}))

    # When
    etl.directory = etl.directory / "few"
    few = run({"rows": {"min": 11}, "nulls": {"n": 0.05}, "range": {"n": [0, 7]}})
    etl.directory = etl.directory / "right"
    right = run({"rows": {"min": 10}, "nulls": {"n": 0.1}, "range": {"n": [0, 8]}, "unique": ["id"]})
    # Then
    assert few.code == 2
    for said in ("10 rows, and at least 11", "1 of 10 rows have no n", "1 of 10 rows have n outside"):
        assert said in few.message
    assert few.manifests == []
    assert right.code == 0, right.lines
    assert len(right.manifest["expectations"]) == 4
    assert "measured" not in right.manifest


def test_what_a_part_or_a_passthrough_cannot_know_is_refused(etl: Etl, postgresql: Database) -> None:
    parts = {"column": "id", "lower": 0, "upper": 10, "count": 2}
    apart = etl.run(postgresql, expect={"unique": ["email"]}, partitions=parts)
    csv = {"type": "csv", "compression": "none", "passthrough": True}
    passed = etl.run(postgresql, expect={"nulls": {"one": 0}}, format=csv)
    counted = etl.run(postgresql, expect={"rows": {"min": 2}}, format=csv)
    assert (apart.code, passed.code, counted.code) == (2, 2, 2)
    assert "cannot be known of key ranges" in apart.message
    assert "looks at no value" in passed.message
    assert "1 rows, and at least 2 are expected" in counted.message


def asked(**expect: Any) -> Expectations:
    found = Expectations.parse({"expect": expect}, where="here")
    assert found
    return found


RANGES: list[tuple[pa.Array, list[Any], int]] = [
    # No float's rounding: 2^53 + 1, and 0.1 of a decimal.
    (pa.array([9007199254740993], pa.int64()), [None, 9007199254740992], 1),
    (pa.array([Decimal("0.10"), Decimal("0.11")], pa.decimal128(10, 2)), [None, 0.1], 1),
    (pa.array([Decimal("0.10")], pa.decimal128(10, 2)), [0.105, None], 1),
    (pa.array([0.1, float("nan"), float("inf"), None], pa.float64()), [0, 0.1], 2),
    (pa.array([0.1], pa.float32()), [0.1, 0.1], 0),
    (pa.array([float("nan")] * 2, pa.float64()), [None, None], 2),
    (pa.array([255, 0], pa.uint8()), [-5, 300], 0),
    (pa.array([255, 0], pa.uint8()), [256, None], 2),
    (pa.array([2**64 - 1], pa.uint64()), [0, "1e6"], 1),
    (pa.array([5, 6, 7], pa.int8()), [5.5, 6.5], 2),
    (pa.array([date(2026, 11, 1), date(2026, 11, 2), None]), ["2026-11-02", None], 1),
    # Year 292277 and after are no date of Python's.
    (pa.array([2**30], pa.int32()).view(pa.date32()), ["2026-01-01", "9999-12-31"], 1),
    (pa.array([datetime(2026, 11, 1, 23, 59, 59)], pa.timestamp("us")), [None, "2026-11-01"], 0),
    (pa.array([datetime(2026, 11, 2)], pa.timestamp("us")), [None, "2026-11-01"], 1),
    (pa.array([datetime(2026, 11, 1, 12, tzinfo=UTC)], pa.timestamp("us", "UTC")),
     ["2026-11-01T13:00:00+02:00", "2026-11-01T12:00:00Z"], 0),
]  # fmt: skip


@pytest.mark.parametrize(("array", "bounds", "outside"), RANGES)
def test_a_range_is_exact_in_every_type(array: pa.Array, bounds: list[Any], outside: int) -> None:
    column = Column(name="x", kind=Kind.STRING, type=array.type, database_type="any")
    measures = Measures(asked(range={"x": bounds}), [column])
    measures.take(pa.RecordBatch.from_arrays([array], names=["x"]))
    assert measures.document()["outside"] == {"x": outside}


@pytest.mark.parametrize(
    ("kind", "bound"), [(pa.int32(), "soon"), (pa.timestamp("us"), 3), (pa.date32(), "x")]
)
def test_a_bound_that_is_none_of_the_type_is_refused(kind: pa.DataType, bound: Any) -> None:
    column = Column(name="x", kind=Kind.STRING, type=kind, database_type="any")
    with pytest.raises(UserError, match=r"expect.range of x"):
        Measures(asked(range={"x": [bound, None]}), [column])


def batches(values: list[Any], kind: pa.DataType, size: int = 1000) -> list[pa.RecordBatch]:
    return [
        pa.RecordBatch.from_arrays([pa.array(values[at : at + size], kind)], names=["k"])
        for at in range(0, len(values), size)
    ]


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()])
@pytest.mark.parametrize("count", [5_000, 70_000])
def test_uniqueness_is_exact_and_beyond_its_bound_a_sample_of_keys(
    kind: pa.DataType, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a bound that the larger set exceeds
    monkeypatch.setattr(uniqueness, "MOST_KEYS", 10_000)
    keys = [str(n) if pa.types.is_string(kind) else n for n in range(count)]
    found = {}
    for name, values in {"unique": keys, "one": [*keys, keys[7]], "many": keys + keys[: count // 10]}.items():
        seen = Uniqueness(("k",))
        for batch in batches([*values, None, None], kind):
            seen.take(batch)
        found[name] = seen.document()
        assert seen._keys <= 10_000
    # Then a unique column is never said to be none, exactly what is doubled is counted while all is held
    assert found["unique"]["duplicates"] == 0
    if count == 5_000:
        assert [found[name]["sample"] for name in found] == [1, 1, 1]
        assert (found["one"]["duplicates"], found["many"]["duplicates"]) == (1, 500)
    else:
        # and beyond it many are still found, though not counted
        assert found["unique"]["sample"] == 8 or found["unique"]["sample"] == 16
        assert found["many"]["duplicates"] > 100


@pytest.mark.timeout(30)
@pytest.mark.parametrize("key", ["", "one for all"])
def test_a_key_that_most_rows_have_leaves_room_for_the_others(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a bound, and far more rows than it that have one key; the hash of an empty text is in every sample
    monkeypatch.setattr(uniqueness, "MOST_KEYS", 1_000)
    seen = Uniqueness(("k",))
    values = [key] * 20_000 + [str(n) for n in range(400)]
    # When
    for batch in batches(values, pa.string()):
        seen.take(batch)
    # Then all is counted, for the keys themselves are few
    assert seen.document() == {"columns": ["k"], "duplicates": 19_999, "sample": 1}


def test_keys_of_several_columns_are_told_apart_and_nulls_are_like_nothing() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("a", None), ("a", None), ("1:a", ""), ("", "1:a")]
    batch = pa.RecordBatch.from_arrays(
        [pa.array([one for one, _ in pairs]), pa.array([two for _, two in pairs])], names=["a", "b"]
    )
    seen = Uniqueness(("a", "b"))
    seen.take(batch)
    assert seen.document()["duplicates"] == 0
    seen.take(batch)
    assert seen.document()["duplicates"] == 4


def test_measures_of_parts_add_up() -> None:
    one = {"nulls": {"a": 1}, "outside": {}, "newest_seconds": None,
           "unique": [{"columns": ["a"], "duplicates": 0, "sample": 1}]}  # fmt: skip
    two = {**one, "newest_seconds": 5, "unique": [{"columns": ["a"], "duplicates": 2, "sample": 4}]}
    assert merge([one, two]) == {"nulls": {"a": 2}, "outside": {}, "newest_seconds": 5,
                                 "unique": [{"columns": ["a"], "duplicates": 2, "sample": 4}]}  # fmt: skip


def test_the_sentences_of_the_how_to_page_are_those_of_the_container(etl: Etl, postgresql: Database) -> None:
    # Given the page, and a table that changes under two pipelines
    page = (ROOT / "docs/how-to/columns-and-expectations.md").read_text()
    masked = {
        "prefix": "shop/customers",
        "masks": {"name": {"kind": "redact"}},
        "query": "select * from told",
    }
    plain = {"query": "select id, name from told"}
    postgresql.say("drop table if exists told")
    postgresql.say("create table told (id int, name text)")
    assert [etl.run(postgresql, **one).code for one in (masked, plain)] == [0, 0]
    postgresql.say("alter table told add column email text")
    added = etl.run(postgresql, **masked)
    postgresql.say("alter table told alter column id type text")
    changed = etl.run(postgresql, **plain)
    # When rows are not as expected
    query = "select 1 as id union all select 1"
    rows = etl.run(postgresql, query=query, expect={"rows": {"min": 3}, "unique": ["id"]}, on_drift="accept")
    # Then each says what the page says
    for outcome in (added, changed, rows):
        assert outcome.code == 2
        assert outcome.message in page


def outside_of(bounds: list[Any], array: pa.Array) -> int:
    column = Column(name="x", kind=Kind.STRING, type=array.type, database_type="any")
    measures = Measures(asked(range={"x": bounds}), [column])
    measures.take(pa.RecordBatch.from_arrays([array], names=["x"]))
    return int(measures.document()["outside"]["x"])


@pytest.mark.parametrize("kind", [pa.int32(), pa.decimal128(20, 2), pa.decimal256(76, 38), pa.float64()])
def test_a_bound_beyond_all_numbers_is_one_and_one_that_is_no_number_is_none(kind: pa.DataType) -> None:
    values = pa.array([1, 2], pa.int32()).cast(kind)
    for bound in ("Infinity", "1e400", "1e99999"):
        assert outside_of([f"-{bound}", bound], values) == 0
        assert outside_of([bound, None], values) == 2
    for bound in ("NaN", "sNaN"):
        with pytest.raises(UserError, match="is no bound"):
            outside_of([bound, None], values)


@pytest.mark.parametrize(
    "asked",
    [
        {"unique": [[]]},
        {"nulls": {"id": float("nan")}},
        {"nulls": {"id": -1}},
        {"rows": {"change": float("nan")}},
        {"rows": {"min": 1.5}},
        {"rows": {"max": True}},
        {"freshness": {"column": "at", "within": float("inf")}},
        {"freshness": {"column": "at", "within": -1}},
    ],
)
def test_what_asks_for_nothing_that_can_be_counted_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="expect is not as"):
        Expectations.parse({"expect": asked}, where="the test")
