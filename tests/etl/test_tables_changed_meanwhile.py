"""Tables that are emptied, rewritten or renamed while a run waits for them: it never shows fewer rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, Outcome
from sessions import say, session

_LIMITS = {"statement_timeout_seconds": 60, "lock_timeout_seconds": 20, "bytes_per_second": None}


@pytest.fixture(autouse=True)
def _native(native_decoder: None) -> None:
    """The faster of the two: no value is decoded here in another way."""


def _tables(database: Database, *names: str) -> None:
    for name in ("stock", "stock_new", "stock_old"):
        database.say(f"drop table if exists {name}{' cascade' if database.engine == 'postgresql' else ''}")
    for name in names:
        database.say(f"create table {name} (id int primary key, word varchar(20))")
    database.say("insert into stock values (1, 'a'), (2, 'b')")


def _until_a_run_waits(database: Database) -> None:
    waiting = {
        "postgresql": "select count(*) from pg_locks where not granted and locktype = 'relation'",
        "mariadb": "select count(*) from information_schema.processlist"
        " where state like 'Waiting for table%'",
    }
    query = waiting.get(database.engine, waiting["mariadb"])
    end = time.monotonic() + 30
    while not database.say(query)[0][0]:
        assert time.monotonic() < end, "no run waits for a lock"
        time.sleep(0.05)


def _run_meanwhile(
    etl: Etl, database: Database, change: Callable[[], Any], *, query: str = "select * from stock"
) -> Outcome:
    """A run that begins before the change is committed, and waits for it."""
    run = etl.start("run", etl.specify(database, query=query, limits=_LIMITS), secret=database.secret)
    _until_a_run_waits(database)
    change()
    return etl.finish(run)


def _words(outcome: Outcome) -> dict[int, str]:
    assert outcome.code == 0, outcome.lines
    rows = [row for file in outcome.files for row in pq.read_table(file).to_pylist()]
    assert len(rows) == outcome.manifest["rows"]
    return {row["id"]: row["word"] for row in rows}


def test_a_table_that_is_emptied_and_filled_again_has_its_new_rows(each_database: Database, etl: Etl) -> None:
    # Given a load that empties the table and fills it again, and a run that begins in the middle of it
    database = each_database
    _tables(database, "stock")
    with session(database) as load:
        say(
            load,
            "lock table stock in access exclusive mode" if _is_pg(database) else "lock tables stock write",
        )

        def change() -> None:
            say(load, "truncate stock")
            say(load, "insert into stock values (10, 'x'), (11, 'y'), (12, 'z')")
            load.commit()
            if not _is_pg(database):
                say(load, "unlock tables")

        # When the load ends
        outcome = _run_meanwhile(etl, database, change)
    # Then the run has all of its rows, and not the none that a snapshot from before it would have
    assert _words(outcome) == {10: "x", 11: "y", 12: "z"}


def test_a_table_that_takes_the_name_of_another_has_its_rows(each_database: Database, etl: Etl) -> None:
    # Given a table that is filled beside the one that is read, and takes its name
    database = each_database
    _tables(database, "stock", "stock_new")
    fill = "insert into stock_new values (1, 'a'), (2, 'b'), (3, 'c')"
    with session(database) as load:
        if _is_pg(database):
            say(load, "lock table stock in access exclusive mode")
        else:
            say(load, "lock tables stock write, stock_new write")

        def change() -> None:
            say(load, fill)
            if _is_pg(database):
                say(load, "alter table stock rename to stock_old")
                say(load, "alter table stock_new rename to stock")
                load.commit()
                return
            load.commit()
            swap = "rename table stock to stock_old, stock_new to stock"
            renaming = threading.Thread(target=database.say, args=(swap,))
            renaming.start()
            time.sleep(0.5)
            say(load, "unlock tables")
            renaming.join()

        outcome = _run_meanwhile(etl, database, change)
    assert _words(outcome) == {1: "a", 2: "b", 3: "c"}


def test_a_table_that_is_written_anew_has_its_rows(each_database: Database, etl: Etl) -> None:
    database = each_database
    _tables(database, "stock")
    with session(database) as load:
        say(
            load,
            "lock table stock in access exclusive mode" if _is_pg(database) else "lock tables stock write",
        )

        def change() -> None:
            if _is_pg(database):
                say(load, "alter table stock alter word type text using word || '!'")
                load.commit()
            else:
                say(load, "alter table stock modify word text, algorithm = copy")
                say(load, "update stock set word = concat(word, '!')")
                load.commit()
                say(load, "unlock tables")

        outcome = _run_meanwhile(etl, database, change)
    assert _words(outcome) == {1: "a!", 2: "b!"}


@pytest.mark.parametrize(
    "query", ["select * from parted", "select * from seen_parted", "select * from grown"]
)
def test_a_partition_that_is_emptied_alone_has_its_new_rows(
    postgresql: Database, etl: Etl, query: str
) -> None:
    # Given a partition, or a child, which is locked only when the query is planned
    for statement in (
        "drop table if exists parted, grown cascade",
        "create table parted (id int, word text) partition by range (id)",
        "create table part_a partition of parted for values from (0) to (100)",
        "create table part_b partition of parted for values from (100) to (200)",
        "create view seen_parted as select * from parted",
        "create table grown (id int, word text)",
        "create table child () inherits (grown)",
        "insert into parted values (1, 'a'), (101, 'b')",
        "insert into grown values (101, 'b')",
        "insert into child values (1, 'a')",
    ):
        postgresql.say(statement)
    below = "child" if "grown" in query else "part_a"
    with session(postgresql) as load:
        say(load, f"truncate {below}")
        say(load, f"insert into {below} values (2, 'x')")
        outcome = _run_meanwhile(etl, postgresql, load.commit, query=query)
    assert _words(outcome) == {2: "x", 101: "b"}
    assert any("begins again" in line["message"] for line in outcome.lines)


def test_a_table_that_only_a_function_reads_fails_the_run(postgresql: Database, etl: Etl) -> None:
    # Given a table that no description of the query names, so that it is locked when the rows are read
    _tables(postgresql, "stock")
    postgresql.say(
        "create or replace function hidden() returns setof stock language plpgsql as"
        " 'begin return query select * from stock; end'"
    )
    with session(postgresql) as load:
        say(load, "truncate stock")
        say(load, "insert into stock values (10, 'x')")
        outcome = _run_meanwhile(etl, postgresql, load.commit, query="select * from hidden()")
    # Then nothing becomes visible, and a run after it has the rows
    assert outcome.code == 1, outcome.lines
    assert "stock: emptied, rewritten or renamed" in outcome.message
    assert not outcome.manifests
    assert _words(etl.run(postgresql, query="select * from hidden()")) == {10: "x"}


def _is_pg(database: Database) -> bool:
    return database.engine == "postgresql"
