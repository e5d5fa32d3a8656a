"""What needs no server: queries, intervals, specifications, secrets, names, and hostile bytes."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_etl import sinks
from hybrid_etl.columns import Column, Kind
from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.incremental import Bounds, Incremental
from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.native.library import NativeDecoder
from hybrid_etl.query import bind, limit_rows
from hybrid_etl.readers.retry import TRIES, connect_with_retry
from hybrid_etl.refusals import Refusals
from hybrid_etl.secret import Secret
from hybrid_etl.settings import attempt_name
from hybrid_etl.sinks.file import FileSink
from hybrid_etl.specification import Format, Specification
from hybrid_etl.writers.rolling import RollingWriter

_NOVEMBER = Interval.parse("2026-11-01T01:00:00+01:00", "2026-11-02T00:00:00Z")


@pytest.mark.parametrize(
    ("engine", "query", "expected"),
    [
        ("postgresql", "select :a, :b, :a", "select <0>, <1>, <0>"),
        (
            "postgresql",
            "select ':a', \":a\", x::text -- :a\n, /* :a */ :a",
            "select ':a', \":a\", x::text -- :a\n, /* :a */ <0>",
        ),
        ("postgresql", "select $q$ :b $q$, $$ :b $$, :a", "select $q$ :b $q$, $$ :b $$, <0>"),
        ("postgresql", r"select E'\':b', '\', :a", r"select E'\':b', '\', <0>"),
        ("postgresql", "select a[1:2], 'it''s :b', :a;  ", "select a[1:2], 'it''s :b', <0>"),
        ("mysql", r"select '\':b', `:b`, :a # :b", r"select '\':b', `:b`, <0> # :b"),
        ("mysql", 'select @x := 1, ":b", :a -- :b', 'select @x := 1, ":b", <0> -- :b'),
    ],
)
def test_parameters_are_found_outside_of_texts_comments_and_casts(
    engine: str, query: str, expected: str
) -> None:
    bound = bind(query, {"a": 1, "b": 2}, None, engine=engine)
    assert bound.render(lambda number: f"<{number}>") == expected


def test_the_interval_is_bound_in_utc() -> None:
    bound = bind("select :from, :to", {}, _NOVEMBER, engine="postgresql")
    assert bound.values == ["2026-11-01 00:00:00+00:00", "2026-11-02 00:00:00+00:00"]
    assert bind("select :from", {}, _NOVEMBER, engine="mysql").values == ["2026-11-01 00:00:00"]
    assert directory_of(_NOVEMBER) == "interval=20261101T000000Z-20261102T000000Z"
    assert directory_of(None) == "interval=full"


def test_an_incremental_column_is_quoted_as_the_engine_quotes() -> None:
    bounds = Bounds(column='a"b', start="1", end="2")
    wrapped = limit_rows("select 1 -- end;\n;", bounds=bounds, part=None, engine=ENGINES["postgresql"])
    assert wrapped == 'select * from (\nselect 1 -- end;\n) q where "a""b" >= 1 and "a""b" < 2'


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-01T00:00:00Z", None),
        ("2026-11-01", "2026-11-02"),
        ("x", "y"),
        ("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("0001-01-01T00:00:00+01:00", "2026-11-01T00:00:00Z"),
        ("2026-11-01T00:00:00Z", "9999-12-31T23:30:00-01:00"),
    ],
)
def test_a_wrong_interval_is_refused(start: str, end: str | None) -> None:
    with pytest.raises(UserError):
        Interval.parse(start, end)


def _specify(**changes: Any) -> Specification:
    document = {
        "version": 1,
        "estate": "e",
        "site": "s",
        "source": "s",
        "pipeline": "p",
        "engine": "mysql",
        "query": "select 1",
        "prefix": "a/b/",
    } | changes
    content = json.dumps(document).encode()
    return Specification.parse(content, digest=hashlib.sha256(content).hexdigest(), where="here")


@pytest.mark.parametrize(
    ("names", "fold", "place"),
    [
        (["id", "changed"], False, 1),
        (["id", "Changed"], True, 1),
        (["Changed", "changed"], False, 1),
        (["id", "Changed"], False, None),
        (["id", "name"], True, None),
    ],
)
def test_the_incremental_column_is_found_as_the_engine_compares_names(
    names: list[str], fold: bool, place: int | None
) -> None:
    found = Incremental.parse({"incremental_column": "changed"}, where="here")
    assert found is not None

    if place is None:
        with pytest.raises(UserError, match="incremental_column changed is no column of the query"):
            found.place(names, fold=fold)
    else:
        assert found.place(names, fold=fold) == place


def test_a_specification_without_its_optional_fields_has_their_defaults() -> None:
    found = _specify(limits={"statement_timeout_seconds": None})
    assert (found.format.suffix, found.unrepresentable, found.prefix) == (".parquet", "fail", "a/b")
    assert found.limits.statement_timeout_seconds == 0


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"version": 2}, "version"),
        ({"engine": "oracle"}, "engine"),
        ({"query": ""}, "query"),
        ({"format": {"type": "csv", "compression": "snappy"}}, "format.compression"),
        ({"unrepresentable": "ignore"}, "unrepresentable"),
        ({"target_file_bytes": 0}, "target_file_bytes"),
        ({"parameters": {"a": [None]}}, "parameter a"),
        ({"limits": {"speed": 1}}, "limits.speed"),
        ({"limits": {"bytes_per_second": -1}}, "limits.bytes_per_second"),
        *[({"most_rows": value}, "most_rows") for value in (0, -1, 2**63, True, "5", 1.5)],
    ],
)
def test_a_wrong_specification_is_refused_by_the_name_of_its_field(
    changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(UserError, match=word):
        _specify(**changes)


def test_a_secret_never_shows_its_password() -> None:
    content = {
        "host": "db",
        "port": "5433",
        "username": "u",
        "password": "p4ssword",
        "dbname": "d",
        "sslrootcert": "PEM",
    }
    secret = Secret.parse(json.dumps(content), where="name", default_port=1)
    assert (secret.port, secret.sslmode) == (5433, "verify-full")
    assert "p4ssword" not in repr(secret)
    for key in ("host", "username", "password", "dbname"):
        with pytest.raises(UserError, match=key) as error:
            Secret.parse(json.dumps({**content, key: ""}), where="name", default_port=1)
        assert "p4ssword" not in str(error.value)


def test_attempts_and_places_have_their_forms() -> None:
    assert attempt_name("a_B-1") == "a_B-1"
    assert len(attempt_name(None, {})) == 32
    with pytest.raises(UserError):
        attempt_name("a/b")


def test_an_address_has_the_sink_of_its_scheme(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c d").write_bytes(b"found")

    assert sinks.read(f"file://{tmp_path}/a%20b/c%20d") == b"found"
    assert sinks.open_sink(f"file://{tmp_path}/a%20b").read("c d") == b"found"
    for wrong in ("http://x/y", "s3:///x", "s3://x", "file://host/x", "throttle:///x", "x", ""):
        with pytest.raises(UserError, match="neither s3"):
            sinks.read(wrong)


def test_connecting_is_tried_again_but_not_for_ever() -> None:
    waits: list[float] = []
    with pytest.raises(Failure):
        connect_with_retry(lambda: 1 / 0, explain=lambda _: Failure("down"), sleep=waits.append)
    assert len(waits) == TRIES - 1
    assert waits == sorted(waits)


def test_the_command_says_what_is_missing_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hybrid_etl", "run", "0" * 64],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "HYBRID_LAKE" in json.loads(done.stdout.splitlines()[-1])["message"]


_COLUMNS = [
    Column(name="a", kind=Kind.INT64, database_type="bigint"),
    Column(name="b", kind=Kind.STRING, database_type="text"),
    Column(name="c", kind=Kind.TIMESTAMP, database_type="datetime"),
]


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=64), sequence=st.integers(0, 255))
def test_hostile_bytes_of_a_server_are_refused_and_never_read_beyond_their_end(
    native_decoder: None, body: bytes, sequence: int
) -> None:
    packet = struct.pack("<I", len(body))[:3] + bytes([sequence]) + body
    decoder = NativeDecoder(_COLUMNS, Refusals("null"), wires=[8, 253, 12])
    data = bytearray(packet)
    consumed, needed = ctypes.c_int64(), ctypes.c_int64()
    address = ctypes.addressof(ctypes.c_uint8.from_buffer(data)) if data else 0
    outcome = decoder.library.hetl_mysql_feed(
        decoder.handle, address, len(data), 1 << 20, ctypes.byref(consumed), ctypes.byref(needed)
    )
    if outcome == 0 and consumed.value:
        assert decoder.take().num_rows == 1
    elif outcome == -1:
        assert isinstance(decoder.fault(), EtlError)
    decoder.close()


def test_short_lists_of_many_elements_do_not_end_a_file_before_its_time(tmp_path: Path) -> None:
    # Given batches whose lists of booleans weigh many times their bytes, and hardly anything compressed
    lists = pa.array([[True] * 16] * 350_000, pa.list_(pa.bool_()))
    writer = RollingWriter(
        FileSink(str(tmp_path)),
        directory="run",
        file_format=Format(),
        paths=None,
        target_file_bytes=1 << 30,
        metadata={},
    )
    # When three of them are written
    for _ in range(3):
        writer.write(pa.record_batch({"flags": lists}))
    # Then they are in one file
    (file,) = writer.finish()
    assert file.rows == 3 * 350_000


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_was_taken_back_stays_away_when_its_writer_is_collected(tmp_path: Path) -> None:
    # Given a Parquet file with a row group
    writer = RollingWriter(
        FileSink(str(tmp_path)),
        directory="run",
        file_format=Format(),
        paths=None,
        target_file_bytes=1 << 30,
        metadata={},
    )
    writer.write(pa.record_batch({"n": pa.array(range(5_000_000), pa.int64())}))
    # When
    writer.abort()
    del writer
    gc.collect()
    # Then
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
