"""Runs a case through the container's command and through the other reader, and says how they differ."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
from etl_process import Database, Etl

from differential import expected_mysql, expected_postgresql, values
from differential.cases import Case
from differential.kinds import quote
from differential.masked import MASK_KEY, masked
from differential.values import REFUSED, Kind
from hybrid_etl.cli import main

#: Names of parameters as the cases have them: no text or comment there holds one.
_PARAMETER = re.compile(r"(?<![\w:]):(nothing|n|s|f)\b")
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass
class Campaign:
    """One directory for the lake, and the servers by engine."""

    etl: Etl
    databases: dict[str, Database]
    outcomes: Counter[str]

    def differences(self, case: Case) -> str:
        """An empty text when the command and the other reader agree."""
        database = self.databases[case.engine]
        _say(database, case)
        fetch = expected_postgresql.fetch if case.engine == "postgresql" else expected_mysql.fetch
        try:
            names, kinds, rows = fetch(database.server, _literal_query(case))
        except (psycopg.Error, pymysql.Error, expected_postgresql.Refused) as error:
            code, lines = self._run(case, database)
            self.outcomes["refused by the server"] += 1
            return "" if code == 2 else f"the server says {error}; exit {code}: {lines[-1]['message']}"
        kinds, rows = _singles(case, kinds, rows)
        code, lines = self._run(case, database)
        refused = Counter(n for row in rows for n, v in zip(names, row, strict=True) if v is REFUSED)
        message = str(lines[-1]["message"])
        told = f"refused by the oracle {dict(refused)}"
        lone = _has_lone_null(case, names, rows)
        if code:
            self.outcomes[f"exit {code}"] += 1
            foreseen = _foreseen(case, refused, message) or (lone and "CSV of one column" in message)
            return "" if code == 2 and foreseen else f"exit {code}, {told}: {message}"
        if lone:
            return "exit 0 with a null that is an empty line"
        if {item.name for item in case.items} == set(case.options.get("partition_by", ())):
            return "exit 0 of files that hold no column"
        if refused and case.options["unrepresentable"] == "fail":
            return f"exit 0 with values that do not fit: {dict(refused)}"
        self.outcomes["equal"] += 1
        return self._compare(case, names, kinds, rows)

    def _run(self, case: Case, database: Database) -> tuple[int, list[dict[str, Any]]]:
        shutil.rmtree(self.etl.lake, ignore_errors=True)
        digest = self.etl.specify(database, query=case.query(), parameters=case.parameters, **case.options)
        more = ["--from", case.interval[0], "--to", case.interval[1]] if case.interval else []
        os.environ.update(
            self.etl.settings(database.secret | {"mask_key": MASK_KEY}) | {"HYBRID_DECODER": case.decoder}
        )
        if "partitions" not in case.options:
            return _main("run", digest, *more, "--attempt", "one")
        for part in range(3):
            code, lines = _main("run", digest, *more, "--part", str(part), "--attempt", f"p{part}")
            if code:
                return code, lines
        return _main("commit", digest, *more, "--parts", "p0,p1,p2", "--attempt", "one")

    def _compare(self, case: Case, names: list[str], kinds: list[Kind], rows: list[list[Any]]) -> str:
        names, kinds, rows = _masked(case, names, kinds, rows)
        (path,) = self.etl.lake.rglob("_manifest.json")
        receipt = json.loads(path.read_text())
        schema = {column["name"]: column["type"] for column in receipt["schema"]}
        if list(schema) != names:
            return f"columns {list(schema)}, expected {names}"
        as_text = {n for n, k in zip(names, kinds, strict=True) if schema[n] == "string" != k.arrow}
        wrong = {
            n: (schema[n], k.arrow)
            for n, k in zip(names, kinds, strict=True)
            if schema[n] != k.arrow and not _as_wide(n, schema[n], k)
        }
        if case.options["unrepresentable"] == "string":
            wrong = {n: both for n, both in wrong.items() if n not in as_text}
        if wrong:
            return f"types (landed, expected): {wrong}"
        found = [
            row for file in receipt["files"] for row in _rows(self.etl.lake, file, names, kinds, as_text)
        ]
        if not len(found) == receipt["rows"] == len(rows):
            return f"{len(found)} rows in files, {receipt['rows']} in the receipt, {len(rows)} in the table"
        compared = [n for n in range(len(names)) if names[n] not in as_text]
        mine = Counter(repr([row[n] for n in compared]) for row in found)
        theirs = Counter(repr([None if row[n] is REFUSED else row[n] for n in compared]) for row in rows)
        if mine != theirs:
            return f"landed {_short(mine - theirs)}, expected {_short(theirs - mine)}"
        return _receipt_differs(receipt, names, rows, as_text)


def _as_wide(name: str, landed: str, kind: Kind) -> bool:
    """Whether a computed integer differs in its width alone: the binary protocol may announce another."""
    return name[0] in "pe" and kind.family == "int" and "int" in landed


def _has_lone_null(case: Case, names: list[str], rows: list[list[Any]]) -> bool:
    """Whether a null is all that a line of CSV would hold."""
    apart = {*case.options.get("partition_by", ())}
    apart |= {name for name, mask in case.options.get("masks", {}).items() if mask["kind"] == "drop"}
    left = [index for index, name in enumerate(names) if name not in apart]
    if case.options["format"]["type"] != "csv" or len(left) != 1:
        return False
    becomes_null = case.options["unrepresentable"] == "null"
    values = [row[left[0]] for row in rows]
    return any(value is None or (value is REFUSED and becomes_null) for value in values)


def _foreseen(case: Case, refused: Counter[str], message: str) -> bool:
    """Whether a run had to be refused: by the policy, with the name of a column, or by its partition keys."""
    if {item.name for item in case.items} == set(case.options.get("partition_by", ())):
        return "partition_by takes every column" in message
    return case.options["unrepresentable"] == "fail" and any(name in message for name in refused)


def _receipt_differs(
    receipt: dict[str, Any], names: list[str], rows: list[list[Any]], as_text: set[str]
) -> str:
    for at, name in enumerate(names):
        column = [row[at] for row in rows]
        refused = sum(value is REFUSED for value in column)
        if name in as_text:
            continue
        if receipt["refused"].get(name, 0) != refused:
            return f"receipt: refused {receipt['refused']}, expected {refused} in {name}"
        told = receipt["statistics"].get(name)
        nulls = sum(value is None or value is REFUSED for value in column)
        if told is not None and told["nulls"] != nulls:
            return f"receipt: {told} of {name}, expected {nulls} nulls"
        whole = [value for value in column if type(value) is int]
        numbers = told and whole and re.fullmatch(r"-?\d+", str(told.get("min", "")))
        if numbers and (told["min"], told["max"]) != (str(min(whole)), str(max(whole))):
            return f"receipt: {told} of {name}, expected {min(whole)} to {max(whole)}"
    return ""


def _masked(
    case: Case, names: list[str], kinds: list[Kind], rows: list[list[Any]]
) -> tuple[list[str], list[Kind], list[list[Any]]]:
    masks = case.options.get("masks", {})
    kept = [n for n, name in enumerate(names) if masks.get(name, {}).get("kind") != "drop"]
    read = [[masked(masks[names[n]], row[n]) if names[n] in masks else row[n] for n in kept] for row in rows]
    return [names[n] for n in kept], [kinds[n] for n in kept], read


def _singles(case: Case, kinds: list[Kind], rows: list[list[Any]]) -> tuple[list[Kind], list[list[Any]]]:
    """What the oracle read as double for exact digits (`Item.oracle`) is a float again."""
    places = {n for n, item in enumerate(case.items) if item.oracle}
    single = values.plain("float", "float", values.single)
    kinds = [single if n in places else kind for n, kind in enumerate(kinds)]
    read = [
        [values.single(v) if n in places and v is not None else v for n, v in enumerate(row)] for row in rows
    ]
    return kinds, read


def _short(counts: Counter[str]) -> str:
    return " | ".join(text[:400] for text in list(counts)[:2])


def _main(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = main(arguments)
    return code, [json.loads(line) for line in told.getvalue().splitlines()]


def _say(database: Database, case: Case) -> None:
    """Make the table; one connection for all of it, for its sql_mode."""
    if case.engine == "postgresql":
        database.say("; ".join(case.creation[:2]))
        for line in case.creation[2:]:
            database.say(line)
        return
    server = database.server
    with (
        pymysql.connect(
            host=server.host,
            port=server.port,
            user=server.username,
            password=server.password,
            database=server.dbname,
            charset="utf8mb4",
            autocommit=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        for line in case.creation:
            cursor.execute(line)


def _literal_query(case: Case) -> str:
    """The query with its parameters written in it, limited to the interval."""
    query = _PARAMETER.sub(
        lambda found: _literal(case.parameters[found[1]], case.engine), case.query(oracle=True)
    )
    if not case.interval:
        return query
    start, end = (f"'{t[:19].replace('T', ' ')}'" for t in case.interval)
    return f"select * from (\n{query}\n) q where at >= {start} and at < {end}"


def _literal(value: Any, engine: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return quote(value if engine == "postgresql" else value.replace("\\", "\\\\"))
    return (
        quote(str(value))
        if engine == "postgresql"
        else repr(value) + ("e0" if isinstance(value, float) else "")
    )


def _rows(
    lake: Path, file: dict[str, Any], names: list[str], kinds: list[Kind], as_text: set[str]
) -> Iterator[list[Any]]:
    path = lake / file["key"]
    keys = {k: unquote(v) for k, _, v in (part.partition("=") for part in file["key"].split("/")) if v}
    in_file = [n for n in names if n not in keys]
    by_name = dict(zip(names, kinds, strict=True))
    for record in _records(path, in_file, by_name):
        row = dict(zip(in_file, record, strict=True))
        for name in names:
            if name in keys:
                row[name] = (
                    None if keys[name] == _NULL else values.from_file(by_name[name], keys[name], source="csv")
                )
        yield [None if name in as_text else row[name] for name in names]


def _records(path: Path, names: list[str], kinds: dict[str, Kind]) -> Iterator[list[Any]]:
    if path.suffix == ".parquet":
        table = pq.ParquetFile(path).read()
        if table.column_names != names:
            raise ValueError(f"columns of the file {table.column_names}")
        columns = [_plain(column) for column in table.columns]
        yield from map(list, zip(*columns, strict=True)) if columns else ([] for _ in range(table.num_rows))
        return
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    if path.suffix == ".zst":
        content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    if ".jsonl" in path.name:
        for line in content.decode().split("\n")[:-1]:
            record = json.loads(line)
            yield [_read(kinds[name], record[name], source="json") for name in names]
        return
    lines = _csv(content.decode())
    if next(lines) != names:
        raise ValueError("another header")
    for line in lines:
        yield [_read(kinds[name], one, source="csv") for name, one in zip(names, line, strict=True)]


def _read(kind: Kind, value: Any, *, source: str) -> Any:
    try:
        return values.from_file(kind, value, source=source)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return ("not of its kind", value)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    if pa.types.is_list(kind):
        return [
            None if v is None else _plain(pa.chunked_array([v], kind.value_type))
            for v in (s.values for s in column)
        ]
    if pa.types.is_floating(kind):
        return [None if v is None else values.number(v) for v in column.to_pylist()]
    if pa.types.is_decimal(kind):
        return [None if v is None else values.exact(v) for v in column.to_pylist()]
    if pa.types.is_date(kind):
        return column.cast(pa.int32()).to_pylist()
    if pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        return column.cast(pa.int64()).to_pylist()
    return column.to_pylist()


def _csv(text: str) -> Iterator[list[Any]]:
    """Lines of CSV, where nothing between commas is None and `""` is empty."""
    csv.field_size_limit(2**30)
    pattern = re.compile(r'(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(,|\r?\n|$)')
    at, line = 0, []
    while at < len(text):
        found = pattern.match(text, at)
        if not found:
            raise ValueError("no CSV")
        quoted, bare, end = found.groups()
        line.append(quoted.replace('""', '"') if quoted is not None else bare or None)
        at = found.end()
        if end != ",":
            yield line
            line = []


def reduce(campaign: Campaign, case: Case) -> tuple[Case, str]:
    """A smaller case that still differs, and how."""
    told = campaign.differences(case)
    for _ in range(40):
        for smaller in _smaller(case):
            with contextlib.suppress(Exception):
                found = campaign.differences(smaller)
                if found:
                    case, told = smaller, found
                    break
        else:
            break
    return case, told


def _smaller(case: Case) -> Iterator[Case]:
    half = len(case.rows) // 2
    if half:
        yield replace(case, rows=case.rows[:half])
        yield replace(case, rows=case.rows[half:])
    needed = {case.options.get("incremental_column"), *case.options.get("partition_by", ())}
    needed |= set(case.options.get("masks", {}))
    needed |= {"id"} if "partitions" in case.options else set()
    free = [at for at, item in enumerate(case.items) if item.name not in needed]
    size = len(free) // 2
    while size:
        for at in range(0, len(free), size):
            left_out = set(free[at : at + size])
            kept_items = [item for n, item in enumerate(case.items) if n not in left_out]
            if kept_items:
                yield replace(case, items=kept_items)
        size //= 2
    used = case.query()
    kept = [n for n, (name, _) in enumerate(case.columns) if name in used or name in ("id", "k", "at")]
    if len(kept) < len(case.columns):
        yield replace(
            case, columns=[case.columns[n] for n in kept], rows=[[row[n] for n in kept] for row in case.rows]
        )
