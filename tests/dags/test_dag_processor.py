"""What Airflow's own DAG processor writes into its database of an estate with a fault in one pipeline."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ESTATE = Path(__file__).parent / "fixtures" / "estate"
DAG_FILES = ("hybrid_pipelines.py", "hybrid_faults.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow of its own: a database, and the DAG folder as it is deployed."""
    home = tmp_path_factory.mktemp("airflow")
    shutil.copytree(ESTATE, home / "dags")
    for file in DAG_FILES:
        shutil.copy(ROOT / "dags" / file, home / "dags")
    airflow(home, "db", "migrate")
    return home


def airflow(home: Path, *command: str) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "PYTHONPATH": str(ROOT / "dags" / "plugin"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


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
