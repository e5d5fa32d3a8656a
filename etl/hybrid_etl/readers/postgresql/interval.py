"""The interval of a run as PostgreSQL compares it: the query's own description gives the column's type."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg.pq import ExecStatus

from hybrid_etl import incremental
from hybrid_etl.engines.postgresql import ENGINE
from hybrid_etl.incremental import Bounds, Compared, TimeColumn
from hybrid_etl.interval import Interval
from hybrid_etl.query import BoundQuery, bind, count_nulls
from hybrid_etl.readers.postgresql.describe import describe_statement, names_of
from hybrid_etl.readers.postgresql.types import ServerType, numeric_modifier
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification
from hybrid_etl.text_encoding import UTF8, encoded

_PLAIN = {
    "date": Compared.DATE,
    "timestamp": Compared.WALL,
    "timestamptz": Compared.INSTANT,
    "int4": Compared.INTEGER,
    "int8": Compared.INTEGER,
    "text": Compared.TEXT,
    "varchar": Compared.TEXT,
    "bpchar": Compared.TEXT,
}
_NOT_NULL = """
select attnotnull from pg_catalog.pg_attribute where attrelid = %s::int8::oid and attnum = %s
"""


def bounds(
    connection: psycopg.Connection[tuple[object, ...]],
    specification: Specification,
    interval: Interval | None,
    *,
    types: Callable[[set[int]], dict[int, ServerType]],
    secret: Secret,
) -> tuple[Bounds | None, dict[str, object]]:
    """The bounds of the incremental column, and what the receipt says of them; none without such a column.

    To be called in the run's transaction. Raises UserError where the interval cannot be compared.
    """
    asked = specification.incremental
    if asked is None:
        return None, {}
    inner = bind(
        specification.query,
        specification.parameters,
        interval,
        engine="postgresql",
        encoding=specification.encoding,
    )
    described = describe_statement(connection.pgconn, inner, secret)
    index = asked.place(names_of(described, inner.encoding), fold=False)
    oid, modifier = described.ftype(index), described.fmod(index)
    table, number = described.ftable(index), described.ftablecol(index)
    row = connection.execute(_NOT_NULL, (table, number)).fetchone() if table else None
    column = _time_column(types({oid})[oid], modifier=modifier, nullable=not (row and row[0]))
    found = asked.bounds(column, interval, incremental.POSTGRESQL)
    nulls = None
    if counted := asked.counts_nulls(column, interval, part=specification.part):
        text = count_nulls(specification.query, asked.column, engine=ENGINE)
        query = bind(
            text, specification.parameters, interval, engine="postgresql", encoding=specification.encoding
        )
        nulls = _count(connection, query)
    return found, {"incremental": asked.told(column, found, nulls, counted=counted)}


def _time_column(server_type: ServerType, *, modifier: int, nullable: bool) -> TimeColumn:
    kind = _PLAIN.get(server_type.name) if server_type.builtin else None
    if server_type.builtin and server_type.name == "numeric" and modifier >= 4:
        kind = Compared.INTEGER if numeric_modifier(modifier)[1] == 0 else None
    timed = kind in (Compared.WALL, Compared.INSTANT) and modifier >= 0
    return TimeColumn(
        display=server_type.display, compared=kind, digits=modifier if timed else 6, nullable=nullable
    )


def _count(connection: psycopg.Connection[tuple[object, ...]], bound: BoundQuery) -> int | None:
    """What the query counts, None where it cannot, as within the time; the transaction goes on as it was."""
    text = bound.render(lambda number: f"${number + 1}")
    values = [None if value is None else encoded(_text(value), bound.encoding) for value in bound.values]
    connection.execute("savepoint nulls")
    connection.execute(f"set local statement_timeout = {int(incremental.NULLS_SECONDS * 1000)}".encode())
    if bound.encoding != UTF8:
        connection.execute("set local client_encoding to 'SQL_ASCII'")
    result = connection.pgconn.exec_params(encoded(text, bound.encoding), values)
    connection.execute("rollback to savepoint nulls")
    if result.status == ExecStatus.TUPLES_OK:
        return int(result.get_value(0, 0) or b"0")
    return None


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
