"""An engine in one file, as somebody would add it: a copy of this goes to etl/hybrid_etl/engines/sqlite.py.

The database is the file that `dbname` names; everything else of the secret is not used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hybrid_etl.engines.engine import Engine

if TYPE_CHECKING:
    import pyarrow as pa

    from hybrid_etl.interval import Interval
    from hybrid_etl.secret import Secret
    from hybrid_etl.specification import Specification

ENGINE = Engine(
    name="sqlite",
    label="SQLite",
    port=1,
    reader="hybrid_etl.engines.sqlite:SqliteReader",
    dialect="postgresql",
    quote='"',
    parameters="positional",
    named=("sqlite",),
    schemes=("sqlite",),
)

_BATCH_ROWS = 1000


class SqliteReader:
    """One query in one read-only connection; a column has the type of its first value."""

    decoder = "sqlite3"

    def __init__(
        self, specification: Specification, secret: Secret, interval: Interval | None, *, only_describe: bool
    ) -> None:
        # Not above: the facts of an engine are read by all, and stand below the rest of the container.
        from hybrid_etl.columns import Column, Kind
        from hybrid_etl.query import bind, choose_columns
        from hybrid_etl.readers import Database
        from hybrid_etl.refusals import Refusals

        kinds = {int: Kind.INT64, float: Kind.FLOAT64, bytes: Kind.BINARY}
        self.refusals = Refusals(specification.unrepresentable)
        self.warnings: dict[str, int] = {}
        self.rounded: dict[str, int] = {}
        self.facts: dict[str, Any] = {}
        self._connection = sqlite3.connect(f"file:{secret.dbname}?mode=ro", uri=True)
        now = self._connection.execute("select strftime('%Y-%m-%dT%H:%M:%fZ')").fetchone()[0]
        self.database = Database(
            engine="sqlite", version=sqlite3.sqlite_version, snapshot=None, snapshot_time=now
        )
        query = choose_columns(specification.query, specification.contract.columns, engine=ENGINE)
        bound = bind(query, specification.parameters, interval, engine="sqlite")
        values = [bound.values[use] for use in bound.uses]
        self._cursor = self._connection.execute(bound.render(lambda _: "?"), values)
        self._first = [] if only_describe else self._cursor.fetchmany(_BATCH_ROWS)
        first = self._first[0] if self._first else [None] * len(self._cursor.description)
        self.columns = [
            Column(name=name, kind=kinds.get(type(value), Kind.STRING), database_type=type(value).__name__)
            for (name, *_), value in zip(self._cursor.description, first, strict=True)
        ]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows, a thousand at a time."""
        import pyarrow as pa

        from hybrid_etl.columns import schema_of

        rows = self._first
        while rows:
            columns = [
                pa.array([row[index] for row in rows], column.type)
                for index, column in enumerate(self.columns)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema_of(self.columns))
            rows = self._cursor.fetchmany(_BATCH_ROWS)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
