"""Schedules in a zone of people, without their holidays, and what else a team says of its DAGs."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from pendulum import DateTime, instance
from test_dag_factory import serialized

from hybrid_airflow.factory import build
from hybrid_airflow.interval import Interval
from hybrid_airflow.timetables import Timing, interval_before

ESTATE = Path(__file__).parent / "fixtures" / "estate"
#: Reads intervals; reads none.
INTERVALS, SNAPSHOT = "orders-regional", "customers-regional"


def dag_of(tmp_path: Path, pipeline: str, **changes: Any) -> Any:
    """The DAG of a pipeline of the sample estate, with keys of its own."""
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags", dirs_exist_ok=True))
    part = directory / "manifest" / f"{pipeline}.json"
    part.write_text(json.dumps({**json.loads(part.read_text()), "after": [], **changes}))
    built = build(directory)
    assert built.faults == {}
    return built.dags[f"acme-{pipeline}"]


def as_the_scheduler_has_it(dag: Any) -> Any:
    """The timetable that is made of what the database holds of a DAG."""
    module = importlib.import_module("airflow.serialization.serialized_objects")
    storing = getattr(module, "DagSerialization", None) or module.SerializedDAG  # before Airflow 3.2
    return storing.from_dict(json.loads(json.dumps(storing.to_dict(dag)))).timetable


def runs(timetable: Any, *, after: str, count: int) -> list[tuple[str, str]]:
    """Begin and end, in UTC, of the intervals that the scheduler makes one after the other."""
    found: list[tuple[str, str]] = []
    last: DataInterval | None = None
    earliest: DateTime = instance(datetime.fromisoformat(after))
    for _ in range(count):
        due = timetable.next_dagrun_info(
            last_automated_data_interval=last,
            restriction=TimeRestriction(earliest=earliest, latest=None, catchup=True),
        )
        last = due.data_interval
        found.append((f"{last.start:%Y-%m-%dT%H:%MZ}", f"{last.end:%Y-%m-%dT%H:%MZ}"))
    return found


def test_a_day_of_a_zone_begins_at_its_midnight_in_summer_and_in_winter(tmp_path: Path) -> None:
    # Given a pipeline whose days are those of Lisbon
    dag = dag_of(tmp_path, INTERVALS, schedule="@daily", schedule_zone="Europe/Lisbon")
    # When the scheduler goes over the beginning of summer time
    found = runs(as_the_scheduler_has_it(dag), after="2026-03-28T00:00:00+00:00", count=3)
    # Then that day has 23 hours, and no moment is left out
    assert found == [
        ("2026-03-28T00:00Z", "2026-03-29T00:00Z"),
        ("2026-03-29T00:00Z", "2026-03-29T23:00Z"),
        ("2026-03-29T23:00Z", "2026-03-30T23:00Z"),
    ]


def test_the_start_date_is_a_day_of_the_zone(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, INTERVALS, schedule_zone="Asia/Tokyo", start_date="2026-11-01")
    assert dag.start_date == datetime(2026, 10, 31, 15, tzinfo=UTC)
    found = runs(as_the_scheduler_has_it(dag), after=dag.start_date.isoformat(), count=1)
    assert found == [("2026-10-31T15:00Z", "2026-11-01T15:00Z")]


def test_a_dag_of_several_pipelines_begins_on_the_day_of_its_own_zone(tmp_path: Path) -> None:
    # Given an entry of `dags` with a zone, whose pipelines have none
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["dags"]["customers"] |= {"schedule": "@daily", "schedule_zone": "Asia/Tokyo"}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    # Then its first day is whole
    assert build(directory).dags["acme-customers"].start_date == datetime(2025, 12, 31, 15, tzinfo=UTC)


def test_the_interval_after_closed_days_begins_where_the_one_before_them_ended(tmp_path: Path) -> None:
    # Given Christmas and the day after, which no run may begin on
    dag = dag_of(
        tmp_path,
        INTERVALS,
        schedule="0 6 * * *",
        schedule_zone="Europe/Lisbon",
        closed_days=["2026-12-25", "2026-12-26"],
    )
    timetable = as_the_scheduler_has_it(dag)
    # When the scheduler goes over them
    found = runs(timetable, after="2026-12-23T06:00:00+00:00", count=3)
    # Then one interval reaches over them
    assert found == [
        ("2026-12-23T06:00Z", "2026-12-24T06:00Z"),
        ("2026-12-24T06:00Z", "2026-12-27T06:00Z"),
        ("2026-12-27T06:00Z", "2026-12-28T06:00Z"),
    ]
    # And a run by hand on Christmas has the last interval that is over
    by_hand = timetable.infer_manual_data_interval(run_after=instance(datetime(2026, 12, 25, 12, tzinfo=UTC)))
    assert (by_hand.start, by_hand.end) == (
        datetime(2026, 12, 23, 6, tzinfo=UTC),
        datetime(2026, 12, 24, 6, tzinfo=UTC),
    )


def test_a_closed_day_is_one_of_the_zone(tmp_path: Path) -> None:
    # Given a holiday in Tokyo, whose morning is the evening before in UTC
    dag = dag_of(
        tmp_path, INTERVALS, schedule="0 6 * * *", schedule_zone="Asia/Tokyo", closed_days=["2026-11-23"]
    )
    found = runs(as_the_scheduler_has_it(dag), after="2026-11-20T21:00:00+00:00", count=2)
    # Then its six o'clock is none, and that of the days beside it are
    assert found == [
        ("2026-11-20T21:00Z", "2026-11-21T21:00Z"),
        ("2026-11-21T21:00Z", "2026-11-23T21:00Z"),
    ]


def test_a_snapshot_is_not_due_on_closed_days(tmp_path: Path) -> None:
    dag = dag_of(
        tmp_path,
        SNAPSHOT,
        schedule="0 6 * * *",
        schedule_zone="Europe/Lisbon",
        closed_days=["2026-12-25"],
    )
    found = runs(as_the_scheduler_has_it(dag), after="2026-12-24T06:00:00+00:00", count=2)
    assert [end for _, end in found] == ["2026-12-24T06:00Z", "2026-12-26T06:00Z"]


def test_a_snapshot_in_a_zone_is_due_at_its_hour(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, SNAPSHOT, schedule="0 6 * * *", schedule_zone="America/New_York")
    found = runs(as_the_scheduler_has_it(dag), after="2026-10-31T00:00:00+00:00", count=2)
    assert [end for _, end in found] == ["2026-10-31T10:00Z", "2026-11-01T11:00Z"]


@pytest.mark.parametrize(
    ("due", "interval", "before"),
    [
        (
            Timing(line="@daily", zone="Europe/Lisbon"),
            ("2026-03-29T23:00Z", "2026-03-30T23:00Z"),
            ("2026-03-29T00:00Z", "2026-03-29T23:00Z"),
        ),
        (
            Timing(line="0 6 * * *", closed=("2026-12-25",)),
            ("2026-12-26T06:00Z", "2026-12-27T06:00Z"),
            ("2026-12-24T06:00Z", "2026-12-26T06:00Z"),
        ),
    ],
)
def test_overlap_reads_the_intervals_of_the_zone_and_of_the_calendar(
    due: Timing, interval: tuple[str, str], before: tuple[str, str]
) -> None:
    assert interval_before(due, Interval.parse(*interval)) == Interval.parse(*before)


def test_a_run_on_summer_times_last_hour_is_none_twice(tmp_path: Path) -> None:
    # Given an hourly schedule where one hour comes twice
    dag = dag_of(tmp_path, INTERVALS, schedule="@hourly", schedule_zone="Europe/Lisbon")
    found = runs(as_the_scheduler_has_it(dag), after="2026-10-24T23:00:00+00:00", count=4)
    # Then every interval has an hour, and follows the one before
    assert found == [
        (f"2026-10-{day}T{hour:02d}:00Z", f"2026-10-25T{end:02d}:00Z")
        for day, hour, end in ((24, 23, 0), (25, 0, 1), (25, 1, 2), (25, 2, 3))
    ]


def test_the_team_says_whether_a_new_dag_is_paused_and_which_run_goes_first(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, SNAPSHOT, paused_at_creation=False, priority=7)
    assert dag.is_paused_upon_creation is False
    [stored] = serialized(dag)["dag"]["tasks"]
    assert (stored["__var"]["priority_weight"], stored["__var"]["weight_rule"]) == (7, "absolute")


def test_all_tasks_of_a_pipeline_in_parts_have_its_priority(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, SNAPSHOT, parts=2, priority=7)
    stored = serialized(dag)["dag"]["tasks"]
    assert {
        task["__var"].get("priority_weight", task["__var"].get("partial_kwargs", {}).get("priority_weight"))
        for task in stored
    } == {7}


def test_assets_of_other_dags_are_waited_for_by_uri_or_name(tmp_path: Path) -> None:
    # Given a pipeline that waits for two
    dag = dag_of(
        tmp_path, SNAPSHOT, schedule="after", after_assets=["s3://finance/rates/", "calendar of finance"]
    )
    stored = serialized(dag)["dag"]["timetable"]["__var"]
    # Then the scheduler waits for both, and says nothing of what else they are
    assert sorted(json.dumps(one, sort_keys=True) for one in stored["asset_condition"]["objects"]) == [
        '{"__type": "asset_ref", "name": "calendar of finance"}',
        '{"__type": "asset_ref", "uri": "s3://finance/rates/"}',
    ]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a callback of a team was called with; it is beside the DAG files."""
    directory = tmp_path / "beside" / "sales_team"
    directory.mkdir(parents=True)
    (directory / "calls.py").write_text("found = []\ntell = found.append\nname = 'sales'\n")
    (directory / "ends.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(directory.parent))
    for module in [name for name in sys.modules if name.split(".")[0] == "sales_team"]:
        monkeypatch.delitem(sys.modules, module)
    found: list[Any] = importlib.import_module("sales_team.calls").found
    return found


@pytest.mark.parametrize("key", ["on_failure", "on_success"])
def test_a_function_of_the_team_is_called_with_the_context(
    tmp_path: Path, calls: list[Any], key: str
) -> None:
    dag = dag_of(tmp_path, SNAPSHOT, **{key: "sales_team.calls:tell"})
    getattr(dag, f"{key}_callback")({"run_id": "one"})
    assert calls == [{"run_id": "one"}]


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("sales_team.calls:tel", "cannot be imported (AttributeError"),
        ("nobody.calls:tell", "cannot be imported (ModuleNotFoundError: No module named 'nobody')"),
        ("sales_team.calls:name", "is no function"),
        ("sales_team.ends:tell", "cannot be imported (SystemExit: 3)"),
    ],
)
def test_a_function_that_is_not_there_costs_its_own_dag(tmp_path: Path, named: str, said: str) -> None:
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    part = directory / "manifest" / f"{SNAPSHOT}.json"
    part.write_text(json.dumps({**json.loads(part.read_text()), "on_failure": named}))
    built = build(directory)
    [(key, fault)] = built.faults.items()
    assert (key, len(built.dags)) == (f"pipelines.{SNAPSHOT}", 5)
    assert said in fault


def test_a_task_starts_without_its_dags_callbacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a function that has gone since the DAG was read
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    part = directory / "manifest" / f"{SNAPSHOT}.json"
    part.write_text(json.dumps({**json.loads(part.read_text()), "on_failure": "nobody.calls:tell"}))
    # When Airflow starts a task
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", f"acme-{SNAPSHOT}")
    # Then it starts: callbacks are called elsewhere
    assert list(build(directory, wanted=f"acme-{SNAPSHOT}").dags) == [f"acme-{SNAPSHOT}"]
