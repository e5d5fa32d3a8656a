"""MySQL's and MariaDB's refusals as one sentence: what the user can correct, and what only failed.

Error numbers: MySQL Server Error Message Reference. Only messages known to name no value of a row are told.
"""

from __future__ import annotations

import ssl

import pymysql  # type: ignore[import-untyped]

from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.secret import Secret

_ACCESS = {1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1370, 1698, 3118, 4151}
_QUERY = {
    1051,
    1052,
    1054,
    1055,
    1056,
    1060,
    1064,
    1091,
    1109,
    1111,
    1140,
    1146,
    1222,
    1248,
    1267,
    1305,
    1318,
}
_DATA = {1264, 1292, 1365, 1366, 1367, 1406, 1411, 1690, 1305, 3140, 3141, 3143, 4037, 4038}
_TIMEOUTS = {1969: "max_statement_time", 3024: "max_execution_time", 1205: "innodb_lock_wait_timeout"}


def explain(error: Exception, secret: Secret) -> EtlError:
    """The fault of a connection or a statement: UserError for what the user can correct, else Failure."""
    where = f"The database at {secret.address}"
    number, message = _parts(error)
    if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in message:
        return UserError(
            f"{where} has a certificate that sslrootcert does not vouch for; correct one of them."
        )
    if number == 2026:
        return UserError(f"{where} offers no TLS, which the secret's sslmode asks for; correct one of them.")
    if number in _ACCESS:
        return UserError(
            f"{where} refuses {secret.username}: {message} ({number}). Correct the secret or the grants."
        )
    if number in _QUERY:
        return UserError(f"{where} refuses the query: {message} ({number}). Correct it.")
    if number in _DATA:
        return UserError(f"{where} cannot compute the query for a row (error {number}). Correct the query.")
    if number in _TIMEOUTS:
        return Failure(
            f"{where} ended the query after {_TIMEOUTS[number]} ({number}). Raise the limit or tune it."
        )
    if number in (2003, 2005):
        return Failure(
            f"{where} cannot be reached ({number}). Check that it runs and that this machine may reach it."
        )
    if number:
        return Failure(f"{where} failed with error {number}. Look at the server and run again.")
    return Failure(
        f"{where} broke the connection ({type(error).__name__}). Look at the server and run again."
    )


def _parts(error: Exception) -> tuple[int, str]:
    if isinstance(error, pymysql.MySQLError) and len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error)
