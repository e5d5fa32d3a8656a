"""A long row as text: written piece by piece it is, byte for byte, what a short row's writer makes of it."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import pytest

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
