"""The part of Airflow's REST API that the demo and the tests use (Airflow, "Stable REST API", v2)."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

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
class TaskTry:
    """A try of a task in a run.

    Attributes:
        dag: id of the DAG.
        run: id of its run.
        task: id of the task.
        map_index: of a mapped task; -1 for another one.
        number: of the try, from 1.
        state: as Airflow has it; None before it has one.
        started_at: when the try began.
    """

    dag: str
    run: str
    task: str
    map_index: int
    number: int
    state: str | None
    started_at: datetime

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, and no other try of it follows."""
        return self.state in _FINISHED


class AirflowClient:
    """The part of Airflow's REST API that the demo and the tests use.

    Args:
        url: address of the web page.
        user: who logs in.
        password: of that user.
    """

    def __init__(self, url: str, *, user: str, password: str) -> None:
        self._api = f"{url}/api/v2"
        token = request("POST", f"{url}/auth/token", body={"username": user, "password": password})
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
        """Start a run by hand and return its id.

        Its logical date is the present: of that, a schedule with data intervals makes the last one that is
        over (Airflow, `Timetable.infer_manual_data_interval`). Without one a run would have none.
        """
        now = datetime.now(UTC).isoformat()
        run = self._send("POST", f"/dags/{dag}/dagRuns", {"logical_date": now, "conf": dict(conf or {})})
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

    def last_tries(self, dag: str) -> list[TaskTry]:
        """The tries of a DAG's tasks that began last, the newest first; none of a DAG that there is not."""
        try:
            found = self._get(f"/dags/{dag}/dagRuns/~/taskInstances?order_by=-start_date&limit=100")
        except AirflowError:
            return []
        return [
            TaskTry(
                dag=one["dag_id"],
                run=one["dag_run_id"],
                task=one["task_id"],
                map_index=one["map_index"],
                number=one["try_number"],
                state=one["state"],
                started_at=_time(one["start_date"]),
            )
            for one in found["task_instances"]
            if one["start_date"]
        ]

    def task_log(self, one: TaskTry) -> list[dict[str, Any]]:
        """What a try of a task has written so far, as Airflow gives it: an entry a line."""
        path = f"/dags/{one.dag}/dagRuns/{quote(one.run, safe='')}/taskInstances/{one.task}/logs/{one.number}"
        content = self._get(f"{path}?full_content=true&map_index={one.map_index}")["content"]
        return [entry if isinstance(entry, dict) else {"event": str(entry)} for entry in content]

    def _all(self, path: str, key: str, *, order_by: str = "id") -> list[Any]:
        """Every page of a list; Airflow gives no more than a hundred at once ([api] maximum_page_limit)."""
        found: list[Any] = []
        while True:
            page = self._get(f"{path}?limit=100&offset={len(found)}&order_by={order_by}")
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _get(self, path: str) -> Any:
        return request("GET", self._api + path, headers=self._headers)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return request(method, self._api + path, body=body, headers=self._headers)


def _time(text: str | None) -> datetime:
    """A time of the REST API; long ago where there is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00") if text else "1970-01-01T00:00:00+00:00")


def request(
    method: str, url: str, *, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    """The answer of Airflow to a request, from JSON.

    Raises:
        AirflowError: no answer, or one that is no JSON or an error.
    """
    import urllib3  # noqa: PLC0415 - help does not wait for it

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
