"""PostgreSQL's refusals as one sentence: what the user can correct, and what only failed.

The SQLSTATE classes are those of the PostgreSQL manual, appendix A. A message of class 22 or 23 may quote
a value of a row, so only its SQLSTATE and condition are told.
"""

from __future__ import annotations

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from hybrid_etl.errors import EtlError, Failure, Fault, UserError
from hybrid_etl.readers.connecting import other_server, who_answers
from hybrid_etl.readers.error_kinds import ErrorKind
from hybrid_etl.readers.postgresql.codes import TOLD, error_kind
from hybrid_etl.secret import Secret

_ADVICE = {
    "57014": "ended the query: {said}. Raise statement_timeout_seconds or tune it.",
    "55P03": "has a lock that another session holds: {said}. Run again later.",
    # A read-only transaction of repeatable read never fails to serialise but by the replay of a standby.
    "40001": "is a standby whose replay had to remove what the query still reads: {said}. Set "
    "hot_standby_feedback on the standby, raise its max_standby_streaming_delay, or read the primary.",
}
_POOLER: dict[str, tuple[type[EtlError], str]] = {
    "statement pooling": (
        UserError,
        "is behind pgbouncer in statement mode, which has no transactions: {said}. Use its transaction or "
        "session mode for this user or database, or the server itself.",
    ),
    "query_wait_timeout": (
        Failure,
        "is behind pgbouncer, whose connections were all in use until query_wait_timeout: {said}. Give the "
        "pool more connections than the source has, or run again later.",
    ),
}
"""What pgbouncer says itself, all of it with SQLSTATE 08P01 (its source, 1.18)."""
_REFUSED = (
    "unsupported startup parameter",
    "authentication failed",
    "no pg_hba.conf entry",
    "does not exist",
    "no password supplied",
    "certificate",
    "does not support SSL",
    "not permitted to log in",
    "permission denied",
    "could not translate host name",
    "sslmode",
)
_OTHER_PROTOCOLS = (
    "invalid response to SSL negotiation",
    "expected authentication request",
    "lost synchronization",
)
_SHORTAGES = ("too many", "remaining connection slots", "starting up", "shutting down", "Temporary failure")


def from_result(result: PGresult, secret: Secret) -> EtlError:
    """The fault of a failed result."""
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    message = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode("utf-8", "replace")
    return _sentence(state, message, secret)


def is_row_security(result: PGresult) -> bool:
    """Whether a result is the refusal of a query that a policy of row-level security would filter."""
    state = result.error_field(DiagnosticField.SQLSTATE) or b""
    message = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
    return state == b"42501" and b"row-level security" in message


def explain(error: psycopg.Error, secret: Secret) -> EtlError:
    """The fault of a failed statement or a lost connection."""
    if error.sqlstate:
        return _sentence(error.sqlstate, error.diag.message_primary or "", secret)
    return Failure(
        f"The connection to PostgreSQL at {secret.address} broke; look at the server and run again."
    )


def explain_connection(error: Exception, secret: Secret) -> EtlError:
    """The fault of a connection that did not come about.

    libpq gives no SQLSTATE for it, so the English text decides; in doubt it is a Failure, which is retried.
    """
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    where = f"PostgreSQL at {secret.address} as {secret.username}"
    if any(word in text for word in _OTHER_PROTOCOLS):
        found = who_answers(secret) or "something that does not speak PostgreSQL's protocol"
        if found != "PostgreSQL":
            return other_server(secret, found)
    if isinstance(error, UnicodeError | ValueError):
        return UserError(f"{where}: the secret holds a character that PostgreSQL does not take; correct it.")
    refused = any(word in text for word in _REFUSED) and not any(word in text for word in _SHORTAGES)
    if refused:
        return UserError(
            f"{where} refuses the connection: {text}. Correct the secret or the server's access rules."
        )
    return Failure(
        f"{where} cannot be reached: {text}. Check that it runs and that this machine may reach it."
    )


def _sentence(state: str, message: str, secret: Secret) -> EtlError:
    where = f"PostgreSQL at {secret.address}"
    try:
        condition = errors.lookup(state).__name__
    except KeyError:
        condition = "error"
    said = f"{message if state[:2] in TOLD else condition} (SQLSTATE {state})"
    for words, (kind, advice) in _POOLER.items():
        if words in message:
            return kind(f"{where} {advice.format(said=said)}")
    if state in _ADVICE:
        return Failure(f"{where} {_ADVICE[state].format(said=said)}")
    if state == "42501" and "row-level security" in message:
        return UserError(
            f"{where}: {said}, so {secret.username} would see a part of it. Read it "
            "with a role that has BYPASSRLS, or set row_security: allow to land what the policy shows."
        )
    found = error_kind(state)
    if found is ErrorKind.USER:
        return UserError(f"{where} refuses the query: {said}. Correct the query, its objects or its grants.")
    if found is ErrorKind.WAIT:
        return Failure(f"{where} cannot do it now: {said}. Run again later.")
    return Fault(f"{where} failed: {said}. Look at the server and run again.")
