"""What MySQL and MariaDB show of others, as it is on real servers: replicas, restarts, texts of any bytes."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest
import servers
from etl_process import Database, Etl, Outcome
from sessions import CLOCK

ENGINES = pytest.mark.parametrize("engine", ["mariadb", "mysql"])
DAY = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z")


def connect(database: Database) -> Any:
    server = database.server
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password,
        database=server.dbname,
        init_command="set time_zone = '+00:00'",
        autocommit=True,
    )


def own(server: servers.Server) -> Database:
    def tell(query: str, values: Any = None) -> list[tuple[Any, ...]]:
        with connect(Database(server=server, say=tell)) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    return Database(server=server, say=tell)


@contextlib.contextmanager
def serve(engine: str, *settings: str) -> Iterator[Database]:
    """A server of the test's own."""
    if engine == "mariadb" and not servers.program("mariadbd"):
        pytest.skip("MariaDB's server programs are not installed (Debian: mariadb-server)")
    if engine == "mysql" and not servers.mysql_root().exists():
        pytest.skip("MySQL's server is not there (tests/etl/fetch_mysql.sh .hybrid/mysql fetches it)")
    with (
        tempfile.TemporaryDirectory(prefix="hybrid-etl-", ignore_cleanup_errors=True) as directory,
        getattr(servers, engine)(Path(directory), *settings) as server,
    ):
        yield own(server)


def now(database: Database) -> datetime:
    ((at,),) = database.say(CLOCK[database.engine])
    return at.replace(tzinfo=UTC)


def read(etl: Etl, database: Database, end: datetime, **changes: Any) -> Outcome:
    start = end - timedelta(hours=1)
    asked = {"query": "select * from late", "incremental_column": "at"} | changes
    return etl.run(database, "--from", start.isoformat(), "--to", end.isoformat(), **asked)


@ENGINES
@pytest.mark.parametrize(
    "statement",
    [
        b"select sleep(3), _binary'\xff\xfe\x80'",
        # The server shows the first 100 bytes, which end within a letter.
        ("select sleep(3), '" + "x" * 81 + "é" * 50 + "'").encode(),
        ("select sleep(3), '" + "😀" * 50 + "'").encode(),
    ],
    ids=["bytes", "cut letter", "cut emoji"],
)
def test_a_running_statement_may_hold_any_bytes(
    request: pytest.FixtureRequest, etl: Etl, engine: str, statement: bytes
) -> None:
    # Given another session's statement, which the list of processes shows
    database: Database = request.getfixturevalue(engine)
    database.say("drop table if exists late")
    database.say("create table late (id int, at datetime)")
    database.say("insert into late values (1, '2026-11-01 12:00:00')")
    with connect(database) as other:
        running = threading.Thread(target=other.query, args=(statement,))
        running.start()
        time.sleep(0.3)
        # When an interval is read meanwhile
        outcome = etl.run(database, *DAY, query="select * from late", incremental_column="at")
        running.join()
    # Then
    assert (outcome.code, outcome.manifest["rows"]) == (0, 1), outcome.lines


@ENGINES
def test_the_name_of_a_prepared_transaction_may_hold_any_bytes(
    request: pytest.FixtureRequest, etl: Etl, engine: str
) -> None:
    # Given what a transaction manager names in bytes of its own
    database: Database = request.getfixturevalue(engine)
    database.say("drop table if exists late")
    database.say("create table late (id int, at datetime)")
    name = "x'ff00fe80', x'80ff', 9"
    with connect(database) as writer:
        for statement in ("xa start {}", "insert into late values (1, now())", "xa end {}", "xa prepare {}"):
            writer.query(statement.format(name))
    try:
        # When an interval is read, it is waited for
        outcome = read(etl, database, now(database), settle_wait=0.5)
        assert outcome.code == 1, outcome.lines
        assert "there still may be written" in outcome.message
    finally:
        database.say(f"xa rollback {name}")


@ENGINES
def test_a_server_that_ends_sessions_with_their_transactions_is_read(
    request: pytest.FixtureRequest, etl: Etl, engine: str
) -> None:
    database: Database = request.getfixturevalue(engine)
    database.say("drop table if exists late")
    database.say("create table late (id int, at datetime)")
    database.say("set global completion_type = 2")  # RELEASE
    try:
        outcome = etl.run(database, *DAY, query="select * from late", incremental_column="at")
    finally:
        database.say("set global completion_type = 0")
    assert (outcome.code, outcome.manifest["rows"]) == (0, 0), outcome.lines


@pytest.mark.servers
@ENGINES
def test_a_transaction_that_a_restart_has_recovered_is_waited_for(etl: Etl, engine: str) -> None:
    with serve(engine) as database:
        server = database.server
        database.say("create table late (id int primary key, at datetime(6) not null)")
        # Given a transaction that was prepared within the interval, and a server that fell and came back
        with connect(database) as writer:
            for statement in (
                "xa start 'one'",
                "insert into late values (1, now(6))",
                "xa end 'one'",
                "xa prepare 'one'",
            ):
                writer.query(statement)
            time.sleep(1.5)  # until InnoDB has written its log, which it does once a second here
            end = now(database)
            server.kill()
        server.start_again()
        # When the interval is read, by users who may see all of it or only transactions
        with pymysql.connect(
            unix_socket=f"{server.directory}/server.sock", user="root", autocommit=True
        ) as root:
            root.query("create user watcher identified by 'correct-horse'")
            root.query("grant select on shop.* to watcher")
            root.query("grant process on *.* to watcher")
        everything = read(etl, database, end, settle_wait=1)
        watcher = database.secret | {"username": "watcher"}
        transactions = read(etl, database, end, settle_wait=1, secret=watcher)
        # Then both wait for it, though the server says that it began with the restart
        for outcome in (everything, transactions):
            assert outcome.code == 1, outcome.lines
            assert "there still may be written into the interval" in outcome.message
        # And have its row once it has ended
        database.say("xa commit 'one'")
        outcome = read(etl, database, end)
        assert (outcome.code, outcome.manifest["rows"]) == (0, 1), outcome.lines


def _of_mariadb(primary: Database, replica: Database, *, name: str) -> None:
    socket = f"{primary.server.directory}/server.sock"
    with pymysql.connect(unix_socket=socket, user="root", autocommit=True) as root:
        root.query("create user copy identified by 'copy'")
        root.query("grant replication slave on *.* to copy")
    ((file, position, *_),) = primary.say("show master status")
    replica.say(
        f"change master '{name}' to master_host = '127.0.0.1', master_port = {primary.server.port}, "
        f"master_user = 'copy', master_password = 'copy', master_log_file = '{file}', "
        f"master_log_pos = {position}"
    )
    replica.say(f"start slave '{name}'")


def _of_mysql(primary: Database, replica: Database) -> None:
    ((file, position, *_),) = primary.say("show binary log status")
    server = primary.server
    replica.say(
        f"change replication source to source_host = '127.0.0.1', source_port = {server.port}, "
        f"source_user = '{server.username}', source_password = '{server.password}', "
        f"source_log_file = '{file}', source_log_pos = {position}, get_source_public_key = 1"
    )
    replica.say("start replica")


REPLICAS: dict[str, tuple[str, Callable[[Database, Database], None], str]] = {
    "mariadb": ("mariadb", lambda *both: _of_mariadb(*both, name=""), "stop slave"),
    # `show slave status` does not show it.
    "mariadb by name": ("mariadb", lambda *both: _of_mariadb(*both, name="south"), "stop slave 'south'"),
    "mysql": ("mysql", _of_mysql, "stop replica"),
}


@pytest.mark.servers
@pytest.mark.parametrize("kind", REPLICAS)
def test_a_replica_is_read_when_it_has_passed_the_end(etl: Etl, kind: str) -> None:
    engine, replicate, stop = REPLICAS[kind]
    with (
        serve(engine, "--log-bin=primary", "--server-id=1") as primary,
        serve(engine, "--server-id=2") as replica,
    ):
        # Given a replica that has all there is
        replicate(primary, replica)
        primary.say("create table late (id int primary key, at datetime(6) not null)")
        primary.say("insert into late values (1, utc_timestamp(6))")
        _until(lambda: replica.say("select 1 from information_schema.tables where table_name = 'late'"))
        _until(lambda: replica.say("select id from late"))
        # Then an interval lands, with a word of what a replica does not know
        outcome = read(etl, replica, now(primary), settle_wait=20)
        assert (outcome.code, outcome.manifest["rows"]) == (0, 1), outcome.lines
        assert "open at the source of this replica" in "; ".join(outcome.manifest["settled"]["unseen"])
        # When it cannot apply what was written before the interval's end, the run waits
        with connect(replica) as holder:
            holder.query("lock tables late read")
            primary.say("insert into late values (2, utc_timestamp(6))")
            time.sleep(2.5)  # what it says of being behind is in whole seconds
            end, etl = now(primary), Etl(etl.directory / "later")
            outcome = read(etl, replica, end, settle_wait=1)
            assert outcome.code == 1, outcome.lines
            assert "replica that is behind" in outcome.message
        # And has the row after it
        outcome = read(etl, replica, end, settle_wait=20)
        assert (outcome.code, outcome.manifest["rows"]) == (0, 2), outcome.lines
        # When its replication does not run, nobody knows what it lacks
        replica.say(stop)
        outcome = read(etl, replica, end, settle_wait=1)
        assert outcome.code == 1, outcome.lines
        assert "replication that does not run" in outcome.message


def _until(found: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)
