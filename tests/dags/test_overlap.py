"""A pipeline with `overlap` reads the intervals before its own again: its schedule's own, each by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow_runs import ESTATE, MODES, TaskInstance, context, operator, run
from scripted_aws import ScriptedAws

from hybrid_airflow.compat import AirflowSkipException
from hybrid_airflow.factory import pipeline_dag
from hybrid_airflow.interval import Interval
from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.overlap import RunAgainOperator
from hybrid_airflow.timetables import Timing, interval_before

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 1, tzinfo=UTC)


def again(back: int, mode: str = MODES[1], **more: Any) -> dict[str, Any]:
    asked = {"due": Timing(line="@daily"), "not_before": START} | {
        key: more.pop(key) for key in ("due", "not_before") if key in more
    }
    task = operator(mode=mode, kind=RunAgainOperator, back=back, uses_interval=True, **asked)
    ti = TaskInstance(task_id="customers-regional-again", map_index=back - 1)
    receipt: dict[str, Any] = run(task, context(ti, **more))
    return receipt


@pytest.mark.parametrize("mode", MODES)
def test_each_interval_before_lands_as_itself(aws: ScriptedAws, mode: str) -> None:
    # When the two intervals before that of 21 November are read again
    receipts = [again(back, mode) for back in (1, 2)]
    # Then each is a run of its own interval
    assert [receipt["interval"]["from"][:10] for receipt in receipts] == ["2026-11-20", "2026-11-19"]
    assert [receipt["interval"]["to"][:10] for receipt in receipts] == ["2026-11-21", "2026-11-20"]


@pytest.mark.parametrize(
    ("schedule", "start", "end", "before"),
    [
        ("@daily", "2026-11-21T00:00", "2026-11-22T00:00", ("2026-11-20T00:00", "2026-11-21T00:00")),
        ("0 6 * * *", "2026-10-25T06:00", "2026-10-26T06:00", ("2026-10-24T06:00", "2026-10-25T06:00")),
        ("0 3 1 * *", "2026-03-01T03:00", "2026-04-01T03:00", ("2026-02-01T03:00", "2026-03-01T03:00")),
        (
            "0 8,18 * * 1-5",
            "2026-11-20T18:00",
            "2026-11-23T08:00",
            ("2026-11-20T08:00", "2026-11-20T18:00"),
        ),
        ("*/15 * * * *", "2026-11-21T00:00", "2026-11-21T00:15", ("2026-11-20T23:45", "2026-11-21T00:00")),
    ],
)
def test_the_intervals_are_those_of_the_schedule(
    schedule: str, start: str, end: str, before: tuple[str, str]
) -> None:
    found = interval_before(Timing(line=schedule), Interval.parse(f"{start}+00:00", f"{end}+00:00"))
    assert found == Interval.parse(f"{before[0]}+00:00", f"{before[1]}+00:00")


@pytest.mark.parametrize(
    "params",
    [{"full_refresh": True}, {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}],
)
def test_a_run_by_hand_reads_only_what_was_asked_for(aws: ScriptedAws, params: dict[str, Any]) -> None:
    with pytest.raises(AirflowSkipException):
        again(1, params=params)
    assert aws.params("RunTask") == []


def test_nothing_before_the_start_date_or_within_a_full_refresh_is_read(aws: ScriptedAws) -> None:
    with pytest.raises(AirflowSkipException, match="begins before"):
        again(1, not_before=datetime(2026, 11, 21, tzinfo=UTC))
    key = "acme-lake/regional/customers-regional/interval=full/_manifest.json"
    aws.objects[key] = (
        b'{"interval": {"from": "1000-01-01T00:00:00+00:00", "to": "2026-11-21T00:00:00+00:00"}}'
    )
    with pytest.raises(AirflowSkipException, match="full refresh"):
        again(1)
    assert aws.params("RunTask") == []


def test_the_dag_has_a_mapped_task_beside_the_runs_own() -> None:
    estate = read_estate(Path(ESTATE))
    pipeline = read_pipeline(Path(ESTATE), "customers-regional", estate=estate)
    changed = {"overlap": 3, "uses_interval": True, "schedule": "@daily", "after": ()}
    dag = pipeline_dag(estate, pipeline.model_copy(update=changed))
    assert sorted(dag.task_ids) == ["customers-regional", "customers-regional-again"]
    assert not dag.get_task("customers-regional-again").upstream_task_ids
    plain = pipeline_dag(estate, pipeline.model_copy(update=changed | {"overlap": 0}))
    assert plain.task_ids == ["customers-regional"]
