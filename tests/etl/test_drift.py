"""Columns that are others than those of the run before: judged before a row is read, and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, Outcome, client

from hybrid_etl import aws
from hybrid_etl.drift import widens
from hybrid_etl.interval import Interval
from hybrid_etl.previous import find_previous
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import Listing
from hybrid_etl.sinks.s3 import S3Sink

STAR = "select * from drifting"
REDACT = {"name": {"kind": "redact"}}


def make(database: Database, *statements: str) -> None:
    database.say("drop table if exists drifting")
    database.say("create table drifting (id int, name varchar(20))")
    database.say("insert into drifting values (1, 'Ana')")
    for statement in statements:
        database.say(statement)


def receipt_of(outcome: Outcome) -> dict[str, Any]:
    return dict(json.loads(max(outcome.manifests, key=lambda path: path.stat().st_mtime_ns).read_text()))


def text_of_id(database: Database) -> str:
    if database.engine == "postgresql":
        return "alter table drifting alter column id type text"
    return "alter table drifting modify column id text"


def big_id(database: Database) -> str:
    if database.engine == "postgresql":
        return "alter table drifting alter column id type bigint"
    return "alter table drifting modify column id bigint"


def test_a_new_column_beside_masks_does_not_leave_and_a_changed_type_does_not_land(
    etl: Etl, each_database: Database
) -> None:
    # Given a masked pipeline that reads all columns of a table, and its first receipt
    make(each_database)
    first = etl.run(each_database, query=STAR, masks=REDACT)
    assert first.code == 0, first.lines
    before = first.manifest
    assert before["drift"]["changes"] == []
    assert "no receipt of the pipeline yet" in before["drift"]["reason"]
    # When the table gets a column, and another type of its key
    each_database.say("alter table drifting add column email varchar(50)")
    each_database.say("update drifting set email = 'ana@example.org'")
    added = etl.run(each_database, query=STAR, masks=REDACT)
    each_database.say("alter table drifting drop column email")
    each_database.say(text_of_id(each_database))
    changed = etl.run(each_database, query=STAR, masks=REDACT)
    # Then both runs say what is different and what to do, and the receipt is the one before
    assert (added.code, changed.code) == (2, 2)
    assert "email (string) is new" in added.message
    assert "`columns`" in added.message
    assert "id was int32 and is string" in changed.message
    assert "on_drift: accept" in changed.message
    assert "example.org" not in added.message
    assert changed.manifest == before
    assert sorted(etl.lake.rglob("*.parquet")) == first.files


#: Statement → policy → exit code, and the changes that the receipt has where it is 0.
CHANGES: list[tuple[str, dict[str, int], list[tuple[str, str]]]] = [
    ("add", {"widen": 0, "accept": 0, "fail": 2}, [("email", "added")]),
    ("drop", {"widen": 2, "accept": 0, "fail": 2}, [("name", "removed")]),
    ("rename", {"widen": 2, "accept": 0, "fail": 2}, [("name", "removed"), ("title", "added")]),
    ("big", {"widen": 0, "accept": 0, "fail": 2}, [("id", "widened")]),
    ("text", {"widen": 2, "accept": 0, "fail": 2}, [("id", "changed")]),
    ("longer", {"widen": 0, "accept": 0, "fail": 0}, []),
]


@pytest.mark.parametrize(("what", "codes", "changes"), CHANGES, ids=[case[0] for case in CHANGES])
def test_each_change_under_each_policy(
    what: str,
    codes: dict[str, int],
    changes: list[tuple[str, str]],
    tmp_path: Path,
    postgresql: Database,
) -> None:
    statements = {
        "add": "alter table drifting add column email varchar(50)",
        "drop": "alter table drifting drop column name",
        "rename": "alter table drifting rename column name to title",
        "big": big_id(postgresql),
        "text": text_of_id(postgresql),
        "longer": "insert into drifting values (2, 'Bea')",
    }
    for policy, code in codes.items():
        # Given a receipt
        etl = Etl(tmp_path / policy)
        make(postgresql)
        assert etl.run(postgresql, query=STAR, on_drift=policy).code == 0
        # When the table is altered
        postgresql.say(statements[what])
        outcome = etl.run(postgresql, query=STAR, on_drift=policy)
        # Then
        assert outcome.code == code, (policy, outcome.lines)
        drift = receipt_of(outcome)["drift"]
        found = [(one["column"], one["change"]) for one in drift["changes"]]
        assert found == (changes if code == 0 else [])
        if code == 0:
            warned = [line["column"] for line in outcome.lines if "column" in line]
            assert warned == [column for column, _ in changes]


def test_in_csv_a_column_between_others_moves_them_and_one_at_the_end_does_not(
    etl: Etl, postgresql: Database
) -> None:
    # Given a table that is made anew with its columns in another order
    csv = {"format": {"type": "csv", "compression": "none"}, "query": STAR}
    make(postgresql)
    assert etl.run(postgresql, **csv).code == 0
    postgresql.say("alter table drifting add column last int")
    at_the_end = etl.run(postgresql, **csv)
    postgresql.say("drop table drifting")
    postgresql.say("create table drifting (name varchar(20), id int, last int)")
    # When
    moved = etl.run(postgresql, **csv)
    parquet = etl.run(postgresql, query=STAR, prefix="other/orders")
    # Then
    assert (at_the_end.code, moved.code, parquet.code) == (0, 2, 0)
    assert "the order of the columns is another, from name on" in moved.message


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        (text_of_id, {"fail": 2, "widen": 2, "accept": 0}),
        (big_id, {"fail": 2, "widen": 0, "accept": 0}),
        (lambda _: "alter table drifting alter name type text", {"fail": 0, "widen": 0, "accept": 0}),
    ],
    ids=["to text", "to bigint", "varchar to text"],
)
def test_what_is_passed_on_has_the_types_of_the_database(
    statement: Callable[[Database], str], codes: dict[str, int], tmp_path: Path, postgresql: Database
) -> None:
    for policy, code in codes.items():
        # Given CSV as the server writes it, all of it text to the lake
        etl = Etl(tmp_path / policy)
        keys = {"format": {"type": "csv", "compression": "none", "passthrough": True}, "on_drift": policy}
        make(postgresql)
        assert etl.run(postgresql, query=STAR, **keys).code == 0
        # When the type of a column is another
        postgresql.say(statement(postgresql))
        outcome = etl.run(postgresql, query=STAR, **keys)
        # Then it is judged as what its readers see
        assert outcome.code == code, (policy, outcome.lines)


def test_what_the_user_changed_is_the_user_s_own_but_a_star_beside_masks_hides_nothing(
    etl: Etl, postgresql: Database
) -> None:
    # Given a masked pipeline
    make(postgresql)
    postgresql.say("alter table drifting add column email text")
    named = {"query": "select id, name from drifting", "masks": REDACT, "select_star": False}
    assert etl.run(postgresql, **named).code == 0
    # When the user asks for another column by name, then drops one, then asks for all
    more = {**named, "query": "select id, name, email from drifting"}
    outcomes = [etl.run(postgresql, **more), etl.run(postgresql, **named)]
    star = etl.run(postgresql, query=STAR, masks=REDACT, select_star=True)
    # Then the first two are told, and the star, which would let out email, is refused
    assert [outcome.code for outcome in outcomes] == [0, 0]
    assert star.code == 2
    assert "email (string) is new" in star.message
    assert receipt_of(star)["drift"]["own_change"] is True


def test_an_allow_list_selects_these_columns_in_this_order_and_no_other(
    etl: Etl, each_database: Database
) -> None:
    # Given
    make(each_database, "alter table drifting add column email varchar(50)")
    options: dict[str, Any] = {"query": STAR + ";", "columns": ["name", "id"], "masks": REDACT}
    # When
    first = etl.run(each_database, **options)
    each_database.say("alter table drifting add column phone varchar(50)")
    second = etl.run(each_database, **options)
    unknown = etl.run(each_database, **(options | {"columns": ["name", "nonesuch"]}))
    unlisted = etl.run(each_database, **(options | {"columns": ["id"]}))
    # Then
    assert (first.code, second.code, unknown.code, unlisted.code) == (0, 0, 2, 2), unknown.lines
    assert "nonesuch" in unknown.message
    assert [pq.read_table(path).to_pylist() for path in second.files] == [[{"name": "***", "id": 1}]]
    assert second.manifest["drift"]["changes"] == []


def test_an_allow_list_quotes_names_and_the_interval_may_be_of_a_column_that_is_not_in_it(
    etl: Etl, postgresql: Database
) -> None:
    query = """select 1 as "a b", 2 as "q""x", timestamp '2026-11-01 12:00' as at"""
    outcome = etl.run(
        postgresql, "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z",
        query=query, columns=['q"x', "a b"], incremental_column="at",
    )  # fmt: skip
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [{'q"x': 2, "a b": 1}]


@pytest.mark.parametrize("columns", [["id", "id"], "id", [""], [1]])
def test_wrong_allow_lists_are_refused(etl: Etl, columns: object) -> None:
    outcome = etl.finish(etl.start("run", etl.specify(columns=columns), secret={}))
    assert (outcome.code, "columns" in outcome.message) == (2, True)


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 0}', '{"schema": [{}], "specification": "x"}'])
def test_a_receipt_that_cannot_be_read_is_told_and_stops_nothing(
    etl: Etl, postgresql: Database, content: str
) -> None:
    # Given what is no receipt where the one before would be
    place = etl.lake / "shop/orders/interval=full"
    place.mkdir(parents=True)
    (place / "_manifest.json").write_text(content)
    # When
    outcome = etl.run(postgresql)
    # Then
    assert outcome.code == 0, outcome.lines
    drift = outcome.manifest["drift"]
    assert drift["changes"] == []
    assert "_manifest.json" in drift["reason"]


def test_a_receipt_of_an_older_version_is_compared_as_far_as_it_goes(etl: Etl, postgresql: Database) -> None:
    # Given a receipt without the keys of this version, of another specification
    make(postgresql)
    assert etl.run(postgresql, query=STAR).code == 0
    path = etl.lake / "shop/orders/interval=full/_manifest.json"
    receipt = json.loads(path.read_text())
    del receipt["drift"], receipt["shape"]
    path.write_text(json.dumps(receipt | {"specification": "0" * 64}))
    postgresql.say(text_of_id(postgresql))
    # When it is not known whose change it was
    outcome = etl.run(postgresql, query=STAR)
    # Then it is told as the user's
    assert outcome.code == 0
    assert outcome.manifest["drift"]["changes"][0]["change"] == "changed"


WIDENINGS = [
    ("int8", "int16", True), ("int32", "int64", True), ("int64", "int32", False),
    ("uint8", "int16", True), ("uint32", "uint64", True), ("int32", "uint64", False),
    ("uint32", "int32", False), ("float", "double", True), ("double", "float", False),
    ("decimal128(10, 2)", "decimal128(12, 2)", True), ("decimal128(10, 2)", "decimal128(12, 3)", False),
    ("decimal128(12, 2)", "decimal128(10, 2)", False), ("decimal128(38, 2)", "decimal256(40, 2)", False),
    ("int32", "decimal128(10, 0)", False), ("int32", "double", False),
    ("date32[day]", "timestamp[us]", False),
    ("timestamp[us]", "timestamp[us, tz=UTC]", False), ("timestamp[us, tz=UTC]", "timestamp[us]", False),
    ("int32", "string", False),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "wider"), WIDENINGS)
def test_what_is_a_widening(before: str, after: str, wider: bool) -> None:
    assert widens(before, after) is wider


def day(number: int, hours: int = 24) -> Interval:
    start = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number)
    return Interval(start=start, end=start + timedelta(hours=hours))


def land(lake: Path, name: str, **receipt: Any) -> None:
    directory = lake / "p" / name
    directory.mkdir(parents=True)
    (directory / "_manifest.json").write_text(json.dumps({"schema": [], **receipt}))


def found_for(lake: Path, interval: Interval | None) -> str | None:
    settings = Settings(specifications="", lake=f"file://{lake}", secret="")
    return find_previous(settings, prefix="p", interval=interval).key


def test_the_receipt_before_is_that_of_the_newest_data_that_is_not_after(tmp_path: Path) -> None:
    # Given days 0 to 4, of which day 3 failed and left no receipt, and nothing before
    for number in (0, 1, 2, 4):
        land(tmp_path, day(number).directory)
    (tmp_path / "p" / day(3).directory / "a1").mkdir(parents=True)
    # Then
    assert found_for(tmp_path, day(5)) == f"p/{day(4).directory}/_manifest.json"
    assert found_for(tmp_path, day(4)) == f"p/{day(2).directory}/_manifest.json"
    assert found_for(tmp_path, day(2)) == f"p/{day(1).directory}/_manifest.json"
    # A rerun of the first is compared with itself, and a backfill before it with what follows.
    assert found_for(tmp_path, day(0)) == f"p/{day(0).directory}/_manifest.json"
    assert found_for(tmp_path, day(-3)) == f"p/{day(0).directory}/_manifest.json"
    # After a pause of years it is still the last.
    assert found_for(tmp_path, day(5000)) == f"p/{day(4).directory}/_manifest.json"
    # Given a full refresh until day 4
    land(tmp_path, "interval=full", interval={"to": day(4).start.isoformat()})
    assert found_for(tmp_path, day(4)) == "p/interval=full/_manifest.json"
    assert found_for(tmp_path, day(5)) == f"p/{day(4).directory}/_manifest.json"
    assert found_for(tmp_path, day(2)) == f"p/{day(1).directory}/_manifest.json"


def test_years_of_hours_in_s3_cost_two_lists(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given more hours than one list has, a full one beyond them, and files beside the receipts
    bucket = client("s3", s3)
    bucket.create_bucket(Bucket="hours", CreateBucketConfiguration={"LocationConstraint": s3["AWS_REGION"]})
    start = datetime(2025, 1, 1, tzinfo=UTC)
    hours = [
        Interval(start=start + timedelta(hours=n), end=start + timedelta(hours=n + 1)) for n in range(1200)
    ]
    for hour in hours:
        bucket.put_object(Bucket="hours", Key=f"p/{hour.directory}/_manifest.json", Body=b'{"schema": []}')
    bucket.put_object(Bucket="hours", Key="p/interval=full/_manifest.json", Body=b'{"schema": []}')
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []
    listed = S3Sink.directories

    def counted(sink: S3Sink, *arguments: Any, **named: Any) -> Listing:
        asked.append("list")
        return listed(sink, *arguments, **named)

    monkeypatch.setattr(S3Sink, "directories", counted)
    aws._session.cache_clear()
    settings = Settings(specifications="", lake="s3://hours", secret="")
    # When the last and one of the first is run again
    for number in (1199, 60):
        asked.clear()
        found = find_previous(settings, prefix="p", interval=hours[number])
        # Then
        assert found.key == f"p/{hours[number - 1].directory}/_manifest.json", found
        assert len(asked) <= 2
    # And a lake that may not be listed is told
    other = Settings(specifications="", lake="s3://nonesuch", secret="")
    assert "cannot be listed" in str(find_previous(other, prefix="p", interval=hours[1]).reason)


@pytest.mark.parametrize(
    "damage",
    [{"interval": "x"}, {"interval": [1]}, {"database": "x"}, {"interval": {"to": [1]}}, {"schema": [1]}],
)
def test_a_receipt_with_parts_of_another_kind_stops_nothing(tmp_path: Path, damage: dict[str, Any]) -> None:
    receipt = {"schema": [], "interval": None, "database": {"snapshot_time": "2026-11-01T00:00:00+00:00"}}
    place = tmp_path / "shop" / "orders" / "interval=full"
    place.mkdir(parents=True)
    (place / "_manifest.json").write_text(json.dumps(receipt | damage))
    settings = Settings(specifications="", lake=f"file://{tmp_path}", secret="")

    assert find_previous(settings, prefix="shop/orders", interval=None).receipt == receipt | damage


@pytest.mark.parametrize(
    "name", ["interval=99999999T999999Z-99999999T999999Z", "interval=20261301T000000Z-20261302T000000Z"]
)
def test_a_directory_whose_digits_are_no_time_stops_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "shop" / "orders" / name).mkdir(parents=True)
    settings = Settings(specifications="", lake=f"file://{tmp_path}", secret="")
    interval = Interval.parse("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")

    assert find_previous(settings, prefix="shop/orders", interval=interval).receipt is None


def test_a_receipt_of_brackets_without_end_stops_nothing(tmp_path: Path) -> None:
    place = tmp_path / "shop" / "orders" / "interval=full"
    place.mkdir(parents=True)
    (place / "_manifest.json").write_text("[" * 100_000)
    settings = Settings(specifications="", lake=f"file://{tmp_path}", secret="")

    found = find_previous(settings, prefix="shop/orders", interval=None)

    assert found.receipt is None
    assert "is not JSON" in (found.reason or "")


def test_a_type_that_changes_the_hashes_of_equal_values_is_drift(etl: Etl, each_database: Database) -> None:
    # Given a hashed column, and its first receipt
    make(
        each_database,
        "alter table drifting add column price numeric(10,2)",
        "update drifting set price = 1.5",
    )
    options: dict[str, Any] = {
        "query": "select id, price from drifting",
        "masks": {"price": {"kind": "hash"}, "id": {"kind": "hash"}},
        "secret": each_database.secret | {"mask_key": "k" * 32},
    }
    first = etl.run(each_database, **options)
    assert first.code == 0, first.lines
    assert [field["masked_type"] for field in first.manifest["schema"]] == ["int32", "decimal128(10, 2)"]

    # When its scale changes, with which 1.50 becomes 1.500
    alter = "alter column price type" if each_database.engine == "postgresql" else "modify column price"
    each_database.say(f"alter table drifting {alter} numeric(12,3)")
    other = etl.run(each_database, **options)

    # Then the run ends and says so; where its readers can take it, it lands and is told
    assert other.code == 2, other.lines
    assert "price was decimal128(10, 2) and is decimal128(12, 3)" in other.message
    assert "so that the hash of an equal value is another one" in other.message
    taken = etl.run(each_database, on_drift="accept", **options)
    assert taken.code == 0, taken.lines
    assert [change["change"] for change in receipt_of(taken)["drift"]["changes"]] == ["rehashed"]

    # And a whole number of more bits has the same hashes, as more digits before the point have
    each_database.say(f"alter table drifting {alter} numeric(14,3)")
    each_database.say(big_id(each_database))
    same = etl.run(each_database, on_drift="fail", **options)
    assert same.code == 0, same.lines
