"""A source's limit of connections holds at run time, whoever starts the runs."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from etl_process import Database, Etl

from hybrid_etl.errors import Failure
from hybrid_etl.readers.source_lock import WAIT_SECONDS, acquire_source_lock

_SLEEP = {"postgresql": "select pg_sleep(1)::text as nothing", "mariadb": "select sleep(1) as nothing"}


@pytest.mark.parametrize("connections", [1, 2])
def test_no_more_runs_read_a_source_at_once_than_its_connections_allow(
    etl: Etl, any_database: Database, connections: int
) -> None:
    # Given three pipelines of one source, which start together and read for a second each
    limits = {"statement_timeout_seconds": 60, "lock_timeout_seconds": 5, "connections": connections}
    processes = [
        etl.start(
            "run",
            etl.specify(
                any_database,
                query=_SLEEP[any_database.engine],
                limits=limits,
                pipeline=f"p{number}",
                prefix=f"p{number}",
            ),
            secret=any_database.secret,
        )
        for number in range(3)
    ]
    # When
    outcomes = [etl.finish(process) for process in processes]
    # Then each has read, one group after another, and who waited said so
    assert [outcome.code for outcome in outcomes] == [0, 0, 0], [outcome.lines for outcome in outcomes]
    begins = sorted(_snapshots(etl))
    assert begins[connections] - begins[0] >= dt.timedelta(seconds=0.9), begins
    waited = [outcome for outcome in outcomes if "Waiting" in str(outcome.lines)]
    assert len(waited) == 3 - connections


def _snapshots(etl: Etl) -> list[dt.datetime]:

    found: list[dict[str, Any]] = [json.loads(path.read_text()) for path in etl.lake.rglob("_manifest.json")]
    return [dt.datetime.fromisoformat(manifest["database"]["snapshot_time"]) for manifest in found]


def test_a_run_that_never_gets_its_turn_gives_up_and_says_what_to_do() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(Failure, match="connections"):
        acquire_source_lock(lambda _: False, connections=2, sleep=sleep, clock=lambda: now[0])
    assert WAIT_SECONDS <= now[0] < WAIT_SECONDS + 5
