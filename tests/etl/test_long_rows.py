"""A long row as text: written piece by piece it is, byte for byte, what a short row's writer makes of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import pytest

from hybrid_etl.columns import Column, Kind
from hybrid_etl.expectations.uniqueness import Uniqueness
from hybrid_etl.masks import Masks
from hybrid_etl.weight import cut, elements, text_weight, weight
from hybrid_etl.writers import long_rows
from hybrid_etl.writers.long_rows import csv_row, json_row
from hybrid_etl.writers.text import as_text, json_lines

_MIB = 1024 * 1024
_COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "number": (pa.int32(), [1, None, -7]),
    'with "quotes"': (pa.string(), ['a "quoted" text\nof two lines, é€😀' * 9, "", None]),
    "bytes": (pa.binary(), [bytes(range(256)) * 3, b"", None]),
    "flags": (pa.list_(pa.bool_()), [[True, False, None] * 50, [], None]),
    "short": (pa.string(), ["x", "", None]),
    "decimals": (
        pa.list_(pa.decimal128(38, 10)),
        [[Decimal("0.0000000001"), None, Decimal(12)] * 30, [], None],
    ),
    "doubles": (pa.list_(pa.float64()), [[float("nan"), 1e300, -0.0, float("inf")] * 30, [None], None]),
    "texts": (pa.list_(pa.string()), [['"', "a,b", "é\n" * 200, None, ""] * 20, [""], None]),
    "blobs": (pa.list_(pa.binary()), [[b"\x00\xff" * 90, None, b""] * 20, [b""], None]),
    "moments": (
        pa.list_(pa.timestamp("us", "UTC")),
        [[dt.datetime(2026, 11, 1, tzinfo=dt.UTC), None] * 30, [], None],
    ),
    "lone": (pa.decimal128(20, 8), [Decimal("0.00000001"), None, Decimal(5)]),
}
_BATCH = pa.RecordBatch.from_arrays(
    [pa.array(values, kind) for kind, values in _COLUMNS.values()], names=list(_COLUMNS)
)


def _csv(row: pa.RecordBatch) -> bytes:
    written = io.BytesIO()
    options = pc_csv.WriteOptions(include_header=False, quoting_style="needed")
    pc_csv.write_csv(as_text(row), written, write_options=options)
    return written.getvalue()


@pytest.mark.parametrize("piece", [3, 30, 300, 3_000_000])
@pytest.mark.parametrize("number", range(3))
def test_pieces_make_the_line_of_a_short_row(
    monkeypatch: pytest.MonkeyPatch, piece: int, number: int
) -> None:
    # Given a row out of the middle of a batch, and pieces of any size
    row = _BATCH.slice(number, 1)
    monkeypatch.setattr(long_rows, "PIECE_BYTES", piece)
    # When it is written piece by piece, then it is the line that it always was
    assert b"".join(json_row(row)).decode() == "".join(json_lines(row))
    assert b"".join(csv_row(row)) == _csv(row)


def test_no_piece_is_much_longer_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_rows, "PIECE_BYTES", 300)
    for pieces in (json_row(_BATCH.slice(0, 1)), csv_row(_BATCH.slice(0, 1))):
        assert max(map(len, pieces)) < 4 * 300


def test_a_batch_is_cut_by_what_its_lists_become_and_keeps_its_rows() -> None:
    # Given lists of booleans, one of them of two million in 250 kB
    lists = [[True] * 1000] * 50 + [[None] * 2_000_000] + [[]] * 50
    batch = pa.RecordBatch.from_arrays(
        [pa.array(range(101), pa.int32()), pa.array(lists, pa.list_(pa.bool_()))], names=["n", "v"]
    )
    assert batch.nbytes < _MIB < 6 * _MIB < weight(batch) < text_weight(batch)
    # When it is cut
    found = list(cut(batch, most=_MIB))
    # Then the long row is alone, and all others are in slices, in their order
    assert [rows.num_rows for rows, is_long in found if is_long] == [1]
    assert [n for rows, _ in found for n in rows.column("n").to_pylist()] == list(range(101))
    assert all(weight(rows) <= _MIB for rows, is_long in found if not is_long)
    (long,) = [rows for rows, is_long in found if is_long]
    assert len(elements(long.column("v"))) == 2_000_000


def test_long_keys_are_told_apart_exactly_and_do_not_fill_the_memory() -> None:
    # Given keys of megabytes, of which two are alike, and two differ in their last character
    texts = ["x" * 3 * _MIB, "x" * 3 * _MIB + "y", None, "short", "x" * 3 * _MIB, "short"]
    unique = Uniqueness(("v",))
    # When they are taken in
    for text in texts:
        unique.take(pa.RecordBatch.from_arrays([pa.array([text], pa.string())], names=["v"]))
    # Then all were looked at
    assert unique.document() == {"columns": ["v"], "duplicates": 2, "sample": 1}


def test_the_hash_of_a_list_is_that_of_how_python_writes_it() -> None:
    lists = [[1, None, 3], [], None, list(range(10_000))]
    column = Column(name="v", kind=Kind.STRING, type=pa.list_(pa.int32()), database_type="integer[]")
    masks = Masks({"v": {"kind": "hash"}}, [column], site_key="k" * 32)
    batch = pa.RecordBatch.from_arrays([pa.array(lists, column.type)], names=["v"])
    # When a list is hashed some elements at a time, then it is the hash of the whole
    assert masks.apply(batch.slice(1)).column("v").to_pylist() == [
        None if one is None else hmac.digest(b"k" * 32, repr(one).encode(), hashlib.sha256).hex()
        for one in lists[1:]
    ]
