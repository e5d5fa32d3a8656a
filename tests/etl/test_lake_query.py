"""`lake query`: what the container wrote comes back as it was, in each format; nothing else can be read."""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from lake_questions import ask
from landing import land

from hybrid_etl.writers.csv import CsvWriter
from hybrid_etl.writers.text import as_text

_DIGITS = "9" * 38
_WIDE = Decimal("9" * 70 + ".123456")


def _list_of(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", kind))


#: column → Arrow type, type in SQL, values: one end of the type, null, the other end
_TYPES: dict[str, tuple[pa.DataType, str, list[Any]]] = {
    "bool": (pa.bool_(), "BOOLEAN", [True, None, False]),
    "int8": (pa.int8(), "TINYINT", [-128, None, 127]),
    "int16": (pa.int16(), "SMALLINT", [-32768, None, 32767]),
    "int32": (pa.int32(), "INTEGER", [-(2**31), None, 2**31 - 1]),
    "int64": (pa.int64(), "BIGINT", [-(2**63), None, 2**63 - 1]),
    "uint8": (pa.uint8(), "UTINYINT", [0, None, 255]),
    "uint16": (pa.uint16(), "USMALLINT", [0, None, 65535]),
    "uint32": (pa.uint32(), "UINTEGER", [0, None, 2**32 - 1]),
    "uint64": (pa.uint64(), "UBIGINT", [0, None, 2**64 - 1]),
    "float": (pa.float32(), "FLOAT", [1.100000023841858, None, float("-inf")]),
    "double": (pa.float64(), "DOUBLE", [0.1, None, 5e-324]),
    "decimal": (
        pa.decimal128(38, 18),
        "DECIMAL(38,18)",
        [Decimal(f"-{'9' * 20}.{'9' * 18}"), None, Decimal("1e-18")],
    ),
    "whole": (pa.decimal128(38, 0), "DECIMAL(38,0)", [Decimal(_DIGITS), None, Decimal(0)]),
    "wide": (pa.decimal256(76, 6), "VARCHAR", [_WIDE, None, Decimal(f"-{_WIDE}")]),
    "date": (pa.date32(), "DATE", [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "time": (pa.time64("us"), "TIME", [dt.time(0), None, dt.time(23, 59, 59, 999_999)]),
    "at": (
        pa.timestamp("us"),
        "TIMESTAMP",
        [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999), None, dt.datetime(1, 1, 1)],
    ),
    "zoned": (
        pa.timestamp("us", "UTC"),
        "TIMESTAMP WITH TIME ZONE",
        [dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.UTC), None, dt.datetime(9999, 12, 31, tzinfo=dt.UTC)],
    ),
    "text": (pa.string(), "VARCHAR", ["", None, 'a,"b"\r\nc\\ NULL 日本 \t']),
    "raw": (pa.binary(), "BLOB", [b"", None, b"\x00\xff"]),
    "numbers": (_list_of(pa.int32()), "INTEGER[]", [[1, None], None, []]),
    "texts": (_list_of(pa.string()), "VARCHAR[]", [["", None, 'x"'], None, ["日"]]),
    "prices": (_list_of(pa.decimal128(5, 2)), "DECIMAL(5,2)[]", [[Decimal("1.50"), None], None, []]),
    "days": (_list_of(pa.date32()), "DATE[]", [[dt.date(2026, 11, 22)], None, []]),
    "moments": (
        _list_of(pa.timestamp("us", "UTC")),
        "TIMESTAMP WITH TIME ZONE[]",
        [[dt.datetime(2026, 11, 21, 23, tzinfo=dt.UTC)], None, []],
    ),
    "blobs": (_list_of(pa.binary()), "BLOB[]", [[b"\x00"], None, []]),
    "huge": (_list_of(pa.decimal256(76, 6)), "VARCHAR", [[_WIDE, None], None, []]),
}
_FORMATS = [
    {"type": kind, "compression": compression}
    for kind, compressions in (
        ("parquet", ("zstd", "snappy", "none")),
        ("csv", ("zstd", "gzip", "none")),
        ("jsonl", ("zstd", "gzip", "none")),
    )
    for compression in compressions
]
_NEXT = ("2026-11-02T00:00:00+00:00", "2026-11-03T00:00:00+00:00")


def _batch(columns: dict[str, tuple[pa.DataType, list[Any]]]) -> pa.RecordBatch:
    arrays = [pa.array(values, kind) for kind, values in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _of_types(*names: str) -> dict[str, tuple[pa.DataType, list[Any]]]:
    return {name: (kind, values) for name, (kind, _, values) in _TYPES.items() if not names or name in names}


def _expected(name: str, kind: pa.DataType, value: Any) -> Any:
    """A value as JSON has it in an answer."""
    if name == "huge" and value is not None:
        return json.dumps([None if one is None else f"{one:f}" for one in value])
    if isinstance(value, list):
        return [_element(one) for one in value]
    if isinstance(value, dt.datetime):
        return f"{value.replace(tzinfo=None).isoformat(' ', 'microseconds')}{'Z' if value.tzinfo else ''}"
    if isinstance(value, dt.time):
        return value.isoformat("microseconds")
    if isinstance(value, Decimal):
        return f"{value:.{kind.scale}f}"
    return _element(value)


def _element(one: Any) -> Any:
    if isinstance(one, bytes):
        return base64.b64encode(one).decode()
    if isinstance(one, float):
        return str(one) if one in (float("inf"), float("-inf")) else one
    return one if one is None or isinstance(one, bool | int | str) else str(one)


@pytest.mark.parametrize("file_format", _FORMATS, ids=lambda one: f"{one['type']}-{one['compression']}")
def test_every_type_comes_back_as_it_was(tmp_path: Path, file_format: dict[str, Any]) -> None:
    # Given a value of every type, between nulls and the other end of the type
    land(tmp_path, _batch(_of_types()), file_format=file_format)

    # When all is asked for, with the types
    found = ask(tmp_path, "select * from orders")
    kinds = ask(tmp_path, "select column_type from (describe orders)")

    # Then values and types are the receipt's
    assert found.error == ""
    for number, (name, (kind, _, values)) in enumerate(_TYPES.items()):
        assert [row[number] for row in found.rows] == [_expected(name, kind, v) for v in values], name
    assert [kind for (kind,) in kinds.rows] == [kind for _, kind, _ in _TYPES.values()]
    assert [note.partition(" is ")[0] for note in found.notes] == [
        "orders: column wide",
        "orders: column huge",
    ]


_CONDITIONS = {
    "uint64 = 18446744073709551615": 1,
    "int64 < 0": 1,
    '"decimal" = 0.000000000000000001': 1,
    "whole > 1": 1,
    "\"at\" < timestamp '0002-01-01'": 1,
    "zoned = timestamptz '2026-03-29 02:30:00+02'": 1,
    "\"time\" > time '23:00:00'": 1,
    "\"date\" = date '9999-12-31'": 1,
    "text = ''": 1,
    "text is null": 1,
    "raw = ''::blob": 1,
    "bool is distinct from true": 2,
    '"double" > 0 and "double" < 1e-300': 1,
    "len(numbers) = 0": 1,
    "cast(wide as double) < 0": 1,
    '"at"::time > time \'23:00:00\' and year("at") = 1969': 1,
}


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_condition_means_the_same_in_every_format(tmp_path: Path, kind: str) -> None:
    land(tmp_path, _batch(_of_types()), file_format={"type": kind})
    counts = ", ".join(f"(select count(*) from orders where {condition})" for condition in _CONDITIONS)
    found = ask(tmp_path, f"select {counts}")
    assert found.error == ""
    assert dict(zip(_CONDITIONS, found.rows[0], strict=True)) == _CONDITIONS


def test_nan_is_greater_than_every_number_whoever_filters(tmp_path: Path) -> None:
    values = [1.0, float("nan"), 3.0, None]
    land(tmp_path, _batch({"x": (pa.float64(), values), "y": (pa.float32(), values)}))
    conditions = {
        f"{c} {condition}": n for c in "xy" for condition, n in (("> 2", 2), ("<> 3", 2), ("= 'nan'", 1))
    }
    counts = ", ".join(f"(select count(*) from orders where {condition})" for condition in conditions)
    assert ask(tmp_path, f"select {counts}").rows == [list(conditions.values())]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_columns_of_paths_have_their_type(tmp_path: Path, kind: str) -> None:
    # Given every type that a path may hold, with texts that mean something in one
    columns = _of_types("bool", "int8", "uint64", "decimal", "wide", "date", "time", "at", "zoned")
    columns |= {"a name": (pa.string(), ["a/b=c %2F ", None, ""]), "id": (pa.int32(), [1, 2, 3])}
    by = [name for name in columns if name != "id"]
    land(tmp_path, _batch(columns), file_format={"type": kind}, partition_by=by)

    found = ask(tmp_path, "select * from orders order by id")

    assert found.error == ""
    assert found.columns == list(columns)
    for number, (name, (arrow, values)) in enumerate(columns.items()):
        assert [row[number] for row in found.rows] == [_expected(name, arrow, v) for v in values], name
    one = ask(tmp_path, 'select id from orders where "decimal" < 0 and bool and uint64 = 0')
    assert one.rows == [[1]]


def test_dates_beyond_what_arrow_writes_and_reads(tmp_path: Path) -> None:
    # Given the ends of PostgreSQL's calendar in Parquet
    days = pa.array([2_145_042_905, -2_440_550, None], pa.int32()).cast(pa.date32())
    far = pa.array([9_223_371_244_799_999_999, -210_863_520_000_000_000, None]).cast(pa.timestamp("us"))
    land(tmp_path, pa.RecordBatch.from_arrays([days, far], names=["day", "at"]))
    found = ask(tmp_path, 'select day, "at", year(day), year("at") from orders')
    assert found.rows == [
        ["5874897-12-31", "294246-12-31 23:59:59.999999", 5874897, 294246],
        ["-4712-01-01", "-4712-01-01 00:00:00.000000", -4712, -4712],
        [None, None, None, None],
    ]
    # And those that a text format takes
    near = pa.array([11_248_737, -12_687_428, -719_529], pa.int32()).cast(pa.date32())
    moments = pa.array([971_890_963_199_999_999, -1_096_193_779_200_000_000, 0]).cast(pa.timestamp("us"))
    for kind in ("csv", "jsonl"):
        batch = pa.RecordBatch.from_arrays([near, moments], names=["day", "at"])
        land(tmp_path, batch, file_format={"type": kind})
        assert ask(tmp_path, 'select day, "at" from orders').rows == [
            ["32767-12-31", "32767-12-31 23:59:59.999999"],
            ["-32767-01-01", "-32767-01-01 00:00:00.000000"],
            ["-0001-12-31", "1970-01-01 00:00:00.000000"],
        ]


def test_a_file_of_one_column(tmp_path: Path) -> None:
    batch = _batch({"only": (pa.string(), ["", "x", "", "a\nb"])})
    land(tmp_path, batch, file_format={"type": "csv"})
    assert ask(tmp_path, "select * from orders").rows == [[""], ["x"], [""], ["a\nb"]]


def test_a_null_that_is_the_only_column_of_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As containers before this release landed it: an empty line."""
    monkeypatch.setattr(CsvWriter, "write", lambda writer, batch: writer._writer.write_batch(as_text(batch)))
    batch = _batch({"only": (pa.string(), [None, "x", "", None])})
    land(tmp_path, batch, file_format={"type": "csv"})
    assert ask(tmp_path, "select * from orders").rows == [[None], ["x"], [""], [None]]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_values_larger_than_a_block(tmp_path: Path, kind: str) -> None:
    values = ["a" * 10, "é\n" * 5_000_000, "b" * 10, "c" * 6_000_000]
    batch = _batch({"id": (pa.int32(), [1, 2, 3, 4]), "t": (pa.string(), values)})
    land(tmp_path, batch, file_format={"type": kind})
    found = ask(tmp_path, "select id, length(t), t = repeat(t[1:2], 5000000) from orders")
    assert found.error == ""
    assert found.rows == [[1, 10, False], [2, 10_000_000, True], [3, 10, False], [4, 6_000_000, False]]


def _of_two(tmp_path: Path, before: tuple[pa.DataType, Any], after: tuple[pa.DataType, Any]) -> Any:
    """An answer from two intervals of which the second has another type, the type in SQL as second column."""
    land(tmp_path, _batch({"x": (before[0], [before[1]])}))
    land(tmp_path, _batch({"x": (after[0], [after[1]])}), interval=_NEXT, file_format={"type": "csv"})
    found = ask(tmp_path, "select x, typeof(x) from orders")
    assert found.error == ""
    return found


@pytest.mark.parametrize(
    ("before", "after", "kind", "values"),
    [
        ((pa.int32(), 1), (pa.int64(), 2**40), "BIGINT", [1, 2**40]),
        ((pa.uint64(), 2**64 - 1), (pa.int8(), -1), "HUGEINT", [2**64 - 1, -1]),
        ((pa.uint8(), 255), (pa.int8(), -1), "SMALLINT", [255, -1]),
        (
            (pa.int64(), 2**62 + 1),
            (pa.decimal128(9, 2), Decimal("0.01")),
            "DECIMAL(22,2)",
            ["4611686018427387905.00", "0.01"],
        ),
        (
            (pa.decimal128(9, 2), Decimal("0.01")),
            (pa.decimal128(10, 4), Decimal("0.0001")),
            "DECIMAL(11,4)",
            ["0.0100", "0.0001"],
        ),
        ((pa.float32(), 0.5), (pa.float64(), 0.1), "DOUBLE", [0.5, 0.1]),
        ((pa.int32(), 2**31 - 1), (pa.float32(), 0.5), "DOUBLE", [2147483647.0, 0.5]),
    ],
)
def test_types_that_widen_without_loss(
    tmp_path: Path, before: Any, after: Any, kind: str, values: list[Any]
) -> None:
    found = _of_two(tmp_path, before, after)
    assert (found.rows, found.notes) == ([[value, kind] for value in values], [])


@pytest.mark.parametrize(
    ("before", "after", "values"),
    [
        ((pa.int32(), 1), (pa.string(), "one"), ["1", "one"]),
        ((pa.int64(), 2**53 + 1), (pa.float64(), 0.1), [str(2**53 + 1), "0.1"]),
        (
            (pa.decimal128(38, 0), Decimal(_DIGITS)),
            (pa.decimal128(38, 18), Decimal("1e-18")),
            [_DIGITS, "0.000000000000000001"],
        ),
        (
            (pa.date32(), dt.date(2026, 1, 2)),
            (pa.timestamp("us"), dt.datetime(2026, 1, 2, 3)),
            ["2026-01-02", "2026-01-02 03:00:00"],
        ),
        (
            (pa.timestamp("us"), dt.datetime(2026, 1, 2)),
            (pa.timestamp("us", "UTC"), dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
            ["2026-01-02 00:00:00", "2026-01-02 00:00:00+00"],
        ),
        ((pa.binary(), b"\xff"), (pa.string(), "x"), ["/w==", "x"]),
        ((pa.decimal256(76, 0), Decimal("9" * 76)), (pa.int32(), 1), ["9" * 76, "1"]),
        ((_list_of(pa.string()), ["a", None]), (pa.string(), "x"), ['["a",null]', "x"]),
    ],
)
def test_types_that_have_none_in_common_are_text_and_told(
    tmp_path: Path, before: Any, after: Any, values: list[Any]
) -> None:
    found = _of_two(tmp_path, before, after)
    assert found.rows == [[value, "VARCHAR"] for value in values]
    assert len(found.notes) == 1
    assert "column x is" in found.notes[0]
    assert "text here" in found.notes[0]


def test_a_column_that_came_later_is_null_before_and_one_that_went_stays(tmp_path: Path) -> None:
    land(tmp_path, _batch({"ID": (pa.int32(), [1]), "gone": (pa.int32(), [7])}))
    land(tmp_path, _batch({"new": (pa.int32(), [5]), "id": (pa.int32(), [2])}), interval=_NEXT)
    found = ask(tmp_path, "select * from orders order by id")
    assert (found.columns, found.rows) == (["new", "id", "gone"], [[None, 1, 7], [5, 2, None]])


def test_only_what_a_reader_takes_is_read(tmp_path: Path) -> None:
    # Given a full refresh, an interval before its end that it stands for, one after, and a failed attempt
    land(tmp_path, _batch({"id": (pa.int32(), [1])}))
    full = ("2026-10-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00")
    land(tmp_path, _batch({"id": (pa.int32(), [1, 2])}), interval=full, full=True)
    land(tmp_path, _batch({"id": (pa.int32(), [3])}), interval=_NEXT)
    (tmp_path / "shop/orders/interval=20261110T000000Z-20261111T000000Z/a9").mkdir(parents=True)
    assert ask(tmp_path, "select id from orders order by id").rows == [[1], [2], [3]]
    # When two intervals share a part of their time
    shared = ("2026-11-02T12:00:00+00:00", "2026-11-03T12:00:00+00:00")
    land(tmp_path, _batch({"id": (pa.int32(), [1])}), interval=shared)
    found = ask(tmp_path, "select id from orders")
    # Then nobody guesses
    assert found.code == 2
    assert "share a part of their intervals" in found.error


def test_intervals_without_rows(tmp_path: Path) -> None:
    land(tmp_path, _batch({"id": (pa.int32(), []), "w": (pa.decimal256(50, 2), [])}))
    found = ask(tmp_path, "select id, w, typeof(id) as kind from orders")
    assert (found.error, found.columns, found.rows) == ("", ["id", "w", "kind"], [])
    land(tmp_path, _batch({"id": (pa.int64(), [1])}), interval=_NEXT)
    assert ask(tmp_path, "select id, w, typeof(id) from orders").rows == [[1, None, "BIGINT"]]


def test_names_that_need_quotes(tmp_path: Path) -> None:
    names = ["select", 'a"b', "a b", "ä", "1", "a.b", "[0]"]
    columns = {name: (pa.int32(), [n]) for n, name in enumerate(names)}
    land(tmp_path, _batch(columns), pipeline="customers-regional")
    pipelines = {"customers-regional": "shop/customers-regional", "order": "shop/order"}
    for table in (
        '"customers-regional"',
        "customers_regional",
        '"Customers-Regional"',
        "main.customers_regional",
    ):
        found = ask(tmp_path, f"select * from {table}", pipelines=pipelines)
        assert (found.error, found.columns, found.rows) == ("", names, [list(range(7))]), table
    alone = ask(tmp_path, "select * from customers-regional", pipelines=pipelines)
    assert alone.code == 2
    assert 'syntax error at or near "-"' in alone.error
    assert 'A name with a dash is written "customers-regional" or customers_regional' in alone.error
    other = ask(tmp_path, 'with o as (select 1 as x) select * from o, "order"', pipelines=pipelines)
    assert other.code == 2
    assert "nothing of `order` has landed" in other.error
    unknown = ask(tmp_path, "select * from customers_regionl", pipelines=pipelines)
    assert unknown.error == "customers_regionl"


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_table_is_read_as_often_as_a_query_names_it(tmp_path: Path, kind: str) -> None:
    land(tmp_path, _batch({"id": (pa.int32(), [1, 2])}), file_format={"type": kind})
    query = "with o as (select * from orders) select a.id, b.id from o a join orders b using (id) order by 1"
    found = ask(tmp_path, query)
    assert (found.error, found.columns, found.rows) == ("", ["id", "id"], [[1, 1], [2, 2]])


@pytest.mark.parametrize(("most", "more"), [(0, 5000), (3, 4997), (1024, 3976), (5000, 0), (None, 0)])
def test_a_limit_says_how_many_rows_there_are_more(tmp_path: Path, most: int | None, more: int) -> None:
    land(tmp_path, _batch({"id": (pa.int32(), list(range(5000)))}))
    found = ask(tmp_path, "; select id, 'é;' from orders order by id desc; -- the newest", most=most)
    assert (found.error, len(found.rows), found.more) == ("", 5000 - more, more)
    assert found.rows[:1] in ([], [[4999, "é;"]])


def test_types_of_an_answer_that_arrow_does_not_hold(tmp_path: Path) -> None:
    query = (
        "select 170141183460469231731687303715884105727::hugeint, "
        "340282366920938463463374607431768211455::uhugeint, interval '1 month 2 days', '101'::bit, "
        "timetz '12:00:00+02', 'a'::enum('a'), {'a': 1, 'b': [0.1]}, map {1: 'x'}, "
        "uuid '00000000-0000-0000-0000-000000000001', null, 1.5::decimal(9,3)"
    )
    found = ask(tmp_path, query)
    assert found.error == ""
    assert found.rows[0] == [
        2**127 - 1,
        2**128 - 1,
        "1 month 2 days",
        "101",
        "12:00:00+02",
        "a",
        "{'a': 1, 'b': [0.1]}",
        "{1=x}",
        "00000000-0000-0000-0000-000000000001",
        None,
        "1.500",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('{secret}')",
        "select * from '{secret}'",
        "select * from read_text('{secret}')",
        "select * from glob('{lake}/*')",
        "select * from read_parquet('https://example.com/a.parquet')",
        "copy orders to '{secret}.out'",
        "export database '{secret}.out'",
        "attach '{secret}.out'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma enable_profiling",
        "create table t as select 1",
        "delete from orders",
        "select 1; select 2",
        "call pragma_version()",
        "show tables",
        "select * from sniff_csv('{secret}')",
        "select * from query('copy (select 1) to ''{secret}.out''')",
        "select getenv('HOME')",
    ],
)
def test_a_query_reads_the_lake_and_nothing_else(tmp_path: Path, query: str) -> None:
    # Given a file beside a lake
    lake, secret = tmp_path / "lake", tmp_path / "secret"
    lake.mkdir()
    secret.write_text("password\ncorrect-horse\n")
    land(lake, _batch({"id": (pa.int32(), [1])}))

    found = ask(lake, query.format(secret=secret, lake=lake))

    # Then it is refused as the user's mistake, and nothing was read or written
    assert found.code == 2 or found.error == str(secret), found
    assert found.rows == []
    assert "correct-horse" not in found.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "secret"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("selct 1", 'syntax error at or near "selct"'),
        ("select idd from orders", 'Candidate bindings: "id"'),
        ("select cast(text as integer) from orders", "Could not convert"),
        ("select * from orders where id = $1", "parameter"),
        ("select '\ud800'", "not UTF-8"),
        ("-- only a comment", "one SELECT"),
    ],
)
def test_a_mistake_is_told_as_duckdb_tells_it(tmp_path: Path, query: str, says: str) -> None:
    land(tmp_path, _batch({"id": (pa.int32(), [1]), "text": (pa.string(), ["x"])}))
    found = ask(tmp_path, query)
    assert (found.code, found.rows) == (2, [])
    assert says in found.error


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1", b"x"))


@pytest.mark.parametrize(
    ("harm", "kind", "says"),
    [
        (Path.unlink, "parquet", "which is not in"),
        (_shorten, "parquet", "bytes, and its receipt says"),
        (_damage, "csv", "column id has a value that is no int32"),
        (_damage, "jsonl", "it cannot be read to its end"),
    ],
)
def test_files_that_are_not_what_was_landed(tmp_path: Path, harm: Any, kind: str, says: str) -> None:
    land(tmp_path, _batch({"id": (pa.int32(), [1, 11])}), file_format={"type": kind, "compression": "zstd"})
    (file,) = tmp_path.rglob("part-*")
    if harm is _damage:
        land(
            tmp_path, _batch({"id": (pa.int32(), [1, 11])}), file_format={"type": kind, "compression": "none"}
        )
        file = file.with_suffix("")
    harm(file)
    found = ask(tmp_path, "select id from orders")
    assert found.code == 2
    assert file.name in found.error
    assert says in found.error


def test_a_directory_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders").write_text("")
    found = ask(tmp_path, "select * from orders")
    assert found.code == 2
    assert "shop/orders cannot be read: Not a directory" in found.error


def test_a_receipt_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    receipt = land(tmp_path, _batch({"id": (pa.int32(), [1])}))
    body = json.loads(receipt.read_text())
    for content, says in (
        ("{", "is damaged: it is no JSON object"),
        (json.dumps({**body, "version": 2}), "newer version"),
        (json.dumps({key: body[key] for key in body if key != "rows"}), "it has no rows"),
        (json.dumps({**body, "schema": [{"name": "id", "type": "int128"}]}), "int128"),
        (
            json.dumps({**body, "schema": [{"name": n, "type": "int32"} for n in ("id", "ID")]}),
            "upper and lower",
        ),
    ):
        receipt.write_text(content)
        found = ask(tmp_path, "select * from orders")
        assert found.code == 2
        assert says in found.error
