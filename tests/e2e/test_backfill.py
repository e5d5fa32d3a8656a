"""A backfill of a month: each day once, and every row of it once."""

from __future__ import annotations

import subprocess
import time
from datetime import date, timedelta
from itertools import pairwise

import pytest
from lake import answer, receipts, table

from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode

pytestmark = pytest.mark.e2e

DAG, PIPELINE = "e2e-backfill-regional", "backfill-regional"
DAYS = [date(2024, 6, 1) + timedelta(days=day) for day in range(30)]


# With the demo, if it is the first that needs one.
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("demo", [Mode.PROCESS], indirect=True, ids=str)
def test_a_backfill_of_thirty_days_lands_thirty_intervals_with_every_row_once(demo: DemoEnvironment) -> None:
    # Given a pipeline that reads by the day
    client = demo.airflow().client()
    client.wait_for_dag(DAG)
    client.unpause(DAG)

    # When a month is filled by Airflow's own command
    airflow = demo.airflow()
    span = ("--from-date", f"{DAYS[0]}", "--to-date", f"{DAYS[-1]}", "--max-active-runs", "8")
    command = [str(airflow.python), "-m", "airflow", "backfill", "create", "--dag-id", DAG, *span]
    done = subprocess.run(
        command, env=airflow.environment(), cwd=airflow.home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 500
    while ended := {run: s for run, s in client.states(DAG).items() if run.startswith("backfill")}:
        if len(ended) == len(DAYS) and all(state in ("success", "failed") for state in ended.values()):
            break
        assert time.monotonic() < deadline, ended
        time.sleep(2)

    # Then thirty runs were thirty successes
    assert set(ended.values()) == {"success"}
    # And each day has landed, with the rows of the day, as the database has them
    landed = {
        key: receipt for key, receipt in receipts(demo, PIPELINE).items() if key.startswith("interval=202406")
    }
    midnight = [f"{day:%Y%m%d}T000000Z" for day in [*DAYS, DAYS[-1] + timedelta(days=1)]]
    assert sorted(landed) == [f"interval={a}-{b}" for a, b in pairwise(midnight)]
    rows = {
        # A day without rows has a receipt, and no file.
        key: [tuple(row.values()) for row in table(demo, one).to_pylist()] if one["files"] else []
        for key, one in landed.items()
    }
    for key, day in zip(sorted(landed), DAYS, strict=True):
        assert {row[1] for row in rows[key]} <= {day}
    month = "select id, date, email from customers where date >= '2024-06-01' and date < '2024-07-01'"
    every = sorted(row for day in rows.values() for row in day)
    assert every == sorted(answer(demo, "regional", month))
    assert len(every) > len(DAYS)
