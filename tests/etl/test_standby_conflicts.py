"""A standby whose replay must remove what a run still reads: it is told so, and a later run lands."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import servers
from etl_process import Database, Etl

pytestmark = pytest.mark.servers
#: Twenty rows of a second in sum, so that something can happen while they are read.
_SLOW = "select n, pg_sleep(case when n % 100 = 0 then 0.5 else 0 end)::text as slept from held order by n"


def _database(server: servers.Server) -> Database:
    def say(query: str, values: Any = None) -> list[tuple[Any, ...]]:
        secret = server.secret | {"user": server.username}
        del secret["username"]
        with psycopg.connect(**secret, autocommit=True) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    return Database(server=server, say=say)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Database, Database]]:
    """A primary with a table of 1,000 rows, and its standby, which waits half a second for readers."""
    if not servers.program("initdb"):
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with (
        tempfile.TemporaryDirectory(prefix="hybrid-etl-", ignore_cleanup_errors=True) as directory,
        servers.postgresql(Path(directory), "max_prepared_transactions=5", "wal_level=replica") as primary,
        servers.standby(Path(directory), primary) as standby,
    ):
        copy = _database(standby)
        copy.say("alter system set max_standby_streaming_delay = '500ms'")
        copy.say("alter system set autovacuum = off")
        copy.say("select pg_reload_conf()")
        yield _database(primary), copy


def _filled(primary: Database, standby: Database) -> None:
    primary.say("drop table if exists held")
    primary.say("create table held as select n from generate_series(1, 1000) n")
    for _ in range(200):
        if standby.say("select to_regclass('held') is not null")[0][0]:
            break
        time.sleep(0.05)


def _meanwhile(etl: Etl, standby: Database, primary: Database, *statements: str) -> Any:
    """A run on the standby, and what the primary does while it reads."""
    process = etl.start("run", etl.specify(standby, query=_SLOW), secret=standby.secret)
    for _ in range(400):
        if standby.say(
            "select 1 from pg_stat_activity where state = 'active' and query like 'copy%pg_sleep%'"
        ):
            break
        time.sleep(0.05)
    for statement in statements:
        primary.say(statement)
    return etl.finish(process)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(("delete from held where n > 10", "vacuum held"), id="rows that are gone"),
        pytest.param(("truncate held",), id="a lock that is taken"),
        pytest.param(("alter table held add column late int default 7",), id="a column more"),
    ],
)
def test_a_query_that_replay_ended_is_told_as_that_and_tried_again(
    etl: Etl, pair: tuple[Database, Database], statements: tuple[str, ...]
) -> None:
    primary, standby = pair
    _filled(primary, standby)
    # When the primary removes what a run on the standby still reads
    outcome = _meanwhile(etl, standby, primary, *statements)
    # Then it fails so that it is tried again, says what it was and what to do, and nothing is visible
    assert (outcome.code, outcome.manifests) == (1, []), outcome.lines
    assert "is a standby whose replay had to remove what the query still reads" in outcome.message
    assert "hot_standby_feedback" in outcome.message
    assert "SQLSTATE 40001" in outcome.message
    # And the next run has what is there now
    again = etl.run(standby, query="select n from held")
    assert again.code == 0, again.lines
    assert again.manifest["rows"] == standby.say("select count(*) from held")[0][0]


def test_with_feedback_the_rows_stay_and_land(etl: Etl, pair: tuple[Database, Database]) -> None:
    primary, standby = pair
    _filled(primary, standby)
    # Given a standby that tells its primary what it still reads
    standby.say("alter system set hot_standby_feedback = on")
    standby.say("select pg_reload_conf()")
    try:
        time.sleep(2)
        outcome = _meanwhile(etl, standby, primary, "delete from held where n > 10", "vacuum held")
    finally:
        standby.say("alter system reset hot_standby_feedback")
        standby.say("select pg_reload_conf()")
    # Then the run has all rows of its snapshot
    assert (outcome.code, outcome.manifest["rows"]) == (0, 1000), outcome.lines
