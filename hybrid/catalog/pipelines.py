"""A pipeline for a table: columns by name, and the column that tells its newest rows, where there is one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
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
    selected = ",\n".join(f"        {text}" for text in _selected(table, engine=engine))
    place = f"{ENGINES[engine].quoted(table.schema)}.{ENGINES[engine].quoted(table.name)}"
    lines = [f"  {name}:", f"    source: {source}", "    query: |", "      select"]
    lines += [*selected.split("\n"), f"      from {place}"]
    if found := candidates(table):
        best = found[0]
        slow = "" if best.indexed else "  # no index begins with it: each run reads the whole table"
        lines.append(f"    incremental_column: {_scalar(best.column)}{slow}")
        if best.needs == "incremental_zone":
            lines.append("    incremental_zone: UTC  # the zone in which its times are meant")
        if best.needs == "incremental_unit":
            lines.append("    incremental_unit: seconds  # or milliseconds, microseconds")
    return lines


def _selected(table: CatalogTable, *, engine: str) -> Iterator[str]:
    """The columns that the user may read, renamed where a reader of the lake would take one for another."""
    taken = {_TAKEN}
    for column in table.columns:
        if not column.readable:
            continue
        name, number = column.name, 2
        while name.lower() in taken:
            name, number = f"{column.name}_{number}", number + 1
        taken.add(name.lower())
        renamed = "" if name == column.name else f" as {ENGINES[engine].quoted(name)}"
        yield f"{ENGINES[engine].quoted(column.name)}{renamed}"


def _scalar(text: str) -> str:
    """A name in YAML: plain where it is one word of letters, else in single quotes."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) and text.lower() not in _YAML_WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"


_YAML_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
