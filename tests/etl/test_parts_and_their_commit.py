"""A pipeline read in key ranges: parts that nobody sees, and one commit that shows them all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, Outcome, client

from hybrid_etl.errors import UserError
from hybrid_etl.partitions import Partitions
from hybrid_etl.writers.statistics import merge

PARTITIONS = {"column": "id", "lower": 0, "upper": 90, "count": 3}
#: Before the lower bound, on a cut, beyond the upper bound, and without a key: none may be lost.
KEYS: Sequence[int | None] = (-5, 0, 29, 30, 59, 60, 89, 90, 4000, None)
INTERVAL = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z")


@pytest.fixture
def keys(any_database: Database) -> Database:
    any_database.say("drop table if exists parts")
    any_database.say("create table parts (id bigint, at timestamp null)")
    for key in KEYS:
        any_database.say("insert into parts values (%s, '2026-11-01 12:00:00')", (key,))
    return any_database


def read_part(etl: Etl, database: Database, number: int, attempt: str, *more: str, **changes: Any) -> Outcome:
    options = {"query": "select id from parts", "partitions": PARTITIONS} | changes
    return etl.run(database, "--part", str(number), "--attempt", attempt, *more, **options)


def commit(etl: Etl, database: Database, parts: str, *more: str, **changes: Any) -> Outcome:
    options = {"query": "select id from parts", "partitions": PARTITIONS} | changes
    digest = etl.specify(database, **options)
    arguments = ("commit", digest, "--parts", parts, "--attempt", "commit", *more)
    return etl.finish(etl.start(*arguments, secret={}))


def landed(outcome: Outcome) -> list[int | None]:
    found = [row["id"] for path in outcome.files for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=lambda key: (key is None, key))


def test_parts_are_unseen_until_one_commit_shows_every_row_once(etl: Etl, keys: Database) -> None:
    # Given three ranges, each read by a container of its own
    parts = [read_part(etl, keys, number, f"try{number}") for number in range(3)]
    assert [part.code for part in parts] == [0, 0, 0], [part.message for part in parts]
    # Then nothing is visible
    assert parts[-1].manifests == []
    # When they are committed
    outcome = commit(etl, keys, "try0,try1,try2")
    # Then one manifest names every row exactly once
    assert outcome.code == 0, outcome.lines
    assert landed(outcome) == sorted(KEYS, key=lambda key: (key is None, key or 0))
    manifest = outcome.manifest
    assert (manifest["rows"], manifest["attempt"], "part" in manifest) == (len(KEYS), "commit", False)
    assert manifest["bytes"] == sum(path.stat().st_size for path in outcome.files)
    assert [part["rows"] for part in manifest["parts"]] == [4, 2, 4]
    assert [part["attempt"] for part in manifest["parts"]] == ["try0", "try1", "try2"]
    assert manifest["database"]["snapshot_time"] == min(p["snapshot_time"] for p in manifest["parts"])
    assert manifest["statistics"]["id"] == {"nulls": 1, "min": "-5", "max": "4000"}
    assert manifest["seconds"]["total"] >= manifest["seconds"]["connect"] > 0


def test_a_rerun_of_a_part_replaces_it_and_mixes_nothing(etl: Etl, keys: Database) -> None:
    # Given a committed run of an interval
    options = {"incremental_column": "at", "query": "select id, at from parts"}
    for number in range(3):
        assert read_part(etl, keys, number, f"first{number}", *INTERVAL, **options).code == 0
    before = commit(etl, keys, "first0,first1,first2", *INTERVAL, **options)
    # When a row comes late, its range is read again, and the run is committed anew
    keys.say("insert into parts values (45, '2026-11-01 13:00:00')")
    assert read_part(etl, keys, 1, "second1", *INTERVAL, **options).code == 0
    assert commit(etl, keys, "first0,first1,first2", *INTERVAL, **options).manifest["rows"] == len(KEYS)
    after = commit(etl, keys, "first0,second1,first2", *INTERVAL, **options)
    # Then it is there once, in the one manifest of the interval
    assert landed(after).count(45) == 1
    assert after.manifest["rows"] == len(KEYS) + 1
    assert after.manifests == before.manifests


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("try0,try1,lost", {}, "Part 2 has not landed; run part 2 again"),
    ("try0,try1", {}, "--parts names 2 tries, and the pipeline has 3 ranges"),
    ("try0,try2,try1", {}, "part is {'number': 2, 'count': 3}, and this commit is of"),
    ("try0,try1,try2", {"query": "select id as id from parts"}, "specification is"),
    ("try0,try1,try2", {"partitions": None}, "has no partitions: there is nothing to commit"),
]


def test_what_is_not_whole_is_not_committed(etl: Etl, postgresql: Database) -> None:
    # Given three parts
    table = {"query": "select 1::bigint as id"}
    for number in range(3):
        assert read_part(etl, postgresql, number, f"try{number}", **table).code == 0
    # When a commit names another set of tries, or is of another specification or interval
    outcomes = [
        (commit(etl, postgresql, parts, **{**table, **changes}), said) for parts, changes, said in REFUSALS
    ]
    outcomes.append((commit(etl, postgresql, "try0,try1,try2", *INTERVAL, **table), "Part 0 has not landed"))
    # Then it is refused in plain words, and nothing is visible
    for outcome, said in outcomes:
        assert (outcome.code, said in outcome.message) == (2, True), outcome.lines
        assert outcome.manifests == []


def test_a_table_altered_between_two_parts_is_not_committed(etl: Etl, postgresql: Database) -> None:
    # Given a column that is added after the first part
    postgresql.say("create table altered (id bigint)")
    star = {"query": "select * from altered"}
    read_part(etl, postgresql, 0, "try0", **star)
    postgresql.say("alter table altered add column note varchar(10)")
    for number in (1, 2):
        read_part(etl, postgresql, number, f"try{number}", **star)
    # When
    outcome = commit(etl, postgresql, "try0,try1,try2", **star)
    # Then
    assert outcome.code == 1
    assert "Part 1 has other columns than part 0" in outcome.message
    assert outcome.manifests == []


def test_a_full_refresh_reads_all_that_there_is_and_lands_as_full(etl: Etl, keys: Database) -> None:
    # Given rows of many years
    keys.say("insert into parts values (7, '1971-01-01 00:00:00')")
    # When everything before an instant is read
    everything = ("--from", "1000-01-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z", "--full")
    options = {"incremental_column": "at", "query": "select id, at from parts"}
    outcome = etl.run(keys, *everything, **options)
    # Then it is one run, under the name of a full one
    assert outcome.code == 0, outcome.lines
    assert outcome.manifests[0].parent.name == "interval=full"
    assert outcome.manifest["rows"] == len(KEYS) + 1
    assert outcome.manifest["interval"]["to"] == "2026-11-02T00:00:00+00:00"


def test_parts_in_s3_are_committed_too(etl: Etl, postgresql: Database, s3: dict[str, str]) -> None:
    # Given a bucket as the lake, and a table
    bucket = client("s3", s3)
    bucket.create_bucket(
        Bucket="committed", CreateBucketConfiguration={"LocationConstraint": s3["AWS_REGION"]}
    )
    lake = {**s3, "HYBRID_LAKE": "s3://committed"}
    options = {"query": "select g as id from generate_series(1, 100) g", "partitions": PARTITIONS}
    etl.environment = lake
    for number in range(3):
        assert read_part(etl, postgresql, number, f"try{number}", **options).code == 0
    # When
    outcome = commit(etl, postgresql, "try0,try1,try2", **options)
    # Then
    assert outcome.code == 0, outcome.lines
    answer = bucket.get_object(Bucket="committed", Key="shop/orders/interval=full/_manifest.json")
    assert json.loads(answer["Body"].read())["rows"] == 100


@pytest.mark.parametrize(
    ("ranges", "whole"),
    [
        ([("9", "80"), ("-10", "-1")], ("-10", "80")),
        ([("2026-11-01T00:00:00.5+00:00", "2026-11-02T00:00:00+00:00")] * 2,
         ("2026-11-01T00:00:00.5+00:00", "2026-11-02T00:00:00+00:00")),
        ([("1", "2"), (None, None)], (None, None)),
    ],
)  # fmt: skip
def test_ranges_of_columns_are_merged_by_value_or_left_unsaid(
    ranges: list[tuple[str, str]], whole: tuple[str, str]
) -> None:
    parts = [{"nulls": 1, "min": low, "max": high} for low, high in ranges]
    empty = {"nulls": 3, "min": None, "max": None}
    merged = merge([*parts, empty], rows=[10] * len(parts) + [3])
    assert merged == {"nulls": 3 + len(parts), "min": whole[0], "max": whole[1]}


@pytest.mark.parametrize("count", [2, 3, 7, 64])
@pytest.mark.parametrize(("lower", "upper"), [(0, 64), (-1000, 17), (1, 2**62)])
def test_ranges_are_disjoint_and_leave_no_key_out(count: int, lower: int, upper: int) -> None:
    partitions = Partitions(column="id", lower=lower, upper=upper, count=count)
    ranges = [partitions.key_range(number) for number in range(count)]
    assert (ranges[0].start, ranges[-1].end) == (None, None)
    cuts = [range_.end for range_ in ranges[:-1]]
    assert [range_.start for range_ in ranges[1:]] == cuts
    assert all(first < second for first, second in itertools.pairwise(cuts))


@pytest.mark.parametrize(
    "document",
    [
        {"column": "id"},
        {**PARTITIONS, "count": 1},
        {**PARTITIONS, "upper": 2},
        {**PARTITIONS, "lower": "0"},
        3,
    ],
)
def test_wrong_partitions_are_refused(document: object) -> None:
    with pytest.raises(UserError, match="partitions"):
        Partitions.parse(document, where="here")


def test_a_part_of_what_has_none_and_a_part_too_many_are_refused(tmp_path: Path) -> None:
    etl = Etl(tmp_path)
    for changes, said in (({}, "has no partitions"), ({"partitions": PARTITIONS}, "the ranges are 0 to 2")):
        outcome = etl.finish(etl.start("run", etl.specify(**changes), "--part", "3", secret={}))
        assert (outcome.code, said in outcome.message) == (2, True), outcome.lines


def alter(etl: Etl, attempt: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Put another receipt of a part in its place."""
    (path,) = etl.lake.rglob(f"{attempt}/_part.json")
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def of_an_older_container(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt as it was before drift, row-level security, warnings and longest values were in it."""
    later = {"warnings", "rounded", "shape", "drift", "largest_value"}
    database = {name: value for name, value in receipt["database"].items() if name != "row_security"}
    return {name: value for name, value in receipt.items() if name not in later} | {"database": database}


@pytest.mark.parametrize("older", [("try0",), ("try2",), ("try0", "try1", "try2")])
def test_parts_of_an_older_container_are_committed_beside_those_of_this_one(
    etl: Etl, postgresql: Database, older: tuple[str, ...]
) -> None:
    # Given a run during which the container was replaced
    postgresql.say("drop table if exists parts")
    postgresql.say("create table parts as select n as id from generate_series(0, 89) n")
    assert [read_part(etl, postgresql, number, f"try{number}").code for number in range(3)] == [0, 0, 0]
    for attempt in older:
        alter(etl, attempt, of_an_older_container)
    # When it is committed
    outcome = commit(etl, postgresql, "try0,try1,try2")
    # Then every row is there, and what an older part did not look at is not said to be so
    assert outcome.code == 0, outcome.message
    assert landed(outcome) == list(range(90))
    assert outcome.manifest["database"]["row_security"] is None
    assert ("shape" in outcome.manifest) == (len(older) < 3)


def test_a_part_of_a_newer_container_that_says_more_of_its_columns_is_committed(
    etl: Etl, postgresql: Database
) -> None:
    # Given a run during which the container was replaced by one that says more
    postgresql.say("drop table if exists parts")
    postgresql.say("create table parts as select n as id from generate_series(0, 89) n")
    assert [read_part(etl, postgresql, number, f"try{number}").code for number in range(3)] == [0, 0, 0]
    alter(etl, "try2", lambda part: part | {"schema": [one | {"comment": "key"} for one in part["schema"]]})
    # When it is committed, then every row is there
    outcome = commit(etl, postgresql, "try0,try1,try2")
    assert outcome.code == 0, outcome.message
    assert landed(outcome) == list(range(90))


@pytest.mark.parametrize(
    "change",
    [
        lambda _: [],
        lambda _: None,
        lambda receipt: receipt | {"rows": None},
        lambda receipt: receipt | {"files": "none"},
        lambda receipt: receipt | {"schema": None},
        lambda receipt: receipt | {"database": {}},
        lambda receipt: receipt | {"schema": [1]},
        lambda receipt: receipt | {"files": ["part"]},
        lambda receipt: receipt | {"seconds": {"read": "long"}},
        lambda receipt: receipt | {"statistics": {"id": 7}},
    ],
)
def test_a_damaged_receipt_of_a_part_is_named(
    etl: Etl, postgresql: Database, change: Callable[[dict[str, Any]], object]
) -> None:
    postgresql.say("drop table if exists parts")
    postgresql.say("create table parts as select n as id from generate_series(0, 89) n")
    assert [read_part(etl, postgresql, number, f"try{number}").code for number in range(3)] == [0, 0, 0]
    alter(etl, "try1", change)

    outcome = commit(etl, postgresql, "try0,try1,try2")

    assert outcome.code == 1
    assert "try1/_part.json is no receipt of a part; run part 1 again" in outcome.message
    assert outcome.manifests == []


def test_facts_are_those_of_all_parts_where_the_first_has_no_row(etl: Etl, postgresql: Database) -> None:
    # Given a table of which the first range holds nothing, and the longest text stands in the last
    postgresql.say("drop table if exists parts")
    rows = "select n as id, repeat('x', n) as name from generate_series(30, 89) n"
    postgresql.say(f"create table parts as {rows}")
    options = {"query": "select id, name from parts"}
    for number in range(3):
        assert read_part(etl, postgresql, number, f"try{number}", **options).code == 0
    # When it is committed
    manifest = commit(etl, postgresql, "try0,try1,try2", **options).manifest
    # Then the receipt tells of all of them
    assert manifest["statistics"]["id"] == {"nulls": 0, "min": "30", "max": "89"}
    assert manifest["largest_value"] == {"column": "name", "bytes": 89}
