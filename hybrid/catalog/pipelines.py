"""A pipeline for a table: columns by name, and the column that tells its newest rows, where there is one."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from hybrid.catalog.tables import CatalogColumn, CatalogTable
from hybrid.estate.engines import ENGINES

#: What a type needs so that its values are instants (docs/reference/guarantees.md): None, or a key to write.
_TIMES = {
    "timestamp with time zone": None,
    "timestamp": None,
    "date": "incremental_zone",
    "timestamp without time zone": "incremental_zone",
    "datetime": "incremental_zone",
}
#: In MySQL and MariaDB a `timestamp` is kept in UTC; PostgreSQL's catalog spells its own types out.
_INTEGERS = {"integer", "bigint", "int"}
_CHANGES = re.compile(r"updat|modif|chang|last_|_mod|mtime", re.IGNORECASE)
_BIRTHS = re.compile(r"creat|insert|added|_at$|time|date|day", re.IGNORECASE)
_EPOCHS = re.compile(r"epoch|unix|timestamp|_ts$|_at$|_ms$", re.IGNORECASE)
#: A name that the directories of the lake have (docs/decisions/etl-column-names.md).
_TAKEN = "interval"
#: What the estate file takes as `incremental_column`, and what it does not.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Candidate:
    """A column that a pipeline may read intervals by.

    Attributes:
        needs: a key of the pipeline that says what its values mean; None where they say it themselves.
        indexed: whether the server finds an interval without reading the whole table.
    """

    column: str
    needs: str | None
    indexed: bool


def candidates(table: CatalogTable) -> list[Candidate]:
    """Columns by which intervals may be read, the likeliest first."""
    found = [(rank, column) for column in table.columns if (rank := _rank(column)) is not None]
    found.sort(key=lambda pair: (pair[0], not pair[1].indexed))
    return [Candidate(column.name, _needs(column), column.indexed) for _, column in found]


def _rank(column: CatalogColumn) -> int | None:
    if not column.readable:
        return None
    if column.base_type in _TIMES:
        return 0 if _CHANGES.search(column.name) else 1 if _BIRTHS.search(column.name) else 2
    if column.base_type in _INTEGERS and _EPOCHS.search(column.name):
        return 3
    return None


def _needs(column: CatalogColumn) -> str | None:
    return _TIMES.get(column.base_type, "incremental_unit")


def pipeline_name(table: CatalogTable, *, taken: Collection[str]) -> str:
    """A name as the estate has them, from the table's; with a number where another has it already."""
    plain = re.sub(r"[^a-z0-9]+", "-", table.name.lower()).strip("-") or "table"
    plain = plain if plain[0].isalpha() else f"t-{plain}"
    numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (plain, *numbered) if name not in taken)


def pipeline_lines(table: CatalogTable, *, name: str, source: str, engine: str) -> list[str]:
    """The pipeline as lines of YAML, as they stand below `pipelines:`."""
    best = next(iter(candidates(table)), None)
    names = _names(table, newest_by=best.column if best else None)
    quoted = ENGINES[engine].quoted
    selected = ",\n".join(
        f"        {quoted(column)}{'' if name == column else f' as {quoted(name)}'}"
        for column, name in names.items()
    )
    place = f"{quoted(table.schema)}.{quoted(table.name)}"
    lines = [f"  {name}:", f"    source: {source}", "    query: |", "      select"]
    lines += [*selected.split("\n"), f"      from {place}"]
    if best:
        slow = "" if best.indexed else "  # no index begins with it: each run reads the whole table"
        lines.append(f"    incremental_column: {_scalar(names[best.column])}{slow}")
        if best.needs == "incremental_zone":
            lines.append("    incremental_zone: UTC  # the zone in which its times are meant")
        if best.needs == "incremental_unit":
            lines.append("    incremental_unit: seconds  # or milliseconds, microseconds")
    return lines


def _names(table: CatalogTable, *, newest_by: str | None) -> dict[str, str]:
    """Columns that the user may read → their names in the lake.

    They are the same names, except where a reader of the lake would take one column for another, and except
    that the column that the estate file names has a plain one.
    """
    names: dict[str, str] = {}
    readable = [column.name for column in table.columns if column.readable]
    # The estate file's name is chosen first: no other column may have it.
    for column in sorted(readable, key=lambda one: one != newest_by):
        first = _plain(column) if column == newest_by else column
        taken = {_TAKEN, *(name.lower() for name in names.values())}
        if first != column:
            taken |= {other.lower() for other in readable}
        numbered = (f"{first}_{number}" for number in range(2, len(taken) + 3))
        names[column] = next(name for name in (first, *numbered) if name.lower() not in taken)
    return {column: names[column] for column in readable}


def _plain(name: str) -> str:
    """A name as the estate file takes it: the letters, digits and underscores of one that has others."""
    if _PLAIN.fullmatch(name):
        return name
    plain = _NOT_PLAIN.sub("_", name).strip("_") or "newest_by"
    return plain if _PLAIN.fullmatch(plain) else f"_{plain}"


def _scalar(text: str) -> str:
    """A name in YAML: plain where it is one word of letters, else in single quotes."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"


_YAML_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
