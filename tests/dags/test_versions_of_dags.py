"""Which DAGs get a new version by an edit of an estate: those that it is of; and their deadlines follow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow_server import edit
from test_dag_factory import ESTATE, serialized

from hybrid_airflow.compat import DeadlineAlert
from hybrid_airflow.factory import build_dags

#: What may be other in a pipeline's part, and what of the estate's.
OF_A_PIPELINE: list[dict[str, Any]] = [
    {"description": "Another."},
    {"owner": "somebody"},
    {"tags": ["other"]},
    {"schedule": "@weekly"},
    {"start_date": "2026-02-01"},
    {"catchup": True},
    {"max_active_runs": 3},
    {"retries": 1},
    {"retry_delay_seconds": 30},
    {"run_deadline_seconds": 60},
    {"query": "select 2"},
    {"specification": "9" * 64},
    {"prefix": "elsewhere/ledger"},
    {"readers": ["everybody"]},
    {"parts": 5},
    {"parts_at_once": 1},
    {"masks": {}},
]
OF_A_SITE: list[dict[str, Any]] = [
    {"cluster": "another"},
    {"pool": "site-another"},
    {"log_group": "/another"},
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The sample estate, of which two DAGs have a deadline."""
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    for name in ("ledger-regional", "orders-report"):
        edit(directory / "manifest" / f"{name}.json", deadline_seconds=7200)
    return directory


def stored(directory: Path) -> dict[str, dict[str, Any]]:
    """DAG id → what Airflow stores of it, but for its deadline."""
    found = {name: serialized(dag) for name, dag in build_dags(directory).items()}
    for dag in found.values():
        dag["dag"].pop("deadline", None)
    return found


def alerts(directory: Path) -> dict[str, Any]:
    """DAG id → the arguments of its alert."""
    found = {}
    for name, dag in build_dags(directory).items():
        deadline = getattr(dag, "deadline", None)
        for alert in deadline if isinstance(deadline, list) else filter(None, [deadline]):
            found[name] = alert.callback.kwargs
    return found


def changed(directory: Path, change: Callable[[], None]) -> set[str]:
    """The DAGs that are others after a change; each of them with a deadline has another alert."""
    before, alerts_before = stored(directory), alerts(directory)
    change()
    after, alerts_after = stored(directory), alerts(directory)
    others = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if DeadlineAlert is not None:
        assert set(alerts_before) == {"acme-ledger-regional", "acme-orders-report"}
        assert all(alerts_before[name] != alerts_after[name] for name in others & set(alerts_before))
    return others


@pytest.mark.parametrize("changes", OF_A_PIPELINE, ids=str)
def test_an_edit_of_a_pipeline_makes_a_version_of_its_own_dag_alone(
    directory: Path, changes: dict[str, Any]
) -> None:
    part = directory / "manifest" / "ledger-regional.json"
    assert changed(directory, lambda: edit(part, **changes)) <= {"acme-ledger-regional"}


def test_a_pipeline_that_comes_makes_no_version_of_another(directory: Path) -> None:
    # Given a mapped task, of which Airflow stores the arguments
    estate = json.loads((directory / "manifest.json").read_text())

    def add() -> None:
        part = json.loads((directory / "manifest" / "ledger-regional.json").read_text())
        new = {**part, "pipeline": "new", "prefix": "regional/new"}
        (directory / "manifest" / "new.json").write_text(json.dumps(new))
        edit(directory / "manifest.json", pipelines=[*estate["pipelines"], "new"])

    # Then it is the only one that is new
    assert changed(directory, add) == {"acme-new"}


@pytest.mark.parametrize("changes", OF_A_SITE, ids=str)
def test_an_edit_of_a_site_makes_versions_of_those_that_run_there(
    directory: Path, changes: dict[str, Any]
) -> None:
    sites = json.loads((directory / "manifest.json").read_text())["sites"]

    def change() -> None:
        edit(directory / "manifest.json", sites=sites | {"headquarters": sites["headquarters"] | changes})

    assert changed(directory, change) <= {
        "acme-customers",
        "acme-customers-headquarters",
        "acme-orders-report",
    }


def test_another_prefix_upstream_is_another_asset_that_a_report_waits_for(directory: Path) -> None:
    part = directory / "manifest" / "orders-regional.json"
    found = changed(directory, lambda: edit(part, prefix="elsewhere/orders"))
    assert found == {"acme-orders-regional", "acme-orders-report"}


def test_of_a_mapped_task_airflow_stores_no_more_of_the_estate_than_its_own(directory: Path) -> None:
    text = json.dumps(serialized(build_dags(directory)["acme-ledger-regional"]), default=str)
    assert "orders-regional" not in text
    assert "headquarters" not in text
