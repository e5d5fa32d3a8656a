"""Airflow on this machine, as near to MWAA's as can be: same version, DAGs from the bucket, plugins unpacked.

`airflow standalone` runs scheduler, DAG processor, triggerer and API server; its database is PostgreSQL,
its DAG folder follows the DAG bucket of the emulator (hybrid/local/dag_folder.py), and its plugins folder is
the unpacked plugins.zip.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from hybrid import digest
from hybrid.files import private_directory, write_whole
from hybrid.local import airflow_standalone
from hybrid.local.listening import Address
from hybrid.local.services import Services

SERVICE = "airflow"
#: Who may log in.
USER = "admin"

#: Seconds between two requests to read a DAG's file anew.
_PARSE_SECONDS = 10
_ANSWER_SECONDS = 60
_FINISHED = ("success", "failed")


class AirflowError(Exception):
    """Airflow did not answer as it should; the message says what was asked and what it said."""


@dataclass(frozen=True)
class TaskRun:
    """A task of a DAG run, as Airflow shows it."""

    task: str
    state: str | None
    tries: int

    @property
    def shown(self) -> str:
        """The state in words: a task without one waits for its turn."""
        return self.state or "waiting"


@dataclass(frozen=True)
class DagRun:
    """A run of a DAG, as Airflow shows it.

    Attributes:
        id: its id.
        state: queued, running, success or failed.
        kind: manual, scheduled, asset_triggered or backfill.
    """

    id: str
    state: str
    kind: str

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, one way or the other."""
        return self.state in _FINISHED


@dataclass(frozen=True)
class ReadDag:
    """A DAG as Airflow has read it.

    Attributes:
        id: its id.
        file: its file, below the folder of DAGs.
        read_at: when that was read last.
        file_token: names the file to Airflow.
    """

    id: str
    file: str
    read_at: datetime
    file_token: str


@dataclass(frozen=True)
class AirflowServer:
    """One local Airflow.

    Attributes:
        services: where it runs.
        home: its AIRFLOW_HOME.
        python: interpreter of the environment that has Airflow.
        port: of the web page and the REST API, on 127.0.0.1.
        database_url: SQLAlchemy URL of its metadata database.
        dags: folder of the DAG files.
        plugins: folder of the unpacked plugins.zip.
        aws: environment variables for AWS clients.
    """

    services: Services
    home: Path
    python: Path
    port: int
    database_url: str
    dags: Path
    plugins: Path
    aws: Mapping[str, str]

    @property
    def url(self) -> str:
        """Address of the web page."""
        return f"http://localhost:{self.port}"

    @property
    def password_file(self) -> Path:
        """File with the password of the user `admin`."""
        return password_file(self.home)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.services.process(SERVICE) is not None

    def start(self, *, timeout: float = 240, made_from: str = "") -> bool:
        """Start Airflow and wait until its API answers; True where it had to be started.

        Args:
            timeout: seconds to wait for that.
            made_from: digest of what it reads only when it starts, such as its plugins; another one than it
                runs with starts it anew.

        Raises:
            PortTaken: somebody else listens on its port.
            ServiceError: it did not come up.
        """
        private_directory(self.home)
        if not self._password():
            write_whole(self.password_file, json.dumps({USER: secrets.token_urlsafe(12)}))
        return self.services.start(
            SERVICE,
            # -P: beside the file lies one that is called airflow.
            [str(self.python), "-P", str(Path(airflow_standalone.__file__))],
            environment=self.environment(),
            ready=self._is_healthy,
            timeout=timeout,
            cwd=self.home,
            listens=[Address("127.0.0.1", self.port)],
            made_from=digest.of_values(self._settings(), made_from),
        )

    def environment(self) -> dict[str, str]:
        """Environment variables of this Airflow; for its command line too."""
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "AWS_"))
        }
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        return {**inherited, **self._settings(), "PATH": path}

    def _settings(self) -> dict[str, str]:
        bundle = {
            "name": "dags",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(self.dags), "refresh_interval": 3},
        }
        return {
            **self.aws,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws"}),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # A DAG that changed twice in half a minute is the second one, not the first.
            "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database_url,
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            # A DAG that left its file leaves the list in seconds, not in two minutes.
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "10",
            "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "3",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
            "PYTHONUNBUFFERED": "1",
        }

    def client(self) -> AirflowClient:
        """A client of its REST API, logged in."""
        return AirflowClient(self.url, user=USER, password=self._password())

    def _password(self) -> str:
        """The password; empty where the file is missing or half."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self.password_file.read_text())[USER])
        return ""

    def _is_healthy(self) -> bool:
        try:
            health = _request("GET", f"{self.url}/api/v2/monitor/health")
        except AirflowError:
            return False
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        with suppress(KeyError, TypeError):
            return all(health[part]["status"] == "healthy" for part in parts)
        return False


def password_file(home: Path) -> Path:
    """File below an AIRFLOW_HOME with the password of the user `admin`."""
    return home / "simple_auth_manager_passwords.json"


class AirflowClient:
    """The part of Airflow's REST API that the demo and the tests use.

    Args:
        url: address of the web page.
        user: who logs in.
        password: of that user.
    """

    def __init__(self, url: str, *, user: str, password: str) -> None:
        self._api = f"{url}/api/v2"
        token = _request("POST", f"{url}/auth/token", body={"username": user, "password": password})
        self._headers = {"Authorization": f"Bearer {token['access_token']}"}

    def wait_for_dag(self, dag: str, *, timeout: float = 120, read_since: datetime | None = None) -> None:
        """Wait until Airflow has read a DAG.

        Args:
            dag: its id.
            timeout: seconds to wait.
            read_since: what it has read before does not count: its file has changed then.

        Raises:
            AirflowError: it has not in `timeout` seconds; the message holds the import errors.
        """
        deadline, asked = time.monotonic() + timeout, -math.inf
        while True:
            found = [one for one in self._all("/dags", "dags", order_by="dag_id") if one["dag_id"] == dag]
            if found and (read_since is None or _time(found[0]["last_parsed_time"]) > read_since):
                return
            if time.monotonic() > deadline:
                errors = [error["stack_trace"] for error in self._get("/importErrors")["import_errors"]]
                raise AirflowError(f"Airflow shows no DAG {dag} after {timeout:.0f} s\n" + "\n".join(errors))
            if found and time.monotonic() > asked + _PARSE_SECONDS:
                asked = time.monotonic()
                self.parse(found[0]["file_token"])
            time.sleep(0.5)

    def dags(self) -> list[ReadDag]:
        """Every DAG that Airflow lists: those that are in the files it has read."""
        return [
            ReadDag(
                one["dag_id"],
                one["relative_fileloc"] or "",
                _time(one["last_parsed_time"]),
                one["file_token"],
            )
            for one in self._all("/dags", "dags", order_by="dag_id")
        ]

    def version(self, dag: str) -> int:
        """Number of the newest version of a DAG."""
        found = self._get(f"/dags/{dag}/dagVersions?limit=1&order_by=-version_number")["dag_versions"]
        return int(found[0]["version_number"]) if found else 0

    def import_errors(self) -> dict[str, tuple[datetime, str]]:
        """Files that could not be read: when it was tried last, and what Python said."""
        found = self._get("/importErrors?limit=100")["import_errors"]
        return {one["filename"]: (_time(one["timestamp"]), one["stack_trace"]) for one in found}

    def parse(self, file_token: str) -> None:
        """Ask for a DAG's file to be read anew; a request that is made already will do."""
        with suppress(AirflowError):
            self._send("PUT", f"/parseDagFile/{file_token}", {})

    def unpause(self, dag: str) -> None:
        """Let a DAG run."""
        self._send("PATCH", f"/dags/{dag}", {"is_paused": False})

    def pools(self) -> dict[str, int]:
        """Slots of each pool, by its name."""
        return {str(pool["name"]): int(pool["slots"]) for pool in self._get("/pools?limit=1000")["pools"]}

    def trigger(self, dag: str, *, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run by hand and return its id."""
        run = self._send("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        """State of a run."""
        return str(self._get(f"/dags/{dag}/dagRuns/{run}")["state"])

    def states(self, dag: str) -> dict[str, str]:
        """State of each run of a DAG, by its id."""
        return {
            str(run["dag_run_id"]): str(run["state"]) for run in self._all(f"/dags/{dag}/dagRuns", "dag_runs")
        }

    def task_runs(self, dag: str) -> dict[str, list[TaskRun]]:
        """The tasks of every run of a DAG, by the run's id."""
        found: dict[str, list[TaskRun]] = {}
        for entry in self._all(f"/dags/{dag}/dagRuns/~/taskInstances", "task_instances"):
            task = TaskRun(entry["task_id"], entry["state"], entry["try_number"])
            found.setdefault(entry["dag_run_id"], []).append(task)
        return found

    def active_runs(self, dag: str) -> list[DagRun]:
        """Runs of a DAG that have not ended, the next one first."""
        query = "state=running&state=queued&limit=100&order_by=run_after"
        found = self._get(f"/dags/{dag}/dagRuns?{query}")["dag_runs"]
        return [DagRun(one["dag_run_id"], one["state"], one["run_type"]) for one in found]

    def run(self, dag: str, run: str) -> DagRun:
        """A run of a DAG."""
        one = self._get(f"/dags/{dag}/dagRuns/{quote(run, safe='')}")
        return DagRun(one["dag_run_id"], one["state"], one["run_type"])

    def max_active_runs(self, dag: str) -> int:
        """How many runs of a DAG may go on at once."""
        return int(self._get(f"/dags/{dag}/details")["max_active_runs"])

    def result(self, dag: str, run: str, task: str) -> Any:
        """What a task returned; None where it returned nothing."""
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        return self._get(f"{path}?stringify=false")["value"]

    def tasks(self, dag: str, run: str) -> list[TaskRun]:
        """Tasks of a run, sorted by name."""
        of_run = f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances"
        entries = self._get(f"{of_run}?limit=1000")["task_instances"]
        return sorted(
            (TaskRun(entry["task_id"], entry["state"], entry["try_number"]) for entry in entries),
            key=lambda task: task.task,
        )

    def clear(self, dag: str, run: str, *, only_failed: bool = True) -> None:
        """Let the failed tasks of a run start again."""
        body = {"dry_run": False, "dag_run_id": run, "only_failed": only_failed, "reset_dag_runs": True}
        self._send("POST", f"/dags/{dag}/clearTaskInstances", body)

    def follow(self, dag: str, run: str, *, timeout: float) -> Iterator[list[TaskRun]]:
        """The tasks of a run at each change, until it has finished.

        Raises:
            AirflowError: it has not finished in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        before: list[TaskRun] | None = None
        while True:
            finished = self.state(dag, run) in _FINISHED
            tasks = self.tasks(dag, run)
            if tasks != before:
                before = tasks
                yield tasks
            if finished:
                return
            if time.monotonic() > deadline:
                states = ", ".join(f"{task.task} is {task.shown}" for task in tasks)
                raise AirflowError(f"run {run} of {dag} has not finished after {timeout:.0f} s: {states}")
            time.sleep(1)

    def failure(self, dag: str, run: str, task: str, *, attempt: int) -> str:
        """Why a try of a task failed: the first line of its exception; empty where it has none."""
        content = self._get(
            f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/logs/{attempt}?full_content=true"
        )
        details = [entry["error_detail"] for entry in content["content"] if entry.get("error_detail")]
        return str(details[-1][0]["exc_value"]).splitlines()[0] if details else ""

    def _all(self, path: str, key: str, *, order_by: str = "id") -> list[Any]:
        """Every page of a list; Airflow gives no more than a hundred at once ([api] maximum_page_limit)."""
        found: list[Any] = []
        while True:
            page = self._get(f"{path}?limit=100&offset={len(found)}&order_by={order_by}")
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _get(self, path: str) -> Any:
        return _request("GET", self._api + path, headers=self._headers)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return _request(method, self._api + path, body=body, headers=self._headers)


def _time(text: str | None) -> datetime:
    """A time of the REST API; long ago where there is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00") if text else "1970-01-01T00:00:00+00:00")


def _request(
    method: str, url: str, *, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    try:
        response = urllib3.request(
            method,
            url,
            body=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json", "Accept": "application/json", **(headers or {})},
            timeout=_ANSWER_SECONDS,
            # A machine that is busy starting Airflow may be slow to answer; reading again changes nothing.
            retries=urllib3.Retry(3, backoff_factor=1, connect=0) if method == "GET" else False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise AirflowError(f"{method} {url}: no answer: {error}") from error
    if response.status >= 400:
        raise AirflowError(f"{method} {url}: {response.status}: {response.data.decode()[:500]}")
    try:
        return json.loads(response.data or b"null")
    except ValueError as error:
        raise AirflowError(f"{method} {url}: the answer is not JSON, so it is not Airflow's") from error
