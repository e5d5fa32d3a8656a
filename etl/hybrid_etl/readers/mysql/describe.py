"""What a MySQL or MariaDB server says of a query's columns once it has the values of the parameters."""

from __future__ import annotations

from collections.abc import Sequence

import pymysql  # type: ignore[import-untyped]
from pymysql.connections import Connection  # type: ignore[import-untyped]

from hybrid_etl.errors import Failure
from hybrid_etl.query import Value
from hybrid_etl.readers.mysql.protocol import Field, PreparedStatement, execute, prepare, row_packets

_SYNTAX = 1064


def typed_fields(
    connection: Connection, text: str, prepared: PreparedStatement, values: Sequence[Value]
) -> list[Field]:
    """The fields of a query, whose types the server knows only once it has its parameters' `values`.

    So it is run, for no rows: LIMIT 0 returns at once, and is there to learn the types of columns (MySQL
    Reference Manual, "LIMIT Query Optimization"). Without parameters, what `prepared` says is all there is.
    """
    if not values:
        return prepared.fields
    try:
        statement = prepare(connection, f"select * from (\n{text}\n) q limit 0")
    except pymysql.err.ProgrammingError as error:
        if error.args[0] != _SYNTAX:
            raise
        return prepared.fields  # no subquery, such as EXPLAIN: what it is, it says when it runs
    fields = execute(connection, statement, list(values))
    for _ in row_packets(connection):
        raise Failure("The database gave rows for a limit of none; check what is between.")
    return fields
