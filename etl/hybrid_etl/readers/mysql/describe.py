"""What a MySQL or MariaDB server says of a query's columns once it has the values of the parameters."""

from __future__ import annotations

from collections.abc import Sequence

import pymysql  # type: ignore[import-untyped]
from pymysql.connections import Connection  # type: ignore[import-untyped]

from hybrid_etl.errors import Failure
from hybrid_etl.query import Value
from hybrid_etl.readers.mysql.protocol import (
    Field,
    PreparedStatement,
    close_statement,
    execute,
    prepare,
    row_packets,
)

_SYNTAX, _DOUBLED, _MISPLACED = 1064, 1060, 1221


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


def hold_tables(connection: Connection, text: str, values: Sequence[Value]) -> None:
    """Lock what a query reads against other definitions and names, until the transaction ends.

    A snapshot that is taken before may be older than the table that then has the name: of a table that was
    filled and renamed in between it shows no row (a metadata lock is held to the end of a transaction, MySQL
    Reference Manual, "Metadata Locking"). What cannot be a subquery, such as EXPLAIN, is not held.
    """
    try:
        statement = prepare(connection, f"select * from (\n{text}\n) q limit 0")
    except pymysql.MySQLError as error:
        if error.args[0] in (_SYNTAX, _DOUBLED, _MISPLACED):
            return
        raise
    execute(connection, statement, list(values))
    for _ in row_packets(connection):
        raise Failure("The database gave rows for a limit of none; check what is between.")
    close_statement(connection, statement)
