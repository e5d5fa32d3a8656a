"""What PostgreSQL says of a query before it is run, and of what type it takes each parameter to be."""

from __future__ import annotations

from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from hybrid_etl.errors import UserError
from hybrid_etl.query import BoundQuery
from hybrid_etl.readers.postgresql.errors import from_result
from hybrid_etl.secret import Secret
from hybrid_etl.text_encoding import UTF8, decoded_name, encoded

_INTERVAL, _TIMESTAMPTZ = 1186, 1184
_UNDECIDED = {"42725", "42P18", "42883", "42P08"}
"""Ambiguous function or operator, indeterminate type, no such function, conflicting types (appendix A)."""


def describe_statement(pgconn: PGconn, bound: BoundQuery, secret: Secret) -> PGresult:
    """Prepare and describe a query; `:from` and `:to` are instants where the server would take them for none.

    In `:from - interval '1 day'` the server takes the unknown operand for an interval as well, and in
    `:to - :from` it knows neither (manual, "Operator Type Resolution").
    Raises EtlError as the server refuses.
    """
    if bound.encoding == UTF8:
        return _described(pgconn, bound, secret)
    # The server would else hold the query and the names of its columns to be UTF-8.
    pgconn.exec_(b"set local client_encoding to 'SQL_ASCII'")
    result = _described(pgconn, bound, secret)
    pgconn.exec_(b"set local client_encoding to 'UTF8'")
    return result


def names_of(result: PGresult, encoding: str) -> list[str]:
    """The names of a description's columns; raises UserError for one that is not of the encoding."""
    return [decoded_name(result.fname(index), encoding) for index in range(result.nfields)]


def _described(pgconn: PGconn, bound: BoundQuery, secret: Secret) -> PGresult:
    instants = [name in ("from", "to") for name in bound.names]
    if not any(instants):
        return _done(_describe(pgconn, bound, None), bound, secret)
    pgconn.exec_(b"savepoint hybrid_etl")
    plain = _describe(pgconn, bound, None)
    if not _misunderstood(plain, instants):
        return _done(plain, bound, secret)
    pgconn.exec_(b"rollback to savepoint hybrid_etl")
    typed = _describe(pgconn, bound, [_TIMESTAMPTZ if instant else 0 for instant in instants])
    return _done(typed if typed.status == ExecStatus.COMMAND_OK else plain, bound, secret)


def _describe(pgconn: PGconn, bound: BoundQuery, types: list[int] | None) -> PGresult:
    text = bound.render(lambda number: f"${number + 1}")
    prepared = pgconn.prepare(b"", encoded(text, bound.encoding), types)
    return prepared if prepared.status != ExecStatus.COMMAND_OK else pgconn.describe_prepared(b"")


def _misunderstood(result: PGresult, instants: list[bool]) -> bool:
    if result.status != ExecStatus.COMMAND_OK:
        return _state(result) in _UNDECIDED
    return any(
        instant and result.param_type(number) == _INTERVAL
        for number, instant in enumerate(instants[: result.nparams])
    )


def _done(result: PGresult, bound: BoundQuery, secret: Secret) -> PGresult:
    if result.status == ExecStatus.COMMAND_OK:
        return result
    fault = from_result(result, secret)
    if bound.names and _state(result) in _UNDECIDED:
        name = bound.names[0]
        cast = "timestamptz" if name in ("from", "to") else "int"
        raise UserError(
            f"{fault} A parameter has no type of its own: write a cast where the server cannot tell, "
            f"as in :{name}::{cast}."
        )
    raise fault


def _state(result: PGresult) -> str:
    return (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
