"""What landed beside the source as it is now: equal, or the ranges that differ are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from etl_process import Database, Etl, Outcome, client

SECRET = {"mask_key": "k" * 32}


def make(database: Database) -> None:
    database.say("drop table if exists reconciled")
    database.say(
        "create table reconciled (id bigint, email varchar(50), amount decimal(30,2), at timestamp null)"
    )
    rows = ", ".join(
        f"({n}, 'c{n}@example.org', {n}1234567890123456789.25, '2026-11-01 12:00:{n % 60:02}')"
        for n in range(1, 81)
    )
    database.say(f"insert into reconciled values {rows}, (null, null, null, null)")


def reconcile(etl: Etl, database: Database, *more: str, **changes: Any) -> Outcome:
    digest = etl.specify(database, **changes)
    return etl.finish(etl.start("reconcile", digest, *more, secret=database.secret | SECRET))


CHANGES = {
    "one value": ("update reconciled set amount = amount + 0.01 where id = 42", 4, ["amount"]),
    "one masked value": ("update reconciled set email = 'x' where id = 42", 4, ["email"]),
    "one row missing": ("delete from reconciled where id = 1", 0, ["id", "email", "amount", "at"]),
    "one row doubled": (
        "insert into reconciled select * from reconciled where id = 80", 7, ["id", "email", "amount", "at"],
    ),
    "a row without a key": ("insert into reconciled values (null, null, null, null)", 0,
                            ["id", "email", "amount", "at"]),
}  # fmt: skip


def test_equal_is_0_and_what_differs_is_named_by_its_range(etl: Etl, each_database: Database) -> None:
    # Given rows that landed, one column of them hashed
    options: dict[str, Any] = {
        "query": "select * from reconciled", "masks": {"email": {"kind": "hash"}}, "target_file_bytes": 1,
    }  # fmt: skip
    make(each_database)
    assert etl.run(each_database, secret=each_database.secret | SECRET, **options).code == 0
    # When nothing changed, rows in whatever order
    equal = reconcile(etl, each_database, "--ranges", "8", **options)
    # Then
    assert (equal.code, equal.message) == (0, "Equal."), equal.lines
    assert equal.lines[-1]["rows"] == 81
    for name, (statement, number, columns) in CHANGES.items():
        # When the source changes
        make(each_database)
        each_database.say(statement)
        found = reconcile(etl, each_database, "--key", "id", "--ranges", "8", **options)
        # Then its range is named, with the columns, and no value
        assert found.code == 1, name
        ranges = [line for line in found.lines if line["message"] == "Range differs."]
        assert [(one["range"], list(one["columns"])) for one in ranges] == [(number, columns)], name
        assert f"1 of 8 ranges differ ({number})" in found.message
        assert "example.org" not in str(found.lines)
    assert ranges[0]["from"] is None
    assert ranges[0]["to"] == 11


def test_what_cannot_be_compared_is_said(etl: Etl, postgresql: Database) -> None:
    make(postgresql)
    star = {"query": "select * from reconciled"}
    nothing = reconcile(etl, postgresql, **star)
    assert etl.run(postgresql, **star).code == 0
    cases = [
        (nothing, 2, "_manifest.json does not exist"),
        (reconcile(etl, postgresql, "--key", "email", **star), 2, "no column of whole numbers"),
        (reconcile(etl, postgresql, "--ranges", "0", **star), 2, "--ranges must be"),
        (reconcile(etl, postgresql, **star, partition_by=["email"]), 2, "partition_by"),
        (reconcile(etl, postgresql, **star, format={"type": "csv"}), 2, "reconcile reads Parquet"),
        (
            reconcile(etl, postgresql, query="select id from reconciled"),
            1,
            "The columns differ: amount, at, email",
        ),
    ]
    for outcome, code, said in cases:
        assert (outcome.code, said in outcome.message) == (code, True), outcome.lines
    # And a file that is gone is no equality
    for file in etl.lake.rglob("*.parquet"):
        file.unlink()
    gone = reconcile(etl, postgresql, **star)
    assert (gone.code, "is not there, though the receipt names it" in gone.message) == (2, True)


def test_times_that_python_does_not_hold_are_compared_in_lists_too(etl: Etl, postgresql: Database) -> None:
    # Given dates and times that Parquet holds and Python does not
    postgresql.say("drop table if exists reconciled_far")
    postgresql.say("create table reconciled_far (id int, days date[], moments timestamp[], times time[])")
    row = "'{5874897-12-31,null}', '{290000-01-01}', '{10:00}'"
    postgresql.say(f"insert into reconciled_far values (1, {row}), (2, null, '{{}}', null)")
    query = "select * from reconciled_far"
    assert etl.run(postgresql, query=query).code == 0
    # When nothing has changed, and when a day has
    equal = reconcile(etl, postgresql, query=query)
    postgresql.say("update reconciled_far set days[1] = '5874897-12-30' where id = 1")
    other = reconcile(etl, postgresql, query=query)
    # Then
    assert (equal.code, other.code) == (0, 1), (equal.lines, other.lines)
    assert "1 of 2 ranges differ (0)" in other.message


@pytest.mark.parametrize("rows", [0, 30_000])
def test_files_in_s3_are_read_in_ranges(
    etl: Etl, postgresql: Database, s3: dict[str, str], rows: int
) -> None:
    name = f"reconciled-{rows}"
    bucket = client("s3", s3)
    bucket.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3["AWS_REGION"]})
    etl.environment = {**s3, "HYBRID_LAKE": f"s3://{name}/below"}
    query = f"select g as id, md5(g::text) as text from generate_series(1, {rows}) g"
    assert etl.run(postgresql, query=query).code == 0
    equal = reconcile(etl, postgresql, query=query)
    assert (equal.code, equal.lines[-1].get("rows")) == (0, rows), equal.lines


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "null",
        lambda _: "[]",
        lambda _: "[" * 200_000,
        lambda text: text.replace('"schema"', '"other"'),
        lambda text: text.replace('"files"', '"other"'),
        lambda text: text.replace('"name"', '"other"'),
        lambda text: text.replace('"key"', '"other"'),
        lambda text: text.replace('"statistics":', '"statistics":7,"other":'),
    ],
)
def test_a_damaged_receipt_is_named_and_not_taken_for_a_fault_of_ours(
    etl: Etl, postgresql: Database, damage: Callable[[str], str]
) -> None:
    # Given a receipt that landed and was damaged
    query = "select 1 as id, 'x' as v"
    outcome = etl.run(postgresql, query=query)
    (path,) = outcome.manifests
    text = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
    path.write_text(damage(text))
    # When it is compared
    found = reconcile(etl, postgresql, query=query)
    # Then it is named, with what to do
    assert found.code == 2, found.lines
    assert "_manifest.json" in found.message
    assert "run the interval again" in found.message


def test_a_receipt_without_the_range_of_the_key_makes_one_range(etl: Etl, postgresql: Database) -> None:
    query = "select n as id from generate_series(1, 10) n"
    (path,) = etl.run(postgresql, query=query).manifests
    receipt = json.loads(path.read_text())
    receipt["statistics"]["id"] |= {"min": "few", "max": None}
    path.write_text(json.dumps(receipt))
    found = reconcile(etl, postgresql, "--ranges", "8", query=query)
    assert (found.code, found.lines[-1]["ranges"]) == (0, 1), found.lines
