"""Passwords, names, sockets, shapes of secrets; an end to every wait, and who else answers."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from etl_process import Database, Etl

from hybrid_etl.errors import Failure, UserError
from hybrid_etl.readers import open_reader, retry
from hybrid_etl.readers.answer_timeout import longest_silence
from hybrid_etl.readers.connecting import dial, who_answers
from hybrid_etl.readers.mysql import reader as mysql_reader
from hybrid_etl.readers.mysql.errors import explain
from hybrid_etl.readers.postgresql import reader as postgresql_reader
from hybrid_etl.readers.postgresql.errors import explain_connection
from hybrid_etl.readers.retry import connect_with_retry
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification

_PASSWORDS = [
    "plain",
    "é",
    "€uro",
    "with space ",
    " ' \" \\ ` % $ #",
    "日本語🔑",
    "ﬁ\u00a0x",
    "a=b host=evil",
    "x" * 200,
]


def _login(database: Database, secret: dict[str, object]) -> None:
    """Connect as the container does, and raise what it would say."""
    found = Secret.parse(json.dumps(secret), where="name", default_port=1, engine=database.engine)
    if database.engine == "postgresql":
        reader = object.__new__(postgresql_reader.PostgresqlReader)
        reader._certificate, specification = None, SimpleNamespace(pipeline="p")
        reader._secret = found
        connect_with_retry(
            lambda: reader._connect(specification),  # type: ignore[arg-type]
            explain=lambda error: explain_connection(error, found),
        ).close()
    else:
        other = object.__new__(mysql_reader.MysqlReader)
        other._secret, other._longest_silence = found, 60.0
        connect_with_retry(other._connect, explain=lambda error: explain(error, found)).close()


def test_postgresql_takes_every_password_and_name(postgresql: Database) -> None:
    for plugin in ("scram-sha-256", "md5"):
        for number, password in enumerate(_PASSWORDS):
            user = f"ünï '\"{plugin}{number}\\"
            quoted, text = user.replace('"', '""'), password.replace("'", "''")
            postgresql.say(
                f"set password_encryption = '{plugin}'; create role \"{quoted}\" login password '{text}'"
            )
            secret = postgresql.secret | {"username": user, "password": password}
            if plugin == "md5":  # the server's access rules ask for SCRAM: refused, at once
                with pytest.raises(UserError):
                    _login(postgresql, secret)
            else:
                _login(postgresql, secret)
                with pytest.raises(UserError):
                    _login(postgresql, secret | {"password": password + "é"})
            postgresql.say(f'drop role "{quoted}"')


_PLUGINS = {"mariadb": ["mysql_native_password"], "mysql": ["caching_sha2_password", "sha256_password"]}


def _as_root(database: Database, statement: str) -> None:
    with pymysql.connect(
        unix_socket=f"{database.server.directory}/server.sock", user="root", charset="utf8mb4"
    ) as connection:
        connection.query(statement)


def test_mysql_takes_every_password_and_name(each_database: Database) -> None:
    if each_database.engine == "postgresql":
        pytest.skip("told above")
    each_database.say("create database if not exists `dätäbase`")
    for plugin in _PLUGINS[each_database.engine]:
        for number, password in enumerate(_PASSWORDS):
            user, text = f"ünï{number}", password.replace("\\", "\\\\").replace("'", "''")
            said = f"via {plugin} using password('{text}')"
            if each_database.engine == "mysql":
                said = f"with {plugin} by '{text}'"
            _as_root(each_database, f"create user '{user}'@'%' identified {said}")
            _as_root(each_database, f"grant all on *.* to '{user}'@'%'")
            secret = each_database.secret | {"username": user, "password": password, "dbname": "dätäbase"}
            try:
                for sslmode in ("prefer", "disable"):
                    _login(each_database, secret | {"sslmode": sslmode})
                with pytest.raises(UserError):
                    _login(each_database, secret | {"password": password + "é"})
            finally:
                _as_root(each_database, f"drop user '{user}'@'%'")


def test_a_login_that_the_container_has_not_is_told_at_once(etl: Etl, mariadb: Database) -> None:
    mariadb.say("install soname 'auth_ed25519'")
    mariadb.say("create user modern@'%%' identified via ed25519 using password('x')", ())
    outcome = etl.run(mariadb, secret=mariadb.secret | {"username": "modern", "password": "x"})
    mariadb.say("drop user modern@'%%'", ())
    assert outcome.code == 2, outcome.lines
    assert "ed25519" in outcome.message


def test_a_unix_socket_is_a_way_to_the_database(etl: Etl, each_database: Database) -> None:
    folder = each_database.server.directory
    host = {"postgresql": folder}.get(each_database.engine, folder / "server.sock")
    hosts = [str(host)]
    if each_database.engine == "postgresql":
        hosts.append(f"{folder}/.s.PGSQL.{each_database.server.port}")
    for name in hosts:
        outcome = etl.run(each_database, secret=each_database.secret | {"host": name})
        assert outcome.code == 0, outcome.lines
    encrypted = etl.run(
        each_database, secret=each_database.secret | {"host": str(host), "sslmode": "require"}
    )
    assert encrypted.code == 2
    assert "no TLS" in encrypted.message


def test_a_socket_that_is_not_there_is_the_users(etl: Etl, mariadb: Database) -> None:
    outcome = etl.run(mariadb, secret=mariadb.secret | {"host": "/nowhere/mysqld.sock"})
    assert outcome.code == 2, outcome.lines
    assert "mounted" in outcome.message


_RDS = {"host": "db", "username": "u", "password": "p", "dbname": "d", "port": 3306}


def _parse(document: dict[str, Any], engine: str = "mysql") -> Secret:
    return Secret.parse(json.dumps(document), where="name", default_port=3306, engine=engine)


@pytest.mark.parametrize(
    "document",
    [
        {"host": "db", "username": "u", "password": "p", "database": "d"},
        {"host": "db ", "user": "u", "password": "p", "db": "d", "port": "3306"},
        {**_RDS, "engine": "mysql", "dbInstanceIdentifier": "x"},
        {**_RDS, "engine": "aurora-mysql", "dbClusterIdentifier": "x", "masterarn": "arn:x"},
        {**_RDS, "engine": "mariadb", "database": "d"},
    ],
)
def test_shapes_of_secrets_that_are_about_are_read(document: dict[str, Any]) -> None:
    found = _parse(document)
    assert (found.host, found.port, found.username, found.password, found.dbname) == (
        "db",
        3306,
        "u",
        "p",
        "d",
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"username": "u", "password": "p"}, "RDS manages"),
        (
            {"host": "h", "username": "u", "password": "p", "dbInstanceIdentifier": "i"},
            "RDS writes only where",
        ),
        ({**_RDS, "engine": "postgres"}, "engine is mysql"),
        ({**_RDS, "engine": "oracle"}, "another engine"),
        ({**_RDS, "database": "other"}, "dbname and database differ"),
        ({**_RDS, "user": "other"}, "username and user differ"),
        ({**_RDS, "port": True}, "port"),
        ({**_RDS, "port": 70000}, "port"),
        ({**_RDS, "password": ["x"]}, "password is not a text"),
        ({**_RDS, "password": "p\x00q"}, "password holds a character"),
        ({**_RDS, "username": "\ud800"}, "username holds a character"),
        ({**_RDS, "host": "db:3306"}, "port"),
        ({**_RDS, "host": "mysql://db"}, "more than a name"),
        ({**_RDS, "sslrootcert": 1}, "sslrootcert"),
        ({**_RDS, "host": "/run/x.sock", "sslmode": "verify-full"}, "no TLS"),
    ],
)
def test_a_secret_that_cannot_be_right_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        _parse(document)


@contextlib.contextmanager
def _stand_in(answer: Callable[[socket.socket], None]) -> Iterator[Secret]:
    """A server that does what `answer` does with each connection, then stays silent."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        held: list[socket.socket] = []

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    held.append(connection)
                    threading.Thread(target=lambda c=connection: _quietly(answer, c), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            port = listener.getsockname()[1]
            yield Secret(host="127.0.0.1", port=port, username="u", password="p", dbname="d")
        finally:
            over.set()
            thread.join()
            for connection in held:
                connection.close()


def _quietly(answer: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        answer(connection)


def _http(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _greets(connection: socket.socket, *, tls: bool = False) -> None:
    flags = 0x00088201 | 0xA200 | (0x0800 if tls else 0)
    body = b"\x0a8.0.0\x00" + b"\x01\0\0\0" + b"12345678\0" + flags.to_bytes(4, "little")[:2] + b"\x2d\x02\0"
    body += flags.to_bytes(4, "little")[2:] + b"\x15" + bytes(10) + b"123456789012\0mysql_native_password\0"
    connection.sendall(len(body).to_bytes(3, "little") + b"\0" + body)


_STALLS: dict[str, Callable[[socket.socket], None]] = {
    "never greets": lambda _: None,
    "stalls in the login": _greets,
    "stalls in TLS": lambda connection: _greets(connection, tls=True),
    "greets by the byte": lambda connection: [  # type: ignore[func-returns-value]
        (
            connection.sendall(b"\x40" if n == 0 else b"\0\0\0\x0a"[n - 1 : n] if n < 4 else b"\x0a"),
            time.sleep(0.2),
        )
        for n in range(60)
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("stall", _STALLS)
def test_a_mysql_that_stalls_is_given_up(stall: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_reader, "TRY_SECONDS", 1.0)
    monkeypatch.setattr(mysql_reader, "dial", lambda secret: dial(secret, seconds=1.0))
    monkeypatch.setattr("hybrid_etl.readers.connecting.GREETING_SECONDS", 0.3)
    monkeypatch.setattr(retry, "TRIES", 2)
    with _stand_in(_STALLS[stall]) as secret:
        reader = object.__new__(mysql_reader.MysqlReader)
        reader._secret, reader._longest_silence = secret, None
        began = time.monotonic()
        with pytest.raises(Failure, match=r"Tried 2 times in \d+ s"):
            connect_with_retry(
                reader._connect, explain=lambda error: explain(error, secret), sleep=lambda _: None
            )
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_web_server_is_told_as_what_it_is(etl: Etl, engine: str) -> None:
    with _stand_in(_http) as secret:
        outcome = etl.finish(etl.start("run", etl.specify(engine=engine), secret=_document(secret)))
    assert outcome.code == 2, outcome.lines
    assert "an HTTP server" in outcome.message
    assert outcome.seconds < 10


def _document(secret: Secret) -> dict[str, object]:
    return {name: getattr(secret, name) for name in ("host", "port", "username", "password", "dbname")}


@pytest.mark.parametrize("sslmode", ["prefer", "disable"])
def test_a_secret_of_the_other_engine_is_told_at_once(
    etl: Etl, postgresql: Database, mariadb: Database, sslmode: str
) -> None:
    one = etl.run(mariadb, secret=postgresql.secret | {"sslmode": sslmode})
    other = etl.run(postgresql, secret=mariadb.secret | {"sslmode": sslmode})
    assert (one.code, other.code) == (2, 2), (one.lines, other.lines)
    assert "answers PostgreSQL" in one.message
    assert "answers MySQL or MariaDB" in other.message
    assert max(one.seconds, other.seconds) < 10


def test_who_answers_is_known(postgresql: Database, each_database: Database) -> None:
    found = who_answers(Secret(**each_database.secret))  # type: ignore[arg-type]
    assert found == ("PostgreSQL" if each_database.engine == "postgresql" else "MySQL or MariaDB")


def test_of_several_addresses_the_first_may_be_dead(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    port = mariadb.server.port

    def two(host: Any, *arguments: Any, **options: Any) -> Any:
        found = real("127.0.0.1", port, 0, socket.SOCK_STREAM)
        return [(*found[0][:4], ("127.0.0.1", 1)), *found]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    dial(Secret(**mariadb.secret | {"host": "db.example"})).close()  # type: ignore[arg-type]


def test_a_server_that_falls_silent_in_a_query_is_given_up(
    etl: Etl, each_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a server whose own limit does not hold, for the whole of it is stopped
    sleep = "pg_sleep(30)::text" if each_database.engine == "postgresql" else "sleep(30)"
    digest = etl.specify(
        each_database,
        query=f"select {sleep} as nothing",
        limits={"statement_timeout_seconds": 0, "lock_timeout_seconds": 5},
    )
    monkeypatch.setattr("hybrid_etl.readers.answer_timeout.MARGIN_SECONDS", 1.0)
    content = (etl.directory / "specifications" / f"{digest}.json").read_bytes()
    specification = Specification.parse(content, digest=digest, where="here")
    limited = replace(specification, limits=replace(specification.limits, statement_timeout_seconds=1))
    secret = Secret.parse(json.dumps(each_database.secret), where="n", default_port=1)
    monkeypatch.setattr(postgresql_reader, "longest_silence", lambda _: longest_silence(limited.limits))
    monkeypatch.setattr(mysql_reader, "longest_silence", lambda _: longest_silence(limited.limits))
    # When
    began = time.monotonic()
    with pytest.raises(Failure, match=r"silent|timed out"):
        list(open_reader(specification, secret, None).batches())
    # Then
    assert time.monotonic() - began < 10


def test_what_no_try_mends_is_not_tried_again() -> None:
    secret = Secret(host="db", port=1, username="u", password="p", dbname="d")
    tries: list[int] = []

    def connect() -> None:
        tries.append(1)
        raise UnicodeEncodeError("ascii", "x", 0, 1, "no")

    for judge in (explain, explain_connection):
        with pytest.raises(UserError):
            connect_with_retry(connect, explain=lambda error, judge=judge: judge(error, secret))  # type: ignore[misc]
    assert len(tries) == 2


def test_how_often_it_is_tried_is_set_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError("refused")

    def tried(tries: str) -> str:
        monkeypatch.setenv("HYBRID_CONNECT_TRIES", tries)
        with pytest.raises((Failure, UserError)) as ended:
            connect_with_retry(refused, explain=lambda error: Failure(f"{error}."), sleep=lambda _: None)
        return str(ended.value)

    assert "Tried 3 times" in tried("3")
    assert "Tried 6 times" in tried("")
    assert tried("none") == "HYBRID_CONNECT_TRIES is 'none'; it must be a number of at least 1."
    assert "it must be a number of at least 1" in tried("0")


def test_a_database_that_is_not_there_is_told_by_its_key(etl: Etl, each_database: Database) -> None:
    outcome = etl.run(each_database, secret=each_database.secret | {"dbname": "nowhere"})

    assert outcome.code == 2, outcome.lines
    assert "nowhere" in outcome.message
    assert "Correct" in outcome.message
    assert "secret" in outcome.message
    assert "query" not in outcome.message.partition("Correct dbname")[0]
