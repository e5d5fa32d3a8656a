"""Late rows: an interval is read when nothing that began before its end may still write into it."""

from __future__ import annotations

import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import servers
from etl_process import Database, Etl
from sessions import CLOCK, STAMP, say, session


def now(database: Database) -> datetime:
    ((at,),) = database.say(CLOCK[database.engine])
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def with_table(database: Database) -> None:
    kind = "timestamptz" if database.engine == "postgresql" else "datetime(6)"
    database.say("drop table if exists late")
    database.say(f"create table late (id int primary key, at {kind} not null)")


def read(etl: Etl, database: Database, *, end: datetime, secret: Any = None, **changes: Any) -> Any:
    start = end - timedelta(hours=1)
    asked = {"query": "select * from late", "incremental_column": "at"} | changes
    interval = ("--from", start.isoformat(), "--to", end.isoformat())
    return etl.run(database, *interval, secret=secret, **asked)


def insert(connection: Any, database: Database, number: int) -> None:
    say(connection, f"insert into late values ({number}, {STAMP[database.engine]})")


def test_a_row_that_is_committed_after_the_intervals_end_is_read(each_database: Database, etl: Etl) -> None:
    # Given a transaction that wrote before the interval's end, and is still open after it
    database = each_database
    with_table(database)
    with session(database) as writer:
        insert(writer, database, 1)
        end = now(database)

        def commit_later() -> None:
            time.sleep(1.5)
            writer.commit()

        later = threading.Thread(target=commit_later)
        later.start()
        # When the interval is read
        outcome = read(etl, database, end=end)
        later.join()
    # Then the run waited, said so, and has the row
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["rows"] == 1
    assert outcome.manifest["settled"]["waited_seconds"] > 0.5
    assert outcome.manifest["settled"]["until"] == end.isoformat()
    assert any("Waiting for what may still write" in line["message"] for line in outcome.lines)
    assert outcome.manifest["settled"]["unseen"] == []


def test_a_transaction_that_never_ends_fails_the_run_and_settle_null_reads_without_it(
    each_database: Database, etl: Etl
) -> None:
    database = each_database
    with_table(database)
    with session(database) as writer:
        insert(writer, database, 1)
        end = now(database)
        outcome = read(etl, database, end=end, settle_wait=0.5)
        assert outcome.code == 1, outcome.lines
        assert "1 transactions, the oldest for" in outcome.message
        assert "settle: null" in outcome.message
        assert not outcome.manifests
        outcome = read(etl, database, end=end, settle=None)
        assert (outcome.code, outcome.manifest["rows"]) == (0, 0)
        assert "settled" not in outcome.manifest


def test_a_transaction_that_began_after_the_end_or_only_reads_is_not_waited_for(
    each_database: Database, etl: Etl
) -> None:
    database = each_database
    with_table(database)
    end = now(database) - timedelta(seconds=2)
    with session(database) as writer, session(database) as reader:
        if database.engine != "postgresql":
            say(reader, "set session transaction read only")
            say(reader, "start transaction with consistent snapshot, read only")
        insert(writer, database, 1)
        outcome = read(etl, database, end=end, settle_wait=3)
    assert outcome.code == 0, outcome.lines
    # But with `settle` the moment counts before which its stamp may lie
    with session(database) as writer:
        insert(writer, database, 1)
        outcome = read(
            etl,
            database,
            end=now(database) - timedelta(seconds=1),
            settle=2,
            settle_wait=3,
            prefix="shop/again",
        )
    assert outcome.code == 1, outcome.lines


def test_an_interval_that_is_not_over_is_waited_for_and_one_far_ahead_is_refused(
    each_database: Database, etl: Etl
) -> None:
    database = each_database
    with_table(database)
    end = now(database) + timedelta(seconds=2)
    outcome = read(etl, database, end=end)
    assert outcome.code == 0, outcome.lines
    assert now(database) >= end
    outcome = read(etl, database, end=end + timedelta(days=1))
    assert outcome.code == 1
    assert "not over for another" in outcome.message


def test_the_query_that_names_the_interval_itself_waits_too(each_database: Database, etl: Etl) -> None:
    database = each_database
    with_table(database)
    with session(database) as writer:
        insert(writer, database, 1)
        outcome = read(
            etl,
            database,
            end=now(database),
            settle_wait=0.3,
            incremental_column=None,
            query="select * from late where at >= :from and at < :to",
        )
    assert outcome.code == 1, outcome.lines


def test_a_user_who_may_not_see_others_waits_for_what_has_written_and_is_told(
    postgresql: Database, etl: Etl
) -> None:
    # Given a user without pg_read_all_stats, and a transaction of another that has written
    with_table(postgresql)
    postgresql.say("drop role if exists plain")
    postgresql.say("create role plain login password 'correct-horse'")
    postgresql.say("grant select on late to plain")
    plain = postgresql.secret | {"username": "plain"}
    with session(postgresql) as writer:
        insert(writer, postgresql, 1)
        outcome = read(etl, postgresql, end=now(postgresql), secret=plain, settle_wait=0.5)
        assert outcome.code == 1, outcome.lines
        assert "transactions of other users" in outcome.message
    # When it has ended, the run goes on and says what it could not see
    with session(postgresql) as idle:
        say(idle, "select 1")
        outcome = read(etl, postgresql, end=now(postgresql), secret=plain)
    postgresql.say("drop owned by plain")
    assert outcome.code == 0, outcome.lines
    (unseen,) = outcome.manifest["settled"]["unseen"]
    assert "pg_read_all_stats" in unseen
    assert any(line["level"] == "warning" and "cannot be seen" in line["message"] for line in outcome.lines)


@pytest.mark.parametrize("style", ["SQL, DMY", "Postgres, MDY", "German"])
def test_a_role_that_writes_dates_in_another_style_is_understood(
    postgresql: Database, etl: Etl, style: str
) -> None:
    # Given a role whose dates are not those of ISO 8601, and a transaction that is to be waited for
    with_table(postgresql)
    postgresql.say("drop role if exists dated")
    postgresql.say("create role dated login password 'correct-horse' in role pg_read_all_stats")
    postgresql.say("grant select on late to dated")
    postgresql.say(f"alter role dated set datestyle to '{style}'")
    dated = postgresql.secret | {"username": "dated"}
    with session(postgresql) as writer:
        insert(writer, postgresql, 1)
        outcome = read(etl, postgresql, end=now(postgresql), secret=dated, settle_wait=0.5)
        assert outcome.code == 1, outcome.lines
        assert "1 transactions, the oldest for" in outcome.message
        writer.commit()
    # When it has ended, its row is read
    outcome = read(etl, postgresql, end=now(postgresql), secret=dated)
    postgresql.say("drop owned by dated")
    assert (outcome.code, outcome.manifest["rows"]) == (0, 1), outcome.lines


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_user_without_process_is_told(engine: str, request: pytest.FixtureRequest, etl: Etl) -> None:
    database: Database = request.getfixturevalue(engine)
    with_table(database)
    socket = str(database.server.directory / "server.sock")
    with pymysql.connect(unix_socket=socket, user="root", autocommit=True) as root:
        say(root, "create user plain identified by 'correct-horse'")
        say(root, "grant select on shop.* to plain")
        outcome = read(etl, database, end=now(database), secret=database.secret | {"username": "plain"})
        say(root, "drop user plain")
    assert outcome.code == 0, outcome.lines
    assert "grant PROCESS" in "; ".join(outcome.manifest["settled"]["unseen"])


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_statement_that_waits_for_a_lock_before_its_transaction_is_waited_for(
    engine: str, request: pytest.FixtureRequest, etl: Etl
) -> None:
    # Given a statement that took its time, and then waits for a table lock: InnoDB knows of no transaction
    database: Database = request.getfixturevalue(engine)
    with_table(database)
    with session(database) as locker, session(database) as writer:
        say(locker, "lock tables late read")
        waiting = threading.Thread(target=insert, args=(writer, database, 1))
        waiting.start()
        time.sleep(0.3)
        end = now(database)

        def unlock_later() -> None:
            time.sleep(2)
            say(locker, "unlock tables")
            waiting.join()
            writer.commit()

        later = threading.Thread(target=unlock_later)
        later.start()
        # When the interval is read
        outcome = read(etl, database, end=end)
        later.join()
    # Then it has the row
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["rows"] == 1


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_prepared_xa_transaction_is_waited_for(
    engine: str, request: pytest.FixtureRequest, etl: Etl
) -> None:
    database: Database = request.getfixturevalue(engine)
    with_table(database)
    with session(database) as writer:
        say(writer, "xa start 'one'")
        insert(writer, database, 1)
        say(writer, "xa end 'one'")
        say(writer, "xa prepare 'one'")
    try:
        outcome = read(etl, database, end=now(database), settle_wait=0.5)
        assert outcome.code == 1, outcome.lines
    finally:
        database.say("xa commit 'one'")
    outcome = read(etl, database, end=now(database))
    assert (outcome.code, outcome.manifest["rows"]) == (0, 1)


@pytest.mark.servers
def test_a_prepared_transaction_and_a_standby_are_waited_for(tmp_path: Path, etl: Etl) -> None:
    if not servers.program("initdb"):
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with (
        tempfile.TemporaryDirectory(prefix="hybrid-etl-", ignore_cleanup_errors=True) as directory,
        servers.postgresql(Path(directory), "max_prepared_transactions=5", "wal_level=replica") as server,
    ):

        def tell(query: str, values: Any = None) -> list[tuple[Any, ...]]:
            with psycopg.connect(
                host=server.host,
                port=server.port,
                user=server.username,
                password=server.password,
                dbname=server.dbname,
                autocommit=True,
            ) as connection:
                cursor = connection.execute(query, values)
                return cursor.fetchall() if cursor.description else []

        database = Database(server=server, say=tell)
        with_table(database)
        # Given a prepared transaction, whose session is gone
        with session(database) as writer:
            insert(writer, database, 1)
            say(writer, "prepare transaction 'one'")
        end = now(database)
        outcome = read(etl, database, end=end, settle_wait=0.5)
        assert outcome.code == 1, outcome.lines
        assert "pg_prepared_xacts" in outcome.message
        # When it has ended, and another began since, only the first counts
        tell("commit prepared 'one'")
        outcome = read(etl, database, end=end)
        assert (outcome.code, outcome.manifest["rows"]) == (0, 1), outcome.lines
        # And on a standby
        with servers.standby(Path(directory), server) as replica:
            behind, etl = Database(server=replica, say=tell), Etl(tmp_path / "standby")
            with session(database) as writer:
                insert(writer, database, 2)
                end = now(database)
                outcome = read(etl, behind, end=end, settle_wait=2)
                assert outcome.code == 1, outcome.lines
                writer.commit()
            outcome = read(etl, behind, end=end, settle_wait=20)
            assert (outcome.code, outcome.manifest["rows"]) == (0, 2), outcome.lines
            assert "standby" in outcome.manifest["settled"]["unseen"][0]


def test_a_backdated_row_lands_when_its_interval_is_read_again_and_once(
    each_database: Database, etl: Etl
) -> None:
    # Given an interval that has landed, and a row that is written into it afterwards with a stamp of its own
    database = each_database
    with_table(database)
    end = now(database) - timedelta(seconds=5)
    read(etl, database, end=end)
    stamp = (end - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    database.say(f"insert into late values (1, '{stamp}{'+00' if database.engine == 'postgresql' else ''}')")
    # When the interval after it is read, it is not there
    later = read(Etl(etl.directory / "later"), database, end=end + timedelta(hours=1), settle=None)
    assert later.manifest["rows"] == 0
    # But when its own is read again, as `overlap` does, which replaces the receipt
    outcome = read(etl, database, end=end)
    assert outcome.manifest["rows"] == 1
