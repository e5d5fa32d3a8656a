"""What Airflow's own DAG processor writes into its database of an estate with a fault in one pipeline."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from airflow_home import ESTATE, airflow, make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("airflow"))


def state(home: Path) -> tuple[dict[str, bool], dict[str, str]]:
    """DAG id → whether Airflow shows it; file → its import error."""
    with sqlite3.connect(home / "airflow.db") as database:
        dags = {dag: not stale for dag, stale in database.execute("select dag_id, is_stale from dag")}
        return dags, dict(database.execute("select filename, stacktrace from import_error"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_dags_of_all_other_pipelines_stay_in_airflow(home: Path) -> None:
    # Given an estate that Airflow has read
    airflow(home, "dag-processor", "--num-runs", "2")
    dags, errors = state(home)
    assert (len(dags), all(dags.values()), errors) == (6, True, {})
    # When one pipeline gets a schedule that never comes, another one that is none, and a third a newer part
    parts = home / "dags" / "manifest"
    edit(parts / "ledger-regional.json", schedule="0 0 30 2 *", uses_interval=True)
    edit(parts / "orders-regional.json", schedule="0 25 * * *")
    edit(parts / "customers-headquarters.json", version=2)
    airflow(home, "dag-processor", "--num-runs", "3")
    dags, errors = state(home)
    # Then the others are shown, and the errors are of a file without a DAG
    assert {dag for dag, shown in dags.items() if shown} >= {"acme-customers-regional", "acme-orders-report"}
    assert list(errors) == ["hybrid_faults.py"]
    for key in (
        "dags.customers",
        "pipelines.customers-headquarters",
        "pipelines.ledger-regional",
        "pipelines.orders-regional",
    ):
        assert f"{key} of the estate file has no DAG: " in errors["hybrid_faults.py"]
    # And when all is right again, so is Airflow
    shutil.copytree(ESTATE, home / "dags", dirs_exist_ok=True)
    airflow(home, "dag-processor", "--num-runs", "3")
    dags, errors = state(home)
    assert (len(dags), all(dags.values()), errors) == (6, True, {})
