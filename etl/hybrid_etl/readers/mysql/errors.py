"""MySQL's and MariaDB's refusals as one sentence: what the user can correct, and what only failed."""

from __future__ import annotations

import ssl

import pymysql  # type: ignore[import-untyped]

from hybrid_etl.errors import EtlError, Failure, Fault, UserError
from hybrid_etl.readers.error_kinds import ErrorKind
from hybrid_etl.readers.mysql.codes import ACCESS, DATA, NO_SUCH_DATABASE, TIMEOUTS, TOLD, error_kind
from hybrid_etl.secret import Secret


def explain(error: Exception, secret: Secret) -> EtlError:
    """The fault of a connection or a statement: UserError for what the user can correct, else Failure.

    A Fault is a Failure that no other try mends at once.
    """
    where = f"The database at {secret.address}"
    number, message = _parts(error)
    if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in message:
        return UserError(
            f"{where} has a certificate that sslrootcert does not vouch for; correct one of them."
        )
    if number == 2026:
        return UserError(f"{where} offers no TLS, which the secret's sslmode asks for; correct one of them.")
    if number in (2003, 2005):
        return _unreached(error, where)
    if number:
        return _refused(number, message, where, secret)
    return _without_number(error, where)


def _refused(number: int, message: str, where: str, secret: Secret) -> EtlError:
    said = f"{message} ({number})" if number in TOLD else f"error {number}"
    if number in TIMEOUTS:
        return Failure(
            f"{where} ended the query after {TIMEOUTS[number]} ({number}). Raise the limit or tune it."
        )
    found = error_kind(number)
    if number == NO_SUCH_DATABASE:
        return UserError(
            f"{where}: {said}. Correct dbname of the secret, or the database that the query names."
        )
    if number in ACCESS:
        return UserError(f"{where} refuses {secret.username}: {said}. Correct the secret or the grants.")
    if number in DATA:
        return UserError(f"{where} cannot compute the query for a row (error {number}). Correct the query.")
    if found is ErrorKind.USER:
        return UserError(
            f"{where} refuses the query: {said}. Correct the query, or what it reads at the server."
        )
    if found is ErrorKind.WAIT:
        return Failure(f"{where} cannot do it now: {said}. Run again later.")
    return Fault(f"{where} failed with {said}. Look at the server and run again.")


def _without_number(error: Exception, where: str) -> EtlError:
    if isinstance(error, TimeoutError) or (
        isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
    ):
        return _unreached(error, where)
    if isinstance(error, RuntimeError) and "ed25519" in str(error):
        return UserError(
            f"{where} wants the login of client_ed25519, which this container has not; "
            "give its user mysql_native_password or caching_sha2_password."
        )
    if isinstance(error, ValueError):
        return UserError(
            f"{where} takes no password as long as this one without TLS; shorten it, or use TLS."
        )
    if isinstance(error, pymysql.MySQLError | OSError):
        return Failure(
            f"{where} broke the connection ({type(error).__name__}). Look at the server and run again."
        )
    return Fault(f"{where} cannot be talked to ({type(error).__name__}). Look at the server and run again.")


def _unreached(error: Exception, where: str) -> EtlError:
    cause = getattr(error, "original_exception", error)
    if isinstance(cause, PermissionError | FileNotFoundError | IsADirectoryError):
        return UserError(
            f"{where} cannot be reached: {cause.strerror}. host names a socket that must be there, mounted "
            "into the container, and open to its user."
        )
    why = str(cause) if isinstance(cause, TimeoutError) else getattr(cause, "strerror", None)
    return Failure(
        f"{where} cannot be reached: {why or type(cause).__name__}. "
        "Check that it runs and that this machine may reach it."
    )


def _parts(error: Exception) -> tuple[int, str]:
    if isinstance(error, pymysql.MySQLError) and len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error)
