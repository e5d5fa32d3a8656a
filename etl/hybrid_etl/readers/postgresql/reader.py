"""PostgreSQL: one read-only snapshot, described by the server, read as COPY BINARY or COPY CSV."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from hybrid_etl.column_names import check_names
from hybrid_etl.columns import Column
from hybrid_etl.engines.postgresql import ENGINE
from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval
from hybrid_etl.query import BoundQuery, Value, bind, choose_columns, limit_rows
from hybrid_etl.readers import Database, batch_bytes
from hybrid_etl.readers.answer_timeout import Silence, longest_silence
from hybrid_etl.readers.decoder_choice import choose_decoder
from hybrid_etl.readers.postgresql import copy as postgresql_copy
from hybrid_etl.readers.postgresql import csv as postgresql_csv
from hybrid_etl.readers.postgresql import interval as postgresql_interval
from hybrid_etl.readers.postgresql import native as postgresql_native
from hybrid_etl.readers.postgresql.catalog import types_of
from hybrid_etl.readers.postgresql.copy import CopyRefused
from hybrid_etl.readers.postgresql.describe import describe_statement, names_of
from hybrid_etl.readers.postgresql.encoding import (
    SQL_ASCII,
    as_bytes,
    as_scalars,
    check_encoding,
    transcoded,
)
from hybrid_etl.readers.postgresql.errors import (
    explain,
    explain_connection,
    from_result,
    is_row_security,
)
from hybrid_etl.readers.postgresql.rewritten import has_partitions, newer_tables, newer_than_snapshot
from hybrid_etl.readers.postgresql.settling import PostgresqlWatch
from hybrid_etl.readers.postgresql.types import ROUNDED, ServerType, column_of, passed_column
from hybrid_etl.readers.retry import TRY_SECONDS, connect_with_retry
from hybrid_etl.readers.source_lock import acquire_source_lock, source_digest
from hybrid_etl.refusals import Refusals
from hybrid_etl.secret import Secret
from hybrid_etl.settling import settle
from hybrid_etl.specification import Specification
from hybrid_etl.text_encoding import UTF8, encoded

SHORT_LIST = 100
"""Up to so many elements the planner sees them one by one, and may choose partitions by them."""
_TRIES = 5
"""Begins of a run whose tables are changed while it waits for them."""
MOST_SETTINGS = 4_000
"""Values that take seconds to be set: each is one more of the session's settings, all of which are sorted."""


class PostgresqlReader:
    """One query of a PostgreSQL database."""

    def __init__(
        self,
        specification: Specification,
        secret: Secret,
        interval: Interval | None,
        *,
        only_describe: bool = False,  # noqa: ARG002 - COPY describes without running
    ) -> None:
        self._secret = secret
        self.refusals = Refusals(specification.unrepresentable)
        self.warnings: dict[str, int] = {}
        self.rounded: dict[str, int] = {}
        self.facts: dict[str, Any] = {}
        self._certificate: Path | None = None
        self._connection = connect_with_retry(
            lambda: self._connect(specification), explain=lambda error: explain_connection(error, secret)
        )
        self._silence = Silence(self._connection.pgconn, longest_silence(specification.limits))
        try:
            self._native = choose_decoder(postgresql_native.libpq) == "native"
            self._passthrough = specification.format.passthrough
            with self._explained():
                self._settle(specification, interval)
                server_encoding = self._connection.info.parameter_status("server_encoding") or ""
                check_encoding(specification.encoding, server=server_encoding)
                self._encoding = specification.encoding
                self._raw = server_encoding == SQL_ASCII and not self._passthrough
                self._open(specification, interval)
        except BaseException:
            self.close()
            raise

    @property
    def decoder(self) -> str:
        """What makes values of the server's bytes: `native`, `python`, or nothing, `passthrough`."""
        return "passthrough" if self._passthrough else "native" if self._native else "python"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow batches, cut by bytes; raises Failure when the database breaks off."""
        pgconn, size = self._connection.pgconn, batch_bytes(len(self.columns))
        with self._explained():
            if self._passthrough:
                lines = postgresql_native if self._native else postgresql_csv
                batches = lines.line_batches(pgconn, self._copy, self.columns, batch_bytes=size)
            else:
                batches = self._decoded(pgconn, size)
            yield from self._silence.watch(batches)
            if newer := newer_tables(self._connection):
                raise newer_than_snapshot(newer)
            self._connection.execute("commit")

    def _decoded(self, pgconn: PGconn, size: int) -> Iterator[pa.RecordBatch]:
        decode = postgresql_native if self._native else postgresql_copy
        columns = self.columns if self._encoding is None else as_bytes(self.columns)
        batches: Iterator[pa.RecordBatch] = decode.copy_batches(
            pgconn, self._copy, columns, self.refusals, batch_bytes=size
        )
        if self._encoding is None:
            return batches
        return transcoded(batches, self.columns, self.refusals, encoding=self._encoding)

    def close(self) -> None:
        """Cancel what still runs and give the connection back."""
        connection = self._connection
        self._silence.stop()
        if not connection.closed:
            if connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                with contextlib.suppress(psycopg.Error):
                    connection.cancel_safe(timeout=2)
            connection.close()
        if self._certificate:
            self._certificate.unlink(missing_ok=True)
            self._certificate = None

    def _connect(self, specification: Specification) -> psycopg.Connection[tuple[object, ...]]:
        secret = self._secret
        options: dict[str, str] = {}
        if secret.sslrootcert:
            if self._certificate is None:
                with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
                    file.write(secret.sslrootcert)
                self._certificate = Path(file.name)
            options["sslrootcert"] = str(self._certificate)
        elif secret.sslmode == "verify-full":
            options["sslrootcert"] = "system"
        return psycopg.connect(
            host=secret.host,
            port=secret.port,
            user=secret.username,
            password=secret.password,
            dbname=secret.dbname,
            sslmode=secret.sslmode,
            autocommit=True,
            prepare_threshold=None,
            client_encoding="UTF8",
            application_name=f"hybrid-etl {specification.pipeline}"[:63],
            connect_timeout=TRY_SECONDS,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=6,
            **options,  # type: ignore[arg-type]
        )

    def _begin(self, specification: Specification) -> Database:
        limits = specification.limits
        connection = self._connection
        self._begin_in_turn(specification)
        for name, value in {
            "statement_timeout": f"{int(limits.statement_timeout_seconds * 1000)}",
            "lock_timeout": f"{int(limits.lock_timeout_seconds * 1000)}",
            "idle_in_transaction_session_timeout": "0",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "iso_8601",
            "TimeZone": "UTC",
            "bytea_output": "hex",
            "extra_float_digits": "3",
            # A query that a policy would filter is then refused by the server, not answered in part
            # (PostgreSQL manual, "row_security").
            "row_security": "off",
            "standard_conforming_strings": "on",
        }.items():
            connection.execute("select set_config(%s, %s, true)", (name, value))
        function = (
            "pg_current_snapshot" if connection.info.server_version >= 130000 else "txid_current_snapshot"
        )
        row = connection.execute(
            f"select {function}()::text, now()::text, current_setting('server_version')"
        ).fetchone()
        assert row is not None
        snapshot, at, version = (str(value) for value in row)
        time = datetime.fromisoformat(at).astimezone(UTC).isoformat()
        return Database(
            engine="postgresql", version=version.split()[0], snapshot=snapshot, snapshot_time=time
        )

    def _open(self, specification: Specification, interval: Interval | None) -> None:
        """Begin and describe, with a snapshot that is not older than the tables that it shows.

        Raises Failure where tables are newer after each of several tries.
        """
        for _ in range(_TRIES):
            self.database = self._begin(specification)
            self.columns, query = self._describe(self._bound(specification, interval), specification)
            if self._raw:
                # Else the server itself refuses bytes that are no UTF-8, whatever the policy says.
                self._connection.execute("select set_config('client_encoding', 'SQL_ASCII', true)")
            if has_partitions(self._connection):
                planned = self._connection.pgconn.exec_(b"explain " + query)
                if planned.status != ExecStatus.TUPLES_OK:
                    raise from_result(planned, self._secret)
            newer = newer_tables(self._connection)
            if not newer:
                kind = b"csv" if self._passthrough else b"binary"
                self._copy = b"copy (\n" + query + b"\n) to stdout (format " + kind + b")"
                return
            emit("info", "Tables were changed while the run waited for them: it begins again.", tables=newer)
            self._connection.execute("rollback")
        raise newer_than_snapshot(newer)

    def _settle(self, specification: Specification, interval: Interval | None) -> None:
        """Wait, before the snapshot, until the interval is over and nothing may write into it any more."""
        watch = PostgresqlWatch(
            lambda *statement: self._connection.execute(*statement).fetchall(),
            version=self._connection.info.server_version,
        )
        self.facts |= settle(watch, specification, interval)

    def _bound(self, specification: Specification, interval: Interval | None) -> BoundQuery:
        """The query, limited to what the run reads."""
        if specification.incremental is not None and specification.row_security == "allow":
            inner = bind(
                specification.query,
                specification.parameters,
                interval,
                engine="postgresql",
                encoding=specification.encoding,
            )
            self._allow_row_security(inner)
        bounds, facts = postgresql_interval.bounds(
            self._connection,
            specification,
            interval,
            types=partial(types_of, self._connection, encoding=specification.encoding or UTF8),
            secret=self._secret,
        )
        self.facts |= facts
        limited = limit_rows(
            specification.query,
            bounds=bounds,
            part=specification.part,
            engine=ENGINE,
            most=specification.most_rows,
        )
        query = choose_columns(limited, specification.contract.columns, engine=ENGINE)
        return bind(
            query, specification.parameters, interval, engine="postgresql", encoding=specification.encoding
        )

    def _begin_in_turn(self, specification: Specification) -> None:
        """Begin the transaction that reads, with one of the source's locks where it has a limit.

        The lock is the transaction's, for a session's would stay with a pooler (pgbouncer in transaction
        mode) that gives the session to others; a round without a lock ends its transaction, and waits idle.
        """
        begin = "begin isolation level repeatable read read only"
        connections = specification.limits.connections
        key = int.from_bytes(source_digest(specification)[:4], signed=True)

        def take(number: int) -> bool:
            if number == 0:
                self._connection.execute(begin)
            row = self._connection.execute(
                "select pg_catalog.pg_try_advisory_xact_lock(%s::int4, %s::int4)", (key, number)
            ).fetchone()
            taken = bool(row and row[0])
            if not taken and number + 1 == connections:
                self._connection.execute("rollback")
            return taken

        if connections:
            acquire_source_lock(take, connections=connections)
        else:
            self._connection.execute(begin)

    def _describe(self, bound: BoundQuery, specification: Specification) -> tuple[list[Column], bytes]:
        pgconn = self._connection.pgconn
        if specification.row_security == "allow":
            self._allow_row_security(bound)
        result = describe_statement(pgconn, bound, self._secret)
        fields = [
            _Field(
                name=name,
                type=result.ftype(index),
                modifier=result.fmod(index),
                computed=result.ftable(index) == 0,
            )
            for index, name in enumerate(names_of(result, bound.encoding))
        ]
        if not fields:
            raise UserError("The query returns no columns; write a select.")
        check_names(specification.landing(field.name for field in fields))
        parameters = [result.param_type(index) for index in range(result.nparams)]
        types = types_of(
            self._connection,
            {field.type for field in fields} | set(parameters),
            encoding=bound.encoding,
        )
        columns = [
            passed_column(field.name, types[field.type])
            if self._passthrough
            else column_of(
                field.name,
                types[field.type],
                modifier=field.modifier,
                policy=specification.unrepresentable,
                decimal_width=specification.decimal_width,
                computed=field.computed,
            )
            for field in fields
        ]
        if specification.encoding:
            columns = as_scalars(columns)
        self.rounded = {column.name: column.scale for column in columns if column.expression == ROUNDED}
        query = self._with_parameters(bound, [types[oid] for oid in parameters])
        return columns, encoded(_select(query, columns), bound.encoding)

    def _allow_row_security(self, bound: BoundQuery) -> None:
        """Let policies filter the query where they would, and tell that they do."""
        text = encoded(bound.render(lambda number: f"${number + 1}"), bound.encoding)
        self._connection.execute("savepoint before_policies")
        if bound.encoding != UTF8:
            self._connection.execute("set local client_encoding to 'SQL_ASCII'")
        refused = self._connection.pgconn.prepare(b"", text, None)
        if bound.encoding != UTF8 and refused.status == ExecStatus.COMMAND_OK:
            self._connection.execute("set local client_encoding to 'UTF8'")
        if refused.status == ExecStatus.COMMAND_OK:
            return
        self._connection.execute("rollback to savepoint before_policies")
        if not is_row_security(refused):
            return
        self._connection.execute("select set_config('row_security', 'on', true)")
        self.database = replace(self.database, row_security=True)
        emit(
            "warning",
            f"Row-level security hides rows from {self._secret.username}: what its policies show, lands.",
        )

    def _with_parameters(self, bound: BoundQuery, types: list[ServerType]) -> str:
        """The query with its values in settings of this transaction: a COPY takes no parameters.

        The server's own type of a parameter makes the value mean what it would as `$1`. A long list that is
        all of an `in (…)` is one setting: PostgreSQL before 16 sorts all settings for each new one.
        Raises UserError for too many settings.
        """
        settings = 0

        def one(number: int) -> str:
            nonlocal settings
            value, cast = bound.values[number], types[number].qualified
            if value is None:
                return f"(null::{cast})"
            settings += 1
            if settings > MOST_SETTINGS:
                raise UserError(
                    f"The query has more than {MOST_SETTINGS} values outside of long lists: write them as "
                    "one list that is all of an `in`, in (:values), or join with a table that holds them."
                )
            self._set(number, _text(value), bound)
            return f"(pg_catalog.current_setting('hybrid_etl.p{number}')::{cast})"

        def of_list(numbers: list[int]) -> str | None:
            first = types[numbers[0]]
            # An array of arrays would be unnested to its last element.
            plain = first.builtin and first.element is None
            if not plain or len(numbers) <= SHORT_LIST or any(types[number] != first for number in numbers):
                return None
            elements = (_text(bound.values[number]) for number in numbers)
            self._set(numbers[0], f"{{{','.join(map(_element, elements))}}}", bound)
            setting = f"pg_catalog.current_setting('hybrid_etl.p{numbers[0]}')"
            return f"select pg_catalog.unnest({setting}::{first.qualified}[])"

        return bound.render(one, of_list=of_list)

    def _set(self, number: int, text: str, bound: BoundQuery) -> None:
        # Bytes of an encoding are no UTF-8 to the server; in hexadecimal they pass whatever the client's is.
        self._connection.execute(
            "select set_config(%s, convert_from(decode(%s, 'hex'), %s), true) is null",
            (
                f"hybrid_etl.p{number}",
                encoded(text, bound.encoding).hex(),
                SQL_ASCII if self._raw else "UTF8",
            ),
        )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EtlError:
            raise
        except CopyRefused as refused:
            raise from_result(refused.result, self._secret) from None
        except psycopg.Error as error:
            if self._silence.over:
                raise Failure(
                    f"PostgreSQL at {self._secret.address} owed an answer and was silent for longer than "
                    "statement_timeout_seconds and a minute; look at the server and run again."
                ) from error
            raise explain(error, self._secret) from error
        except OSError as error:
            raise Failure(
                f"The connection to PostgreSQL at {self._secret.address} broke ({error.strerror}); run again."
            ) from error


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A described column: its type's oid and modifier; `computed`: no column of a table stands behind it."""

    name: str
    type: int
    modifier: int
    computed: bool


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _element(text: str) -> str:
    """An element of an array's text (PostgreSQL manual, "Array Input and Output Syntax")."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _select(query: str, columns: list[Column]) -> str:
    if all(column.expression is None for column in columns):
        return query
    parts = []
    for column in columns:
        name = '"' + column.name.replace('"', '""') + '"'
        parts.append(
            f"{column.expression.format('q.' + name)} as {name}" if column.expression else f"q.{name}"
        )
    return f"select {', '.join(parts)} from (\n{query}\n) q"
