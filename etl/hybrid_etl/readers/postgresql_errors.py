"""PostgreSQL's refusals as one sentence: what the user can correct, and what only failed.

The SQLSTATE classes are those of the PostgreSQL manual, appendix A. A message of class 22 or 23 may quote
a value of a row, so only its SQLSTATE and condition are told.
"""

from __future__ import annotations

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.secret import Secret

_USER_CLASSES = ("0A", "22", "23", "28", "2F", "39", "3D", "3F", "42", "54", "P0")
_SPEAKING_CLASSES = ("0A", "28", "3D", "3F", "42", "53", "54", "55", "57")
_REFUSED = (
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
    said = message if state[:2] in _SPEAKING_CLASSES else condition
    if state == "57014":
        return Failure(
            f"{where} ended the query: {said} (SQLSTATE 57014). Raise statement_timeout_seconds or tune it."
        )
    if state == "55P03":
        return Failure(f"{where}: {said} (SQLSTATE 55P03). Another session holds the lock; run again later.")
    if state == "42501" and "row-level security" in message:
        return UserError(
            f"{where}: {message} (SQLSTATE 42501), so {secret.username} would see a part of it. Read it "
            "with a role that has BYPASSRLS, or set row_security: allow to land what the policy shows."
        )
    if state[:2] in _USER_CLASSES:
        return UserError(
            f"{where} refuses the query: {said} (SQLSTATE {state}). Correct the query or its grants."
        )
    return Failure(f"{where} failed: {said} (SQLSTATE {state}). Look at the server and run again.")
