"""What a run says of a secret, of a connection and of what is still open, without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pymysql  # type: ignore[import-untyped]
import pytest

from hybrid_etl.errors import EtlError, Failure, Fault, UserError
from hybrid_etl.readers.mysql import errors as of_mysql
from hybrid_etl.readers.postgresql.errors import explain_connection
from hybrid_etl.secret import Secret
from hybrid_etl.settling import Open

_NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _secret(host: str = "db.example") -> Secret:
    content = {"host": host, "username": "etl", "password": "p4ssword", "dbname": "shop"}
    return Secret.parse(json.dumps(content), where="of the source", default_port=5432)


@pytest.mark.parametrize(
    ("host", "by_socket", "address"),
    [
        ("db.example", False, "db.example:5432/shop"),
        ("/var/run/postgresql", True, "/var/run/postgresql:5432/shop"),
    ],
)
def test_a_path_is_a_socket_and_a_name_is_not(host: str, by_socket: bool, address: str) -> None:
    secret = _secret(host)

    assert (secret.by_socket, secret.address) == (by_socket, address)


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (
            'FATAL:  password authentication failed for user "etl"\nand a second line',
            UserError,
            'refuses the connection: FATAL:  password authentication failed for user "etl". Correct',
        ),
        (
            "Connection refused\nIs the server running?",
            Failure,
            "cannot be reached: Connection refused. Check",
        ),
        ("FATAL:  the database system is starting up", Failure, "is starting up. Check that it runs"),
        ("", Failure, "cannot be reached: OperationalError. Check"),
    ],
)
def test_a_refusal_is_the_user_s_and_what_passes_is_tried_again(
    said: str, kind: type[EtlError], told: str
) -> None:
    # Given what libpq says of a connection that did not come about
    found = explain_connection(psycopg.OperationalError(said), _secret())

    # Then its first line is told, with whose fault it is
    assert type(found) is kind
    assert told in str(found)
    assert "second line" not in str(found)


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (
            pymysql.err.InternalError("Packet sequence number wrong"),
            Failure,
            "broke the connection (InternalError)",
        ),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            Failure,
            "cannot be reached: Connection reset by peer",
        ),
        (FileNotFoundError(2, "No such file or directory"), UserError, "names a socket that must be there"),
        (KeyError("x"), Fault, "cannot be talked to (KeyError)"),
    ],
    ids=repr,
)
def test_an_error_without_a_number_is_told_by_its_kind(
    error: Exception, kind: type[EtlError], told: str
) -> None:
    found = of_mysql.explain(error, _secret())

    assert type(found) is kind
    assert told in str(found)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Open(count=1), "1 transactions"),
        (
            Open(count=2, since=_NOW - timedelta(seconds=90), who="pid 7"),
            "2 transactions, the oldest for 90 s (pid 7)",
        ),
        (Open(count=3, what="transactions of other users"), "3 transactions of other users"),
    ],
)
def test_what_is_open_is_told_with_its_age_where_that_is_known(found: Open, said: str) -> None:
    assert found.sentence(_NOW) == said
