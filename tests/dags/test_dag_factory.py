"""The manifest becomes DAGs, as Airflow itself reads them."""

from __future__ import annotations

import importlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hybrid_airflow import factory
from hybrid_airflow.compat import COUNTS_DEFERRED, DeadlineAlert
from hybrid_airflow.factory import build, build_dags

ESTATE = Path(__file__).parent / "fixtures" / "estate"
DAG_FILE = Path(__file__).parents[2] / "dags" / "hybrid_pipelines.py"


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    return build_dags(ESTATE)


def load_dag_file(directory: Path, source: Path = DAG_FILE) -> Any:
    """Read a DAG file as the DAG processor does, from beside a manifest."""
    try:
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag  # noqa: PLC0415

    file = Path(shutil.copy(source, directory))
    bag = DagBag(dag_folder=str(directory), collect_dags=False)
    bag.process_file(str(file), only_if_updated=False)
    return bag


def serialized(dag: Any) -> dict[str, Any]:
    """The DAG as the DAG processor stores it for the scheduler."""
    module = importlib.import_module("airflow.serialization.serialized_objects")
    storing = getattr(module, "DagSerialization", None) or module.SerializedDAG  # before Airflow 3.2
    stored: dict[str, Any] = storing.to_dict(dag)
    return stored


def test_airflow_finds_one_dag_per_pipeline_and_one_per_entry(tmp_path: Path) -> None:
    # Given the DAG file with a manifest beside it
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    # When the DAG processor reads it
    bag = load_dag_file(directory)
    # Then the DAGs are there, without an import error
    assert bag.import_errors == {}
    assert sorted(bag.dags) == [
        "acme-customers",
        "acme-customers-headquarters",
        "acme-customers-regional",
        "acme-ledger-regional",
        "acme-orders-regional",
        "acme-orders-report",
    ]


def test_a_missing_manifest_is_a_sentence_and_no_traceback_soup(tmp_path: Path) -> None:
    bag = load_dag_file(tmp_path)
    [error] = bag.import_errors.values()
    assert error.rstrip().splitlines()[-1].startswith("hybrid_airflow.manifest.ManifestError:")
    assert "What to do: deploy the dags stack" in error
    assert error.count("File ") <= 2, "only the line that raised it, and the importer's own"


def test_a_task_start_builds_only_its_own_dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given an estate where another pipeline's part is broken
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    (directory / "manifest" / "orders-report.json").write_text("{")
    # When Airflow starts a task of one DAG
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "acme-customers-regional")
    # Then only that one is built, and the broken one is not even read
    assert list(build_dags(directory)) == ["acme-customers-regional"]
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "acme-customers")
    assert list(build_dags(directory)) == ["acme-customers"]


def test_two_builds_are_the_same() -> None:
    first, second = ([serialized(dag) for dag in build_dags(ESTATE).values()] for _ in range(2))
    assert first == second


def test_a_pipeline_is_one_task_with_its_sites_pool_and_its_own_limits(dags: dict[str, Any]) -> None:
    dag = dags["acme-orders-regional"]
    [task] = dag.tasks
    assert (task.task_id, task.pool, task.owner) == ("orders-regional", "site-on-premises", "sales")
    assert (task.retries, task.retry_delay.total_seconds()) == (2, 300)
    assert (dag.catchup, dag.max_active_runs) == (True, 2)
    assert dag.start_date == datetime(2026, 1, 1, tzinfo=UTC)
    assert set(dag.tags) == {"customers", "site:on-premises", "source:regional"}


def test_a_paired_dag_runs_its_pipelines_side_by_side(dags: dict[str, Any]) -> None:
    tasks = {task.task_id: task for task in dags["acme-customers"].tasks}
    assert set(tasks) == {"customers-regional", "customers-headquarters"}
    assert all(not task.upstream_list and not task.downstream_list for task in tasks.values())
    assert {task.pool for task in tasks.values()} == {"site-on-premises", "site-headquarters"}


def test_runs_of_an_incremental_pipeline_have_a_data_interval(dags: dict[str, Any]) -> None:
    assert type(dags["acme-orders-regional"].timetable).__name__ == "CronDataIntervalTimetable"
    assert type(dags["acme-customers-regional"].timetable).__name__ == "CronTriggerTimetable"


def test_a_pipeline_after_others_waits_for_what_they_land(dags: dict[str, Any]) -> None:
    waited = {asset.name for asset in dags["acme-orders-report"].timetable.asset_condition.objects}
    landed = {
        outlet.name
        for name in ("orders", "customers")
        for outlet in dags[f"acme-{name}-regional"].tasks[0].outlets
    }
    assert waited == landed == {"acme-orders-regional", "acme-customers-regional"}


def test_an_interval_by_hand_is_asked_for_only_where_it_means_something(dags: dict[str, Any]) -> None:
    asked = dags["acme-orders-regional"].params
    assert asked.validate() == {"from": None, "to": None, "full_refresh": False}
    assert not dags["acme-customers-regional"].params
    with pytest.raises(Exception, match="last tuesday"):
        asked["from"] = "last tuesday"
    with pytest.raises(Exception, match="perhaps"):
        asked["full_refresh"] = "perhaps"


def test_the_page_of_a_dag_says_what_it_reads_where_and_where_it_lands(dags: dict[str, Any]) -> None:
    page = dags["acme-orders-regional"].doc_md
    for said in (
        "`regional` (postgresql)",
        "`on-premises`",
        "s3://acme-lake/regional/orders-regional/",
        ":from",
        "4 h",
    ):
        assert said in page


def test_the_page_of_a_dag_says_who_may_see_what_lands_and_what_is_masked(dags: dict[str, Any]) -> None:
    page = dags["acme-ledger-regional"].doc_md
    assert "| Who may see it | the finance team: who is granted `s3:GetObject`" in page
    assert "Masked before it leaves the site: `iban` (hash)" in page
    assert "in 3 key ranges that become visible at once" in page
    assert "an alarm 2 h after it was queued" in page


@pytest.mark.skipif(not COUNTS_DEFERRED, reason="Airflow before 3.3 does not count deferred tasks")
def test_a_pipeline_in_parts_is_a_mapped_task_and_one_commit_that_lands_it(dags: dict[str, Any]) -> None:
    # Given a pipeline of three key ranges, of which its source bears two readers at once
    tasks = {task.task_id: task for task in dags["acme-ledger-regional"].tasks}
    part, commit = tasks["ledger-regional.part"], tasks["ledger-regional.commit"]
    # Then each range is a mapped task with the limits of a task of its own
    assert part.is_mapped
    assert part.expand_input.value == {"part": [0, 1, 2]}
    assert (part.pool, part.owner, part.retries) == ("site-on-premises", "finance", 2)
    assert part.max_active_tis_per_dagrun == 2
    # And only the commit lands anything
    assert commit.upstream_task_ids == {"ledger-regional.part"}
    assert [outlet.name for outlet in commit.outlets] == ["acme-ledger-regional"]
    assert not part.outlets


def test_where_airflow_does_not_count_deferred_tasks_the_parts_are_lanes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given an Airflow before 3.3, and a pipeline of three key ranges, of which two may be read at once
    monkeypatch.setattr(factory, "COUNTS_DEFERRED", False)
    tasks = {task.task_id: task for task in build_dags(ESTATE)["acme-ledger-regional"].tasks}
    # Then the third waits for the first, whatever becomes of that, and the commit for all
    waits = {name.removeprefix("ledger-regional."): task.upstream_task_ids for name, task in tasks.items()}
    assert waits == {
        "part-0": set(),
        "part-1": set(),
        "part-2": {"ledger-regional.part-0"},
        "commit": {f"ledger-regional.part-{number}" for number in range(3)},
    }
    assert tasks["ledger-regional.part-2"].trigger_rule == "all_done"
    assert [tasks[f"ledger-regional.part-{number}"].part for number in range(3)] == [0, 1, 2]


def test_a_pipeline_after_others_is_mapped_over_the_intervals_that_they_landed(dags: dict[str, Any]) -> None:
    tasks = {task.task_id: task for task in dags["acme-orders-report"].tasks}
    found, report = tasks["orders-report-intervals"], tasks["orders-report"]
    assert report.is_mapped
    assert report.upstream_task_ids == {"orders-report-intervals"}
    # And finding them takes no slot of the site
    assert (found.pool, report.pool) == ("default_pool", "site-headquarters")
    assert [outlet.name for outlet in report.outlets] == ["acme-orders-report"]
    assert not found.outlets


@pytest.mark.skipif(DeadlineAlert is None, reason="Airflow before 3.1 has no deadline alerts")
def test_a_deadline_is_an_alert_of_the_whole_run(dags: dict[str, Any]) -> None:
    alert = dags["acme-ledger-regional"].deadline
    [alert] = alert if isinstance(alert, list) else [alert]
    assert alert.interval.total_seconds() == 7200
    assert alert.callback.path == "hybrid_airflow.deadline.deadline_missed"
    told = dict(alert.callback.kwargs)
    assert len(told.pop("of_dag")) == 16
    assert told == {"estate": "acme", "region": "eu-west-1", "seconds": 7200}
    assert not dags["acme-orders-regional"].deadline


def test_after_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    path = directory / "manifest" / "orders-report.json"
    path.write_text(path.read_text().replace('"orders-regional",', "").replace('"customers-regional"', ""))
    assert (
        "neither 'after' nor 'after_assets' names anything"
        in build(directory).faults["pipelines.orders-report"]
    )


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T06:00:00+02:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("March 2026", None),
    ],
)
def test_a_start_is_a_date_in_utc_or_is_refused(tmp_path: Path, written: str, start: datetime | None) -> None:
    # Given a pipeline's part with a start
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    path = directory / "manifest" / "orders-regional.json"
    path.write_text(path.read_text().replace('"start_date": "2026-01-01"', f'"start_date": "{written}"'))

    # Then the DAG begins there, or the file, the key and the value are told
    if start:
        assert build_dags(directory)["acme-orders-regional"].start_date == start
    else:
        fault = build(directory).faults["pipelines.orders-regional"]
        assert "orders-regional.json: start_date 'March 2026' is no date" in fault
