"""The tables of a source, read by the container's own code: with the TLS, time limits and errors of a run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from hybrid.estate import Estate
from hybrid.estate.engines import ENGINES
from hybrid.estate.model import Format, Pipeline
from hybrid.trial.running import RunFailed, Trial

#: Name of the pipeline that asks; it is in no estate file.
_NAME = "catalog"


@dataclass(frozen=True, kw_only=True)
class CatalogColumn:
    """A column of a table.

    Attributes:
        type: as the server writes it.
        base_type: the type without its length and digits; of a PostgreSQL domain, what it is over.
        in_key: whether it is in the primary key.
        unique: whether no two rows have the same, by an index of this column alone.
        indexed: whether an index begins with it.
        readable: whether the source's user may select it.
    """

    name: str
    type: str
    base_type: str
    nullable: bool
    generated: bool
    in_key: bool
    unique: bool
    indexed: bool
    readable: bool


@dataclass(frozen=True, kw_only=True)
class CatalogTable:
    """A table or view.

    Attributes:
        kind: `table`, `partitioned table`, `view`, `materialized view` or `foreign table`.
        rows: the server's own estimate, None where it has none.
        bytes: on its disk, None where it is not stored.
    """

    schema: str
    name: str
    kind: str
    rows: int | None
    bytes: int | None
    columns: tuple[CatalogColumn, ...]

    @property
    def readable(self) -> bool:
        """Whether the source's user may select anything of it."""
        return any(column.readable for column in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of its primary key."""
        return tuple(column.name for column in self.columns if column.in_key)


def read_tables(
    estate: Estate,
    source: str,
    *,
    secret: Mapping[str, str | int] | None,
    schema: str | None = None,
    pattern: str = "%",
) -> list[CatalogTable]:
    """The tables that the source's user may know of, without those of the system.

    Args:
        source: its name in the estate.
        secret: credentials, None to read the source's secret from AWS.
        schema: only this one; in MySQL and MariaDB a schema is a database.
        pattern: of SQL's `like`, for names of tables.

    Raises:
        RunFailed: the database cannot be reached, or refuses.
    """
    declared = estate.sources[source].model_copy(update={"connections": None})
    catalog = ENGINES[declared.engine].catalog
    if catalog is None:
        raise RunFailed(f"the tables of {ENGINES[declared.engine].label} cannot be listed here", exit_code=2)
    asking = Pipeline(
        source=source,
        query=catalog,
        parameters={"schema": schema or "", "pattern": pattern},
        format=Format(type="jsonl", compression="none"),
    )
    asked = estate.model_copy(
        update={
            "sources": {**estate.sources, source: declared},
            "pipelines": {**estate.pipelines, _NAME: asking},
        }
    )
    with tempfile.TemporaryDirectory(prefix="hybrid-catalog-") as directory:
        lake = Path(directory)
        receipt = Trial(estate=asked, pipeline=_NAME, secret=secret, lake=lake).run(lambda _: None)
        rows = [json.loads(line) for file in receipt["files"] for line in _lines(lake / file["key"])]
    return list(_tables(rows))


def _lines(file: Path) -> list[str]:
    # By line breaks alone: a name may hold what else Python takes for one.
    return file.read_text(encoding="utf-8").rstrip("\n").split("\n") if file.stat().st_size else []


def _tables(rows: list[dict[str, Any]]) -> Iterator[CatalogTable]:
    for (schema, name), group in groupby(rows, key=lambda row: (row["schema_name"], row["table_name"])):
        found = list(group)
        yield CatalogTable(
            schema=schema,
            name=name,
            kind=found[0]["table_kind"],
            rows=found[0]["row_estimate"],
            bytes=found[0]["table_bytes"],
            columns=tuple(_column(row) for row in found),
        )


def _column(row: Mapping[str, Any]) -> CatalogColumn:
    return CatalogColumn(
        name=row["column_name"],
        type=row["column_type"],
        base_type=row["base_type"],
        nullable=bool(row["is_nullable"]),
        generated=bool(row["is_generated"]),
        in_key=bool(row["in_key"]),
        unique=bool(row["is_unique"]),
        indexed=bool(row["is_indexed"]),
        readable=bool(row["is_readable"]),
    )
