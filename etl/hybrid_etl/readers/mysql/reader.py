"""MySQL and MariaDB: one read-only snapshot, a prepared statement, rows in the binary protocol."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pymysql  # type: ignore[import-untyped]
from pymysql.connections import Connection  # type: ignore[import-untyped]
from pymysql.cursors import DictCursor  # type: ignore[import-untyped]

from hybrid_etl.column_names import check_names
from hybrid_etl.columns import Column
from hybrid_etl.engines.mysql import ENGINE
from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval
from hybrid_etl.native.library import load
from hybrid_etl.query import BoundQuery, Syntax, Value, bind, choose_columns, limit_rows
from hybrid_etl.readers import Database, batch_bytes
from hybrid_etl.readers.answer_timeout import longest_silence
from hybrid_etl.readers.connecting import dial, ended_after
from hybrid_etl.readers.decoder_choice import choose_decoder
from hybrid_etl.readers.mysql import interval as mysql_interval
from hybrid_etl.readers.mysql import native as mysql_native
from hybrid_etl.readers.mysql import rows as mysql_rows
from hybrid_etl.readers.mysql.codes import CUT_SHORT
from hybrid_etl.readers.mysql.describe import hold_tables, typed_fields
from hybrid_etl.readers.mysql.errors import explain
from hybrid_etl.readers.mysql.parameters import refuse_texts_as_numbers
from hybrid_etl.readers.mysql.protocol import Field, PreparedStatement, execute, prepare
from hybrid_etl.readers.mysql.settling import MysqlWatch
from hybrid_etl.readers.mysql.types import BIT, column_of, computed_bit
from hybrid_etl.readers.retry import TRY_SECONDS, connect_with_retry
from hybrid_etl.readers.source_lock import acquire_source_lock, source_digest
from hybrid_etl.refusals import Refusals
from hybrid_etl.secret import Secret
from hybrid_etl.settling import settle
from hybrid_etl.specification import Specification

_STALL_SECONDS = 3600
_STORED_BIT = """
select 1 from information_schema.columns c join information_schema.tables t
    on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_type = 'BASE TABLE'
where c.table_schema = %s and c.table_name = %s and c.column_name = %s and c.data_type = 'bit'
"""
_PADS = "PAD_CHAR_TO_FULL_LENGTH"
_KEEPALIVES = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""A cut line is noticed after 90 s, as with PostgreSQL; the system's own values would take two hours."""


class MysqlReader:
    """One query of a MySQL or MariaDB database."""

    def __init__(
        self,
        specification: Specification,
        secret: Secret,
        interval: Interval | None,
        *,
        only_describe: bool = False,
    ) -> None:
        self._secret = secret
        self.refusals = Refusals(specification.unrepresentable)
        self.warnings: dict[str, int] = {}
        self.rounded: dict[str, int] = {}
        self.facts: dict[str, Any] = {}
        self._streaming = False
        self._longest_silence = longest_silence(specification.limits)
        self._connection = connect_with_retry(self._connect, explain=lambda error: explain(error, secret))
        try:
            self.decoder = choose_decoder(load)
            with self._explained():
                self._settle(specification, interval)
                acquire_source_lock(
                    self._lock_of(specification), connections=specification.limits.connections
                )
                self.database = self._begin(specification, interval)
                self._bound = self._bind(specification, interval)
                statement, self.columns = self._describe(specification)
                if not only_describe:
                    self._fields, self.columns = self._execute(statement, specification)
        except BaseException:
            self.close()
            raise

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow batches, cut by bytes; raises Failure when the database breaks off."""
        with self._explained():
            decode = mysql_native if self.decoder == "native" else mysql_rows
            batches = decode.row_batches(
                self._connection,
                self._fields,
                self.columns,
                self.refusals,
                batch_bytes=batch_bytes(len(self.columns)),
            )
            yield from batches
            self._streaming = False
            self._take_warnings()
            self._connection.query("commit")

    def _take_warnings(self) -> None:
        """Tell what the server has warned of: it goes on with another value than the query asks for.

        So it does with text where a number or a time belongs (1292), and with what is cut to fit (1265). The
        messages quote values of rows, so only their numbers are told.

        Raises UserError for a warning that rows, or parts of values, are missing.
        """
        warned = self._rows("show warnings")
        numbers = [int(str(row["Code"])) for row in warned if row["Level"] != "Note"]
        if not numbers:
            return
        if cut := [number for number in numbers if number in CUT_SHORT]:
            raise UserError(
                f"The database warns that it {CUT_SHORT[cut[0]]} (error {cut[0]}): what it has sent is not "
                "what the query asks for. Change the query, or the limit at the server."
            )
        self.warnings = {str(number): numbers.count(number) for number in sorted(set(numbers))}
        said = ", ".join(f"{number} ({count} times)" for number, count in self.warnings.items())
        emit(
            "warning",
            f"The database has taken other values than the query names, and warned of it: error {said}. Run "
            "the query by hand and see SHOW WARNINGS; cast parameters, as in cast(:name as datetime).",
        )

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
            ssl_disabled=secret.sslmode == "disable" or secret.by_socket,
            host=secret.host,
            port=secret.port,
            user=secret.username,
            # As bytes, for PyMySQL encodes text as Latin-1; the servers compare what UTF-8 clients have set.
            password=secret.password.encode(),
            database=secret.dbname,
            charset="utf8mb4",
            connect_timeout=10,
            # A server ends its statement before; silent for longer, it is given up.
            read_timeout=self._longest_silence,
            write_timeout=60,
            autocommit=True,
            program_name="hybrid-etl",
            defer_connect=True,
        )
        line = dial(secret)
        if secret.by_socket:
            connection._secure = True  # as PyMySQL itself says of its own Unix sockets
        else:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVES.items():
                line.setsockopt(socket.IPPROTO_TCP, option, value)
        with ended_after(TRY_SECONDS, line):
            connection.connect(line)
        return connection

    def _begin(self, specification: Specification, interval: Interval | None) -> Database:
        connection, limits = self._connection, specification.limits
        # MariaDB 10 greets old replicas as "5.5.5-10.11.19-MariaDB" (MariaDB source, RPL_VERSION_HACK).
        version = str(connection.server_version).removeprefix("5.5.5-")
        mariadb = "mariadb" in version.lower()
        seconds = limits.statement_timeout_seconds
        statement = (
            f"max_statement_time = {seconds}" if mariadb else f"max_execution_time = {int(seconds * 1000)}"
        )
        lock = max(1, int(limits.lock_timeout_seconds)) if limits.lock_timeout_seconds else 31536000
        modes = self._one("select @@sql_mode").split(",")
        for assignment in (
            # In a strict mode a server refuses what is beyond its maximum, and each version has its own.
            "sql_mode = ''",
            "time_zone = '+00:00'",
            f"net_write_timeout = {_STALL_SECONDS}",
            f"net_read_timeout = {_STALL_SECONDS}",
            f"wait_timeout = {_STALL_SECONDS}",
            f"lock_wait_timeout = {lock}",
            f"innodb_lock_wait_timeout = {lock}",
            # A server may have less by default, which would cut every query short unseen.
            f"sql_select_limit = {2**64 - 1}",
            # By default GROUP_CONCAT ends after 1,024 bytes, with a warning; max_allowed_packet stays.
            f"group_concat_max_len = {2**32 - 1}",
            # MariaDB ends a recursion after 1,000 rounds with the rows that it has, and a warning.
            *([f"max_recursive_iterations = {2**32 - 1}"] if mariadb else []),
            statement,
            # With it every CHAR would end in the spaces that fill it, and its hash would be another.
            f"sql_mode = '{','.join(mode for mode in modes if mode != _PADS)}'",
        ):
            connection.query(f"set session {assignment}")
        connection.query("set session transaction isolation level repeatable read")
        # Without a snapshot yet: InnoDB takes it with the first row that it reads.
        connection.query("start transaction read only")
        self._hold_tables(specification, interval)
        snapshot = self._one("select @@gtid_current_pos" if mariadb else "select @@global.gtid_executed")
        at = self._one("select date_format(now(6), '%Y-%m-%dT%H:%i:%s.%f')")
        time = datetime.fromisoformat(str(at)).replace(tzinfo=UTC).isoformat()
        return Database(
            engine="mariadb" if mariadb else "mysql",
            version=version.split("-")[0],
            snapshot=snapshot or None,
            snapshot_time=time,
        )

    def _hold_tables(self, specification: Specification, interval: Interval | None) -> None:
        syntax = Syntax.of_sql_mode(specification.engine, self._one("select @@sql_mode"))
        bound = bind(
            specification.query,
            specification.parameters,
            interval,
            engine=specification.engine,
            syntax=syntax,
        )
        text = bound.render(lambda _: "?")
        hold_tables(self._connection, text, [bound.values[use] for use in bound.uses])

    def _settle(self, specification: Specification, interval: Interval | None) -> None:
        """Wait, before the snapshot, until the interval is over and nothing may write into it any more."""
        with contextlib.closing(MysqlWatch(self._rows)) as watch:
            self.facts |= settle(watch, specification, interval)

    def _bind(self, specification: Specification, interval: Interval | None) -> BoundQuery:
        """The query, limited to what the run reads; what "…" and a backslash mean in it, sql_mode says."""
        syntax = Syntax.of_sql_mode(specification.engine, self._one("select @@sql_mode"))
        bounds, facts = mysql_interval.bounds(
            self._connection,
            specification,
            interval,
            mariadb=self.database.engine == "mariadb",
            syntax=syntax,
        )
        self.facts |= facts
        limited = limit_rows(
            specification.query,
            bounds=bounds,
            part=specification.part,
            engine=ENGINE,
            syntax=syntax,
            most=specification.most_rows,
        )
        query = choose_columns(limited, specification.contract.columns, engine=ENGINE, syntax=syntax)
        return bind(query, specification.parameters, interval, engine=specification.engine, syntax=syntax)

    def _rows(self, query: str) -> list[dict[str, object]]:
        """The rows of a statement that tells of others' statements and values, a character for each byte.

        Their text need not be UTF-8: a server shows the first 100 bytes of a running statement, which may end
        within a character, and the bytes of a literal as they were sent.
        """
        connection = self._connection
        encoding, connection.encoding = connection.encoding, "latin-1"
        try:
            with connection.cursor(DictCursor) as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        finally:
            connection.encoding = encoding

    def _lock_of(self, specification: Specification) -> Callable[[int], bool]:
        # A lock's name has at most 64 characters (MySQL Reference Manual, "Locking Functions").
        name = f"hybrid-etl/{source_digest(specification).hex()[:32]}"
        return lambda number: self._one(f"select get_lock('{name}/{number}', 0)") == "1"

    def _one(self, query: str) -> str:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return str(cursor.fetchone()[0] or "")

    @property
    def _values(self) -> list[Value]:
        return [self._bound.values[use] for use in self._bound.uses]

    def _describe(self, specification: Specification) -> tuple[PreparedStatement, list[Column]]:
        """The statement to run, and the columns that it is expected to give."""
        text = self._bound.render(lambda _: "?")
        statement = prepare(self._connection, text)
        if not statement.fields:
            raise UserError("The query returns no columns; write a select.")
        check_names(specification.landing(field.name for field in statement.fields))
        refuse_texts_as_numbers(statement, self._bound)
        fields = typed_fields(self._connection, text, statement, self._values)
        columns = [_column(field, specification) for field in fields]
        bits = [number for number, field in enumerate(fields) if field.type_code == BIT]
        if bits and (any(column.expression for column in columns) or not self._are_stored(fields)):
            # In a query that is wrapped, a stored bit may become one that is computed.
            for number in bits:
                columns[number] = computed_bit(fields[number])
        if any(column.expression for column in columns):
            statement = prepare(self._connection, _select(self._bound, columns))
        return statement, columns

    def _are_stored(self, fields: list[Field]) -> bool:
        """Whether all described bits are columns of a table."""
        named = {(f.schema, f.table, f.origin) for f in fields if f.type_code == BIT}
        with self._connection.cursor() as cursor:
            return all(all(name) and cursor.execute(_STORED_BIT, name) for name in named)

    def _execute(
        self, statement: PreparedStatement, specification: Specification
    ) -> tuple[list[Field], list[Column]]:
        """Start the statement and take the columns as the server announces them for the rows that follow.

        What it said when it prepared the statement does not count: the types of parameters, of what is
        computed with them, and of a table that was altered in between, may be others.
        """
        expected = self.columns
        self._streaming = True
        fields = execute(self._connection, statement, self._values)
        if [field.name for field in fields] != [column.name for column in expected]:
            raise Failure("The database runs the query with other columns than it described; run again.")
        columns = []
        for field, column in zip(fields, expected, strict=True):
            found = _column(field, specification)
            if column.expression is None and found.expression is not None:
                raise UserError(
                    f"Column {field.name} has a type that the database decides only when the query runs "
                    f"({found.database_type}); cast it in the query, as in cast(… as {found.database_type})."
                )
            columns.append(column if column.expression else found)
        return fields, columns

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EtlError:
            raise
        except (pymysql.MySQLError, OSError) as error:
            raise explain(error, self._secret) from error


def _column(field: Field, specification: Specification) -> Column:
    return column_of(field, policy=specification.unrepresentable, decimal_width=specification.decimal_width)


def _tls(secret: Secret) -> ssl.SSLContext | None:
    """A context makes PyMySQL insist on TLS; without one it takes TLS where the server offers it."""
    if secret.sslmode in ("disable", "prefer"):
        return None
    context = ssl.create_default_context(cadata=secret.sslrootcert)
    context.check_hostname = secret.sslmode == "verify-full"
    if secret.sslmode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context


def _select(bound: BoundQuery, columns: list[Column]) -> str:
    parts = []
    for column in columns:
        name = "`" + column.name.replace("`", "``") + "`"
        parts.append(
            f"{column.expression.format('q.' + name)} as {name}" if column.expression else f"q.{name}"
        )
    return f"select {', '.join(parts)} from (\n{bound.render(lambda _: '?')}\n) q"
