"""What a query asks: one SELECT, and which pipelines it names, by DuckDB's own parser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb


class NotAsked(Exception):
    """The text is no query of pipelines of the lake; the message says what is."""


class UnknownPipeline(Exception):
    """The query names a table that is no pipeline; the message is its name."""


@dataclass(frozen=True)
class Asked:
    """A query.

    Attributes:
        query: its text, without the semicolons around it, which a query inside of another may not have.
        pipelines: that it names.
    """

    query: str
    pipelines: list[str]


def asked(connection: duckdb.DuckDBPyConnection, query: str, pipelines: Mapping[str, str]) -> Asked:
    """Read a query, before anything of the lake is read.

    Raises:
        NotAsked: it cannot be read, or is no SELECT.
        UnknownPipeline: it names one that is none.
    """
    try:
        query.encode()
    except UnicodeEncodeError:
        raise NotAsked("the query is not UTF-8; write it in UTF-8") from None
    ((text,),) = connection.execute("select json_serialize_sql(?)", [query]).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        raise NotAsked(_refusal(connection, query, tree, pipelines))
    if len(tree["statements"]) != 1:
        raise NotAsked(f"one SELECT is taken at a time, and here are {len(tree['statements'])}")
    return Asked(_bare(query), _named(tree, pipelines))


def _refusal(
    connection: duckdb.DuckDBPyConnection, query: str, tree: Mapping[str, Any], pipelines: Mapping[str, str]
) -> str:
    if tree.get("error_type") == "parser":
        try:
            connection.extract_statements(query)
            said = str(tree["error_message"])
        except duckdb.Error as error:
            said = str(error)
        return f"{said}{_dashes(query, pipelines)}"
    return "a query is one SELECT (or WITH … SELECT, FROM …, DESCRIBE, SUMMARIZE): the lake is only read here"


def _dashes(query: str, pipelines: Mapping[str, str]) -> str:
    """A hint, where a name with a dash stands without quotes."""
    for name in sorted(pipelines, key=len, reverse=True):
        if "-" in name and re.search(rf'(?<!["\w-]){re.escape(name)}(?!["\w-])', query):
            return f'\nA name with a dash is written "{name}" or {name.replace("-", "_")}'
    return ""


def _named(tree: Mapping[str, Any], pipelines: Mapping[str, str]) -> list[str]:
    known = {spelled.casefold(): name for name in pipelines for spelled in (name, name.replace("-", "_"))}
    own = {key.casefold() for node in _nodes(tree) for key in _expressions(node)}
    found = []
    for node in _nodes(tree):
        if node.get("type") == "SHOW_REF" and node.get("table_name"):
            raise NotAsked(
                "`bin/hybrid lake ls` lists what is in the lake, `lake schema PIPELINE` its columns"
            )
        if node.get("type") != "BASE_TABLE" or node.get("schema_name") not in ("", "main"):
            continue
        table = str(node["table_name"])
        if name := known.get(table.casefold()):
            found.append(name)
        elif table.casefold() not in own and not table.casefold().startswith(("duckdb_", "pg_")):
            raise UnknownPipeline(table)
    return list(dict.fromkeys(found))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _expressions(node: Mapping[str, Any]) -> list[str]:
    """Names that a WITH of this node gives."""
    found = node.get("cte_map")
    return [entry["key"] for entry in found["map"]] if isinstance(found, dict) else []


def _bare(query: str) -> str:
    """The text between semicolons that holds the one statement; DuckDB counts in bytes of UTF-8."""
    content, start, holds = query.encode(), 0, False
    for at, kind in duckdb.tokenize(query):
        if content[at : at + 1] == b";" and kind == duckdb.token_type.operator:
            if holds:
                return content[start:at].decode()
            start = at + 1
        elif kind != duckdb.token_type.comment:
            holds = True
    return content[start:].decode()
