"""Writers that insert, update, delay, commit and roll back while fifty intervals are read: every row exactly
once, on each server; and the same campaign without the wait loses rows, so that it is a test of the wait."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from etl_process import Database, Etl
from sessions import CLOCK, STAMP, connect, say

from hybrid_etl.interval import Interval
from hybrid_etl.readers import open_reader
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification

STEP = timedelta(seconds=0.15)
WRITERS = 4
#: How much older than its transaction a stamp of the application's own clock is, at most, in seconds.
STAMP_AGE = 0.05


class Writer(threading.Thread):
    """A session that writes until it is told to stop: new rows, and new versions of its own rows."""

    def __init__(self, database: Database, number: int, seed: int, stop: threading.Event) -> None:
        super().__init__()
        self.database, self.number, self.halt = database, number, stop
        self.random = random.Random(f"{seed}/{number}")
        self.next = number
        self.committed: list[int] = []
        self.fault: Exception | None = None

    def run(self) -> None:
        connection = connect(self.database)
        try:
            while not self.halt.is_set():
                self.transaction(connection)
        except Exception as error:  # noqa: BLE001 - the test's own thread tells it
            self.fault = error
        finally:
            connection.close()

    def transaction(self, connection: Any) -> None:
        chance = self.random.random
        own = chance() < 0.3
        # A stamp of the application's own clock, taken a little before the transaction begins.
        stamp = datetime.now(UTC).strftime("'%Y-%m-%d %H:%M:%S.%f'") if own else STAMP[self.database.engine]
        if own:
            time.sleep(chance() * STAMP_AGE)
        fresh = []
        for _ in range(self.random.randint(1, 4)):
            if self.committed and chance() < 0.4:
                chosen = self.random.choice(self.committed)
                say(
                    connection,
                    f"update moving set version = version + 1, at = {stamp} where id = {chosen}",
                )
            else:
                say(connection, f"insert into moving values ({self.next}, 1, {stamp})")
                fresh.append(self.next)
                self.next += WRITERS
            time.sleep(chance() * 0.05)
        time.sleep(chance() ** 3 * 0.9)
        if chance() < 0.15:
            connection.rollback()
        else:
            connection.commit()
            self.committed += fresh
        time.sleep(chance() * 0.05)


def read(specification: Specification, secret: Secret, interval: Interval) -> Counter[tuple[int, int]]:
    reader = open_reader(specification, secret, interval)
    try:
        rows = [row for batch in reader.batches() for row in batch.to_pylist()]
    finally:
        reader.close()
    return Counter((row["id"], row["version"]) for row in rows)


def campaign(
    database: Database, etl: Etl, *, intervals: int, settle: float | None, seed: int
) -> tuple[Counter[tuple[int, int]], set[tuple[int, int]]]:
    """What landed, by (id, version) with its times, and what the table holds when all writers have ended."""
    kind = "timestamptz" if database.engine == "postgresql" else "datetime(6)"
    database.say("drop table if exists moving")
    database.say(f"create table moving (id int primary key, version int, at {kind})")
    database.say("create index moving_at on moving (at)")
    digest = etl.specify(
        database, query="select * from moving", incremental_column="at", settle=settle, settle_wait=20
    )
    content = (etl.directory / "specifications" / f"{digest}.json").read_bytes()
    specification = Specification.parse(content, digest=digest, where="the test")
    secret = Secret.parse(json.dumps(database.secret), where="the test", default_port=1)
    ((at,),) = database.say(CLOCK[database.engine])
    start = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    stop = threading.Event()
    writers = [Writer(database, number, seed, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    landed: Counter[tuple[int, int]] = Counter()
    try:
        for number in range(intervals):
            interval = Interval(start=start + number * STEP, end=start + (number + 1) * STEP)
            if settle is None:
                time.sleep(max((interval.end - datetime.now(UTC)).total_seconds(), 0))
            landed += read(specification, secret, interval)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert [writer.fault for writer in writers if writer.fault] == []
    end = start + intervals * STEP
    last = end.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    zone = "+00" if database.engine == "postgresql" else ""
    held = {
        (row[0], row[1]) for row in database.say(f"select id, version from moving where at < '{last}{zone}'")
    }
    return landed, held


@pytest.fixture
def seed() -> int:
    found = random.SystemRandom().randrange(1_000_000)
    print("seed", found)
    return found


def test_every_row_of_concurrent_writers_lands_exactly_once(
    each_database: Database, etl: Etl, seed: int
) -> None:
    # When fifty intervals are read one after another, while others write
    landed, held = campaign(each_database, etl, intervals=50, settle=STAMP_AGE + 0.05, seed=seed)
    # Then each version of a row landed once at most, and all that the table holds did
    assert len(held) > 30
    assert [row for row, count in landed.items() if count != 1] == []
    assert held - set(landed) == set()


def test_without_the_wait_the_same_campaign_loses_rows(each_database: Database, etl: Etl, seed: int) -> None:
    landed, held = campaign(each_database, etl, intervals=12, settle=None, seed=seed)
    assert held - set(landed) != set()
