"""A whole Airflow for a test: scheduler, DAG processor, triggerer and API server, on one SQLite database."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_home import ROOT, airflow, make_home
from scripted_aws import REGION, ScriptedAws

_PARTS = (
    ("api-server",),
    ("dag-processor",),
    ("scheduler", "--skip-serve-logs"),
    ("triggerer", "--skip-serve-logs"),
)


@dataclass(frozen=True)
class AirflowServer:
    """One that runs. Everything is read from its database, and written by its command line."""

    home: Path
    settings: Mapping[str, str]

    def command(self, *words: str) -> str:
        """What a command of Airflow printed."""
        return airflow(self.home, *words, **self.settings)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of its database."""
        with sqlite3.connect(self.home / "airflow.db", timeout=30) as database:
            return database.execute(statement, values).fetchall()

    def runs(self, dag: str) -> list[str]:
        """States of a DAG's runs, in the order in which they were made."""
        return [row[0] for row in self.rows("select state from dag_run where dag_id = ? order by id", dag)]

    def until(self, found: Callable[[], Any], *, seconds: float = 120, what: str) -> Any:
        """What `found` gives, as soon as that is something."""
        deadline = time.monotonic() + seconds
        while not (value := found()):
            assert time.monotonic() < deadline, f"{what}: not in {seconds:g} s\n{self.log()}"
            time.sleep(0.5)
        return value

    def log(self) -> str:
        """The ends of its services' logs."""
        return "\n".join(
            f"== {file.name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-25:])
            for file in sorted(self.home.glob("*.out"))
        )


@contextmanager
def airflow_server(
    home: Path, *, parts: Mapping[str, Mapping[str, Any]], aws: ScriptedAws
) -> Iterator[AirflowServer]:
    """One with the sample estate in `home`, none of it scheduled, until the end of the block.

    Args:
        parts: What is other in the manifests of pipelines.
        aws: What its tasks and triggers take for AWS.
    """
    make_home(home)
    for file in (home / "dags" / "manifest").iterdir():
        edit(
            file,
            **{"schedule": None, "after": [], "catchup": False, "retries": 0, **parts.get(file.stem, {})},
        )
    settings = _settings(home) | _of_aws(aws)
    environment = {**os.environ, **settings, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "airflow", *part],
            env=environment,
            stdout=(home / f"{part[0]}.out").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        for part in _PARTS
    ]
    server = AirflowServer(home, settings)
    try:
        server.until(lambda: _is_healthy(settings), seconds=240, what="Airflow is healthy")
        server.until(
            lambda: len(server.rows("select dag_id from dag where not is_stale")) == 6, what="the DAGs"
        )
        yield server
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def edit(file: Path, **changes: Any) -> None:
    """Change keys of a part of the manifest, as a deployment does: in one step."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    new.replace(file)


def _settings(home: Path) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of a test, and long enough for the digest that is made with it",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugin"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "PYTHONPATH": str(ROOT / "dags" / "plugin"),
    }


def _of_aws(aws: ScriptedAws) -> dict[str, str]:
    return {
        "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws"}',
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }


def _is_healthy(settings: Mapping[str, str]) -> bool:
    try:
        with urllib.request.urlopen(
            f"{settings['AIRFLOW__API__BASE_URL']}/api/v2/monitor/health", timeout=5
        ) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return False
    return all(
        health[part]["status"] == "healthy"
        for part in ("metadatabase", "scheduler", "dag_processor", "triggerer")
    )
