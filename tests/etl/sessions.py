"""Sessions of a test's own at a database, for transactions that stay open while something else runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pymysql
from etl_process import Database

#: What a statement's rows are stamped with, to the microsecond: the time of its transaction, or its own.
STAMP = {"postgresql": "now()", "mariadb": "now(6)", "mysql": "now(6)"}
#: The database's clock as a text with a zone.
CLOCK = {
    "postgresql": "select clock_timestamp()",
    "mariadb": "select utc_timestamp(6)",
    "mysql": "select utc_timestamp(6)",
}


def connect(database: Database, **changes: Any) -> Any:
    """A session that begins a transaction with its first statement."""
    secret = database.server.secret | changes
    address = {"host": secret["host"], "port": secret["port"], "user": secret["username"]}
    if database.engine == "postgresql":
        return psycopg.connect(**address, password=secret["password"], dbname=secret["dbname"])
    return pymysql.connect(
        **address,
        password=secret["password"],
        database=secret["dbname"],
        init_command="set time_zone = '+00:00'",
    )


@contextlib.contextmanager
def session(database: Database, **changes: Any) -> Iterator[Any]:
    """As `connect`, and rolled back at the end unless it was committed."""
    connection = connect(database, **changes)
    try:
        yield connection
    finally:
        connection.close()


def say(connection: Any, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Run a statement of the session's transaction and give its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []
