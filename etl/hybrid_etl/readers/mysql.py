"""MySQL and MariaDB: one read-only snapshot, a prepared statement, rows in the binary protocol."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pymysql  # type: ignore[import-untyped]
from pymysql.connections import Connection  # type: ignore[import-untyped]

from hybrid_etl.columns import Column
from hybrid_etl.contract import choose_columns
from hybrid_etl.errors import EtlError, UserError
from hybrid_etl.interval import Interval
from hybrid_etl.native.library import load
from hybrid_etl.query import BoundQuery, bind, limit_rows
from hybrid_etl.readers import Database, batch_bytes, mysql_native, mysql_rows
from hybrid_etl.readers.choice import choose_decoder
from hybrid_etl.readers.mysql_errors import explain
from hybrid_etl.readers.mysql_protocol import Field, Statement, execute, prepare
from hybrid_etl.readers.mysql_types import column_of
from hybrid_etl.readers.retry import connect_with_retry
from hybrid_etl.readers.turn import source_digest, wait_for_turn
from hybrid_etl.refusals import Refusals
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Limits, Specification

_STALL_SECONDS = 3600
_KEEPALIVES = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""A cut line is noticed after 90 s, as with PostgreSQL; the system's own values would take two hours."""


class MysqlReader:
    """One query of a MySQL or MariaDB database."""

    def __init__(self, specification: Specification, secret: Secret, interval: Interval | None) -> None:
        self._secret = secret
        self.refusals = Refusals(specification.unrepresentable)
        limited = limit_rows(
            specification.query,
            incremental_column=specification.incremental_column,
            part=specification.part,
            quote="`",
        )
        query = choose_columns(limited, specification.contract.columns, quote="`")
        self._bound = bind(query, specification.parameters, interval, engine=specification.engine)
        self._streaming = False
        self._connection = connect_with_retry(self._connect, explain=lambda error: explain(error, secret))
        try:
            self.decoder = choose_decoder(load)
            with self._explained():
                wait_for_turn(self._lock_of(specification), connections=specification.limits.connections)
                self.database = self._begin(specification.limits)
                self._statement, self.columns = self._describe(specification)
        except BaseException:
            self.close()
            raise

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow batches, cut by bytes; raises Failure when the database breaks off."""
        with self._explained():
            values = [self._bound.values[use] for use in self._bound.uses]
            self._streaming = True
            fields = execute(self._connection, self._statement, values)
            decode = mysql_native if self.decoder == "native" else mysql_rows
            yield from decode.row_batches(
                self._connection,
                fields,
                self.columns,
                self.refusals,
                batch_bytes=batch_bytes(len(self.columns)),
            )
            self._streaming = False
            self._connection.query("commit")

    def close(self) -> None:
        """Give the connection back; one that still streams is cut, which ends its statement at the server."""
        if not self._connection.open:
            return
        if self._streaming:
            self._connection._force_close()
            return
        with contextlib.suppress(pymysql.MySQLError, OSError):
            self._connection.close()

    def _connect(self) -> Connection:
        secret = self._secret
        connection = Connection(
            ssl=_tls(secret),
            ssl_disabled=secret.sslmode == "disable",
            host=secret.host,
            port=secret.port,
            user=secret.username,
            password=secret.password,
            database=secret.dbname,
            charset="utf8mb4",
            connect_timeout=10,
            read_timeout=None,
            write_timeout=60,
            autocommit=True,
            program_name="hybrid-etl",
        )
        for option, value in _KEEPALIVES.items():
            connection._sock.setsockopt(socket.IPPROTO_TCP, option, value)
        return connection

    def _begin(self, limits: Limits) -> Database:
        connection = self._connection
        # MariaDB 10 greets old replicas as "5.5.5-10.11.19-MariaDB" (MariaDB source, RPL_VERSION_HACK).
        version = str(connection.server_version).removeprefix("5.5.5-")
        mariadb = "mariadb" in version.lower()
        seconds = limits.statement_timeout_seconds
        statement = (
            f"max_statement_time = {seconds}" if mariadb else f"max_execution_time = {int(seconds * 1000)}"
        )
        lock = max(1, int(limits.lock_timeout_seconds)) if limits.lock_timeout_seconds else 31536000
        for assignment in (
            "time_zone = '+00:00'",
            f"net_write_timeout = {_STALL_SECONDS}",
            f"net_read_timeout = {_STALL_SECONDS}",
            f"wait_timeout = {_STALL_SECONDS}",
            f"lock_wait_timeout = {lock}",
            f"innodb_lock_wait_timeout = {lock}",
            statement,
        ):
            connection.query(f"set session {assignment}")
        connection.query("set session transaction isolation level repeatable read")
        connection.query("start transaction with consistent snapshot, read only")
        snapshot = self._one("select @@gtid_current_pos" if mariadb else "select @@global.gtid_executed")
        at = self._one("select date_format(now(6), '%Y-%m-%dT%H:%i:%s.%f')")
        time = datetime.fromisoformat(str(at)).replace(tzinfo=UTC).isoformat()
        return Database(
            engine="mariadb" if mariadb else "mysql",
            version=version.split("-")[0],
            snapshot=snapshot or None,
            snapshot_time=time,
        )

    def _lock_of(self, specification: Specification) -> Callable[[int], bool]:
        # A lock's name has at most 64 characters (MySQL Reference Manual, "Locking Functions").
        name = f"hybrid-etl/{source_digest(specification).hex()[:32]}"
        return lambda number: self._one(f"select get_lock('{name}/{number}', 0)") == "1"

    def _one(self, query: str) -> str:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return str(cursor.fetchone()[0] or "")

    def _describe(self, specification: Specification) -> tuple[Statement, list[Column]]:
        statement = prepare(self._connection, self._bound.render(lambda _: "?"))
        if not statement.fields:
            raise UserError("The query returns no columns; write a select.")
        _refuse_doubles(statement.fields)
        columns = [column_of(field, policy=specification.unrepresentable) for field in statement.fields]
        if any(column.expression for column in columns):
            statement = prepare(self._connection, _select(self._bound, columns))
        return statement, columns

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EtlError:
            raise
        except (pymysql.MySQLError, OSError) as error:
            raise explain(error, self._secret) from error


def _tls(secret: Secret) -> ssl.SSLContext | None:
    """A context makes PyMySQL insist on TLS; without one it takes TLS where the server offers it."""
    if secret.sslmode in ("disable", "prefer"):
        return None
    context = ssl.create_default_context(cadata=secret.sslrootcert)
    context.check_hostname = secret.sslmode == "verify-full"
    if secret.sslmode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context


def _refuse_doubles(fields: list[Field]) -> None:
    names = [field.name for field in fields]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f"The query returns {', '.join(doubled)} more than once; name each column with AS.")


def _select(bound: BoundQuery, columns: list[Column]) -> str:
    parts = []
    for column in columns:
        name = "`" + column.name.replace("`", "``") + "`"
        parts.append(
            f"{column.expression.format('q.' + name)} as {name}" if column.expression else f"q.{name}"
        )
    return f"select {', '.join(parts)} from (\n{bound.render(lambda _: '?')}\n) q"
