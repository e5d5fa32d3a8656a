"""CSV and JSON lines as Arrow batches, with the types of their receipt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.csv as pa_csv

from hybrid.lake.engine.files import Files
from hybrid.lake.engine.values import from_json, from_text
from hybrid.lake.reading import UnreadableLake

_BLOCK, _LARGEST_BLOCK = 4 * 1024 * 1024, 1 << 30
_ROWS = 16_384


def read_batches(files: Files, key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a file.

    Args:
        schema: columns that the file has, with the receipt's types.

    Raises:
        UnreadableLake: the file is not what its receipt says.
    """
    is_csv = ".csv" in key.rpartition("/")[2]
    try:
        yield from _csv(files, key, schema) if is_csv else _json_lines(files, key, schema)
    except (ValueError, TypeError, KeyError, OSError) as error:
        files.raise_fault()
        # What Arrow says may hold a row.
        why = str(error) if isinstance(error, _Otherwise) else "it cannot be read to its end"
        raise UnreadableLake(
            f"{key} does not hold what its receipt says: {why}. Run its interval again."
        ) from error


class _Otherwise(ValueError):
    """A file is not as its receipt says; the message has no value of it."""


def _csv(files: Files, key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Nothing between the commas is a null, `""` is an empty text; a row larger than a block doubles it."""
    given, block = 0, _BLOCK
    while True:
        reader = _csv_reader(files, key, schema, block=block)
        at = 0
        try:
            for batch in reader:
                new = batch.slice(max(given - at, 0))
                at += batch.num_rows
                if new.num_rows:
                    given = at
                    yield _typed(new, schema)
            return
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error) or block >= _LARGEST_BLOCK:
                raise
            block *= 4


def _csv_reader(files: Files, key: str, schema: pa.Schema, *, block: int) -> Iterator[pa.RecordBatch]:
    try:
        reader = pa_csv.open_csv(
            files.stream(key),
            read_options=pa_csv.ReadOptions(block_size=block, use_threads=True),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in schema.names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "straddling" in str(error) and block < _LARGEST_BLOCK:
            return _csv_reader(files, key, schema, block=block * 4)
        raise
    if reader.schema.names != schema.names:
        raise _Otherwise(f"its columns are {', '.join(reader.schema.names)}")
    return iter(reader)


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    for field, texts in zip(schema, batch.columns, strict=True):
        try:
            arrays.append(from_text(texts, field.type))
        except (ValueError, TypeError) as error:
            raise _Otherwise(f"column {field.name} has a value that is no {field.type}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _json_lines(files: Files, key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    lines = _lines(files.stream(key))
    while block := list(islice(lines, _ROWS)):
        rows = [json.loads(line) for line in block]
        arrays = []
        for field in schema:
            try:
                arrays.append(from_json([row[field.name] for row in rows], field.type))
            except (ValueError, TypeError, pa.ArrowException) as error:
                raise _Otherwise(f"column {field.name} has a value that is no {field.type}") from error
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _lines(stream: pa.NativeFile) -> Iterator[bytes]:
    """Lines end with a line feed: in JSON every other one is escaped."""
    rest = b""
    while content := stream.read(_BLOCK):
        *whole, rest = (rest + content).split(b"\n")
        yield from whole
    if rest:
        yield rest
