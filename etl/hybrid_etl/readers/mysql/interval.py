"""The interval of a run as MySQL and MariaDB compare it: the query's description gives the column's type."""

from __future__ import annotations

import pymysql  # type: ignore[import-untyped]
from pymysql.connections import Connection  # type: ignore[import-untyped]

from hybrid_etl import incremental
from hybrid_etl.engines.mysql import ENGINE
from hybrid_etl.incremental import Bounds, Compared, TimeColumn
from hybrid_etl.interval import Interval
from hybrid_etl.query import BoundQuery, Syntax, bind, count_nulls
from hybrid_etl.readers.mysql.describe import typed_fields
from hybrid_etl.readers.mysql.protocol import BINARY_CHARSET, Field, execute, prepare, row_packets
from hybrid_etl.readers.mysql.types import ENUM, NOT_NULL, SET, column_of
from hybrid_etl.specification import Specification

_DATE, _DATETIME, _TIMESTAMP = 10, 12, 7
_INTEGERS, _DECIMALS = (3, 8), (0, 246)
_TEXTS = (249, 250, 251, 252, 253, 254)
"""Computed texts come as TINY_BLOB to LONG_BLOB too, stored ones as BLOB (MySQL source, field_types.h)."""
_LEAST = {
    Compared.DATE: "date'0001-01-01'",
    Compared.WALL: "timestamp'0001-01-01 00:00:00'",
    # A literal outside of its range is not compared with a TIMESTAMP as it is (seen with MySQL 9.7).
    Compared.INSTANT: "timestamp'1970-01-01 00:00:01'",
}
"""The least that each type has: what is less is 0000-00-00, which a NOT NULL column may have for NULL."""
_TIMEOUTS = (1969, 3024)


def bounds(
    connection: Connection,
    specification: Specification,
    interval: Interval | None,
    *,
    mariadb: bool,
    syntax: Syntax,
) -> tuple[Bounds | None, dict[str, object]]:
    """The bounds of the incremental column, and what the receipt says of them; none without such a column.

    To be called in the run's transaction. Raises UserError where the interval cannot be compared.
    """
    asked = specification.incremental
    if asked is None:
        return None, {}
    engine = specification.engine
    inner = bind(specification.query, specification.parameters, interval, engine=engine, syntax=syntax)
    text = inner.render(lambda _: "?")
    values = [inner.values[use] for use in inner.uses]
    fields = typed_fields(connection, text, prepare(connection, text), values)
    column = _time_column(fields[asked.place([field.name for field in fields], fold=True)])
    found = asked.bounds(column, interval, incremental.MYSQL)
    nulls = None
    if counted := asked.counts_nulls(column, interval, part=specification.part):
        text = count_nulls(
            specification.query, asked.column, engine=ENGINE, syntax=syntax, least=column.least
        )
        query = bind(text, specification.parameters, interval, engine=engine, syntax=syntax)
        nulls = _count(connection, query, mariadb=mariadb)
    return found, {"incremental": asked.told(column, found, nulls, counted=counted)}


def _time_column(field: Field) -> TimeColumn:
    kind, code = None, field.type_code
    if code == _DATE:
        kind = Compared.DATE
    elif code == _DATETIME:
        kind = Compared.WALL
    elif code == _TIMESTAMP:
        kind = Compared.INSTANT
    elif code in _INTEGERS or (code in _DECIMALS and field.decimals == 0):
        kind = Compared.INTEGER
    elif code in _TEXTS and field.charset != BINARY_CHARSET and not field.flags & (ENUM | SET):
        kind = Compared.TEXT
    timed = kind in (Compared.WALL, Compared.INSTANT)
    return TimeColumn(
        display=column_of(field, policy="fail").database_type,
        compared=kind,
        digits=min(field.decimals, 6) if timed else 6,
        nullable=not field.flags & NOT_NULL,
        least=_LEAST.get(kind) if kind else None,
    )


def _count(connection: Connection, bound: BoundQuery, *, mariadb: bool) -> int | None:
    """What the query counts, None where that takes too long."""
    name, unit = ("max_statement_time", 1) if mariadb else ("max_execution_time", 1000)
    with connection.cursor() as cursor:
        cursor.execute(f"select @@session.{name}")
        before = cursor.fetchone()[0]
    connection.query(f"set session {name} = {incremental.NULLS_SECONDS * unit:.0f}")
    try:
        statement = prepare(connection, bound.render(lambda _: "?"))
        execute(connection, statement, [bound.values[use] for use in bound.uses])
        (row,) = row_packets(connection)
        # A count is a BIGINT: after the packet's header and a byte of NULL bits, eight of it.
        return int.from_bytes(row[2:10], "little")
    except pymysql.MySQLError as error:
        if error.args[0] in _TIMEOUTS:
            return None
        raise
    finally:
        connection.query(f"set session {name} = {before}")
