"""The demo runs every DAG whatever its schedule, and shows what its own run waits for.

Airflow is scripted here: what its scheduler does takes minutes in the real one (tests/e2e has that).
"""

# ruff: noqa: ARG002 - a script answers alike, whatever it is asked for

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hybrid.estate import load_estate
from sandbox.demo import dag_runs
from sandbox.demo.dag_runs import Following
from sandbox.demo.run import dag_names
from sandbox.services.airflow_api import AirflowClient, DagRun, TaskRun

_OWN, _SCHEDULED = "manual__now", "scheduled__2026-11-26"


class Scripted(AirflowClient):
    """An Airflow whose runs are, at each look, as the next step of a script says.

    A step is: run → (state of the run, state of its task).
    """

    def __init__(self, steps: list[dict[str, tuple[str, str | None]]]) -> None:
        self._steps = steps
        self._now: dict[str, tuple[str, str | None]] = {}
        self.conf: Mapping[str, Any] | None = None

    def unpause(self, dag: str) -> None:
        pass

    def trigger(self, dag: str, *, conf: Mapping[str, Any] | None = None) -> str:
        self.conf = conf
        return _OWN

    def active_runs(self, dag: str) -> list[DagRun]:
        self._now = self._steps.pop(0) if self._steps else self._now
        runs = [self.run(dag, run) for run in self._now]
        return [run for run in runs if not run.is_finished]

    def run(self, dag: str, run: str) -> DagRun:
        return DagRun(run, self._now[run][0], run.split("__", maxsplit=1)[0])

    def max_active_runs(self, dag: str) -> int:
        return 1

    def tasks(self, dag: str, run: str) -> list[TaskRun]:
        return [TaskRun("customers", self._now[run][1], 1)]

    def failure(self, dag: str, run: str, task: str, *, attempt: int) -> str:
        return "the database refused"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_runs.time, "sleep", lambda _: None)


def follow(
    steps: list[dict[str, tuple[str, str | None]]], *, timeout: float = 60
) -> tuple[str | None, list[str]]:
    said: list[str] = []
    return Following(Scripted(steps), "acme-customers", say=said.append, timeout=timeout).run(), said


def test_a_run_behind_the_scheduled_one_says_why_it_waits_and_then_runs() -> None:
    why, said = follow(
        [
            {_SCHEDULED: ("running", "running"), _OWN: ("queued", None)},
            {_SCHEDULED: ("success", "success"), _OWN: ("queued", None)},
            {_SCHEDULED: ("success", "success"), _OWN: ("running", None)},
            {_SCHEDULED: ("success", "success"), _OWN: ("success", "success")},
        ]
    )

    assert why is None
    text = "\n".join(said)
    assert "waits: a run of its schedule goes first (max_active_runs: 1)" in text
    assert "[scheduled run 2026-11-26] customers: running" in text
    assert "customers: waiting" in text
    assert "None" not in text


def test_a_failure_of_the_scheduled_run_is_shown_and_counts() -> None:
    why, said = follow(
        [
            {_SCHEDULED: ("running", "up_for_retry"), _OWN: ("queued", None)},
            {_SCHEDULED: ("failed", "failed"), _OWN: ("queued", None)},
            {_SCHEDULED: ("failed", "failed"), _OWN: ("success", "success")},
        ]
    )

    assert why == "[scheduled run 2026-11-26] customers is failed"
    assert any("[scheduled run 2026-11-26] customers: the database refused; it is tried" in s for s in said)


def test_with_catchup_the_runs_of_the_schedule_stand_for_the_demos_own() -> None:
    ended = {f"scheduled__{n}": ("success", "success") for n in (1, 2)}
    running: dict[str, tuple[str, str | None]] = dict.fromkeys(ended, ("running", "running"))
    why, said = follow([{**running, _OWN: ("queued", None)}, {**ended, _OWN: ("queued", None)}])

    assert why is None
    assert any("2 of them will do" in line for line in said)


def test_a_run_that_does_not_end_is_told_with_what_it_waits_for_and_stops_nothing() -> None:
    why, _ = follow([{_SCHEDULED: ("running", "up_for_retry"), _OWN: ("queued", None)}], timeout=0)

    assert why is not None
    assert "has not ended" in why
    assert "[scheduled run 2026-11-26] customers is up_for_retry" in why
    assert "None" not in why


_ESTATE = """
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {here: {kind: anywhere}}
sources: {one: {site: here, engine: postgresql, memory: 256, cpu: 256}}
pipelines:
  paired: {source: one, query: select 1 as id}
  a-late: {source: one, query: select 1 as id, after: [first]}
  first: {source: one, query: select 1 as id, schedule: "@daily"}
  growing: {source: one, query: select id from t, incremental_column: id}
dags:
  pair: {pipelines: [paired]}
"""


def test_every_pipeline_is_run_by_a_dag_of_the_estate_or_by_its_own(tmp_path: Path) -> None:
    # Given an estate with pipelines outside of its `dags`
    file = tmp_path / "estate.yaml"
    file.write_text(_ESTATE)

    # When the demo looks for what to run
    wanted = dag_names(load_estate(file))

    # Then none is left out, what comes after another one comes after it, and an interval is asked for
    assert set(wanted) == {"pair", "a-late", "first", "growing"}
    assert list(wanted).index("first") < list(wanted).index("a-late")
    assert wanted["first"] == {}
    assert wanted["growing"] == {"full_refresh": True}


def test_an_interval_that_is_asked_for_goes_to_what_reads_intervals_only(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(_ESTATE)
    day = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)

    wanted = dag_names(load_estate(file), day)

    times = {"from": "2026-11-01T00:00:00+00:00", "to": "2026-11-02T00:00:00+00:00"}
    assert wanted["growing"] == times
    assert wanted["first"] == {}
