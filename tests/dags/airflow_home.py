"""An Airflow of its own for a test: a database, and a DAG folder as it is deployed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ESTATE = Path(__file__).parent / "fixtures" / "estate"


def make_home(home: Path) -> Path:
    """Make the database and the DAG folder, with the sample estate, in `home`."""
    shutil.copytree(ESTATE, home / "dags")
    for file in (ROOT / "dags").glob("*.py"):
        shutil.copy(file, home / "dags")
    airflow(home, "db", "migrate")
    return home


def airflow(home: Path, *command: str, **more: str) -> str:
    """What a command of Airflow printed; `more` are variables of its environment."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "PYTHONPATH": str(ROOT / "dags" / "plugin"),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout + done.stderr
