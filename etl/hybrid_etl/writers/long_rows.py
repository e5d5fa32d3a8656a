"""One row with a long value as text, piece by piece: no piece is longer than a few mebibytes.

What comes out is, byte for byte, what the writers of short rows make of it.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import struct
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pc_csv

from hybrid_etl.weight import elements, text_weight_of
from hybrid_etl.writers.text import as_text, json_lines

PIECE_BYTES = 3 * 1024 * 1024 // 4
"""Of a text; a multiple of 3, so that base64 has its padding at the end alone."""


def json_row(row: pa.RecordBatch) -> Iterator[bytes]:
    """The line of one row, with its line feed."""
    before = b"{"
    for name, array in zip(row.schema.names, row.columns, strict=True):
        yield before + json.dumps(name, ensure_ascii=False).encode() + b": "
        yield from _json_value(array)
        before = b", "
    yield b"}\n"


def csv_row(row: pa.RecordBatch) -> Iterator[bytes]:
    """The record of one row, with its line feed."""
    separator = b""
    named = zip(row.schema.names, row.columns, strict=True)
    for is_long, columns in itertools.groupby(named, key=lambda column: _is_long(column[1])):
        if not is_long:
            yield separator + _csv_of_short(dict(columns))
            separator = b","
            continue
        for _, array in columns:
            yield separator + b'"'
            pieces = _json_value(array) if pa.types.is_list(array.type) else _text(array)
            for piece in pieces:
                yield piece.replace(b'"', b'""')
            yield b'"'
            separator = b","
    yield b"\n"


def _is_long(value: pa.Array) -> bool:
    kind = value.type
    has_pieces = pa.types.is_list(kind) or pa.types.is_string(kind) or pa.types.is_binary(kind)
    return has_pieces and not value.null_count and text_weight_of(value) > PIECE_BYTES


def _csv_of_short(columns: dict[str, pa.Array]) -> bytes:
    written = io.BytesIO()
    batch = as_text(pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)))
    options = pc_csv.WriteOptions(include_header=False, quoting_style="needed")
    pc_csv.write_csv(batch, written, write_options=options)
    return written.getvalue().removesuffix(b"\n")


def _json_value(value: pa.Array) -> Iterator[bytes]:
    if not _is_long(value):
        yield _short_json(value)
    elif pa.types.is_list(value.type):
        yield b"["
        yield from _json_elements(elements(value))
        yield b"]"
    elif pa.types.is_binary(value.type):
        yield b'"'
        yield from _text(value)
        yield b'"'
    else:
        yield b'"'
        for piece in _whole_characters(_text(value)):
            yield json.dumps(piece, ensure_ascii=False)[1:-1].encode()
        yield b'"'


def _short_json(value: pa.Array) -> bytes:
    (line,) = json_lines(pa.RecordBatch.from_arrays([value], names=["v"]))
    return line[len('{"v": ') : -len("}\n")].encode()


def _json_elements(values: pa.Array) -> Iterator[bytes]:
    """The elements of a list with what is between them, without its brackets."""
    together = _list_of(values)
    if not _is_long(together) or (len(values) == 1 and not _is_long(values)):
        yield _short_json(together)[1:-1]
    elif len(values) == 1:
        yield from _json_value(values)
    else:
        half = len(values) // 2
        yield from _json_elements(values.slice(0, half))
        yield b", "
        yield from _json_elements(values.slice(half))


def _list_of(values: pa.Array) -> pa.Array:
    """An array of one list, which has these elements (Arrow columnar format, "Variable-size List")."""
    offsets = pa.py_buffer(struct.pack("=2i", 0, len(values)))
    return pa.Array.from_buffers(pa.list_(values.type), 1, [None, offsets], children=[values])


def _text(value: pa.Array) -> Iterator[bytes]:
    """A text as it is, in pieces cut anywhere; bytes as base64 (RFC 4648)."""
    is_binary = pa.types.is_binary(value.type)
    content = value[0].as_buffer()
    for start in range(0, content.size, PIECE_BYTES):
        piece = content.slice(start, min(PIECE_BYTES, content.size - start)).to_pybytes()
        yield base64.b64encode(piece) if is_binary else piece


def _whole_characters(pieces: Iterator[bytes]) -> Iterator[str]:
    """UTF-8 that is cut anywhere, as texts of whole characters."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
