"""A pipeline as a table of DuckDB: the files of its visible receipts, with the types of the receipts.

Parquet is read where it lies, and only the columns and row groups that a query needs. What DuckDB cannot
take from Arrow as it is (CSV, JSON lines, decimals of more than 38 digits) is first written as Parquet
into a directory of the query's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from hybrid.lake.columns import TEXT, TableColumn, folded, sql_type, table_columns
from hybrid.lake.engine.files import Files
from hybrid.lake.engine.text_files import read_batches
from hybrid.lake.engine.values import arrow_type, from_text
from hybrid.lake.reading import RECEIPT, Stored, UnreadableLake

_NULL = "__HIVE_DEFAULT_PARTITION__"
_PARQUET = ds.ParquetFileFormat()

Said = Callable[[str], None]


@dataclass(frozen=True)
class _Group:
    """Receipts whose columns are the same, as they come one after the other."""

    schema: Sequence[Mapping[str, Any]]
    receipts: Sequence[Stored]


@dataclass(frozen=True, kw_only=True)
class LakeTable:
    """A pipeline's table, to be made in a connection.

    Attributes:
        name: of the pipeline.
        receipts: those that a reader takes, in their order.
        files: of the lake.
        scratch: directory for files that are written anew.
    """

    name: str
    receipts: Sequence[Stored]
    files: Files
    scratch: Path

    def columns(self) -> list[TableColumn]:
        """Its columns, by the rule of `hybrid.lake.columns`."""
        return table_columns([one.body["schema"] for one in self.receipts])

    def make(self, connection: duckdb.DuckDBPyConnection, *, said: Said) -> None:
        """Make it as a view, and another with underscores for the dashes of its name.

        Raises:
            UnreadableLake: a file is not what its receipt says.
        """
        columns = self.columns()
        selects = []
        for number, group in enumerate(self._groups()):
            if not any(one.body["files"] for one in group.receipts):
                continue
            dataset = self._dataset(group, said=said)
            part = f"{self.name} {number}"
            connection.register(part, dataset)
            selects.append(f"select {_selected(columns, group.schema)} from {quoted(part)}")
        if not selects:
            nothing = ", ".join(f"cast(null as {one.type}) as {quoted(one.name)}" for one in columns)
            selects = [f"select {nothing} where false"]
        body = " union all ".join(selects)
        for name in {self.name, self.name.replace("-", "_")}:
            connection.execute(f"create view {quoted(name)} as {body}")

    def _groups(self) -> list[_Group]:
        groups: list[_Group] = []
        for one in self.receipts:
            schema = [{"name": c["name"], "type": c["type"]} for c in one.body["schema"]]
            if groups and groups[-1].schema == schema:
                groups[-1] = _Group(schema, [*groups[-1].receipts, one])
            else:
                groups.append(_Group(schema, [one]))
        return groups

    def _dataset(self, group: _Group, *, said: Said) -> ds.Dataset:
        types = {column["name"]: arrow_type(column["type"]) for column in group.schema}
        kinds = {column["name"]: column["type"] for column in group.schema}
        as_text = {name for name, kind in kinds.items() if sql_type(kind) == TEXT and kind != "string"}
        is_plain = not as_text and all(
            file["key"].endswith(".parquet") for one in group.receipts for file in one.body["files"]
        )
        system = self.files.filesystem if is_plain else fs.LocalFileSystem()
        fragments = []
        for one, file in self._each_file(group):
            inside = self._in_path(one, file["key"], types, as_text=as_text)
            path = self.files.path(file["key"])
            if not is_plain:
                held = pa.schema([(name, kind) for name, kind in types.items() if name not in inside])
                path = str(self._written_anew(file, held, as_text=as_text, said=said))
            size = file["bytes"] if is_plain else None
            fragments.append(_PARQUET.make_fragment(path, system, _is(inside), file_size=size))
        schema = pa.schema([(n, pa.string() if n in as_text else kind) for n, kind in types.items()])
        return ds.FileSystemDataset(fragments, schema, _PARQUET, system)

    def _each_file(self, group: _Group) -> Iterator[tuple[Stored, Mapping[str, Any]]]:
        for one in group.receipts:
            for file in one.body["files"]:
                yield one, file

    def _in_path(
        self, one: Stored, key: str, types: Mapping[str, pa.DataType], *, as_text: set[str]
    ) -> dict[str, pa.Scalar]:
        """Values of the columns that stand in a file's path, below its attempt."""
        _, *segments = key.removeprefix(f"{one.key.removesuffix(RECEIPT)}").split("/")[:-1]
        found = {}
        for segment in segments:
            name, equals, text = segment.partition("=")
            name = unquote(name)
            if not equals or name not in types:
                raise UnreadableLake(f"{key}: the receipt knows no column `{name}`. Run its interval again.")
            kind = pa.string() if name in as_text else types[name]
            value = pa.array([None if text == _NULL else unquote(text)], pa.string())
            try:
                found[name] = from_text(value, kind)[0]
            except ValueError as error:
                raise UnreadableLake(
                    f"{key}: {name} is {kind}, and its value in the path is none. Run its interval again."
                ) from error
        return found

    def _written_anew(
        self, file: Mapping[str, Any], schema: pa.Schema, *, as_text: set[str], said: Said
    ) -> Path:
        key = file["key"]
        path = self.scratch / f"{len(list(self.scratch.iterdir()))}.parquet"
        said(f"reading {key.rpartition('/')[2]} of {self.name}")
        written = pa.schema([pa.field(f.name, pa.string() if f.name in as_text else f.type) for f in schema])
        rows = 0
        with pq.ParquetWriter(path, written, compression="snappy") as writer:
            for batch in self._batches(key, schema):
                arrays = [
                    _as_text(array) if name in as_text else array
                    for name, array in zip(schema.names, batch.columns, strict=True)
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=written))
                rows += batch.num_rows
        if rows != file["rows"]:
            raise UnreadableLake(
                f"{key} holds {rows:,} rows, and its receipt says {file['rows']:,}. Run its interval again."
            )
        return path

    def _batches(self, key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        if not key.endswith(".parquet"):
            yield from read_batches(self.files, key, schema)
            return
        fragment = _PARQUET.make_fragment(self.files.path(key), self.files.filesystem)
        for batch in fragment.scanner(schema=schema).to_batches():
            yield batch.select(schema.names)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _selected(columns: Sequence[TableColumn], schema: Sequence[Mapping[str, Any]]) -> str:
    """The table's columns of what one group has; the types are widened, or become text as it was written."""
    there = {folded(column["name"]): column for column in schema}
    parts = []
    for column in columns:
        own = there.get(folded(column.name))
        if own is None:
            parts.append(f"cast(null as {column.type}) as {quoted(column.name)}")
            continue
        value, kind = quoted(own["name"]), sql_type(own["type"])
        if kind != column.type:
            if column.type == TEXT and kind == "BLOB":
                value = f"base64({value})"
            elif column.type == TEXT and kind.endswith("[]"):
                value = f"to_json({value})"
            value = f"cast({value} as {column.type})"
        parts.append(f"{value} as {quoted(column.name)}")
    return ", ".join(parts)


def _is(inside: Mapping[str, pa.Scalar]) -> pc.Expression:
    whole = pc.scalar(True)
    for name, value in inside.items():
        one = pc.field(name) == value if value.is_valid else pc.field(name).is_null()
        whole = whole & one if whole is not None else one
    return whole


def _as_text(array: pa.Array) -> pa.Array:
    """Decimals of more digits than DuckDB has, as all their digits; lists of them as JSON."""

    def text(value: Any) -> str:
        if isinstance(value, list):
            return json.dumps([None if one is None else f"{one:f}" for one in value])
        return f"{value:f}"

    if pa.types.is_string(array.type):
        return array
    return pa.array([None if value is None else text(value) for value in array.to_pylist()], pa.string())
