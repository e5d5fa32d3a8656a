"""The log of a pipeline's last run: what Airflow's task wrote, and what its container did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrid.estate import Estate
from hybrid.estate.naming import Names
from sandbox.services.airflow_api import AirflowClient, TaskTry

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

#: Of Airflow's log, what says nothing of the task: clients that find their settings, and groups of lines.
_CHATTER = ("botocore", "airflow.dag_processing")


@dataclass(frozen=True)
class Line:
    """A line of a log.

    Attributes:
        at: ISO 8601; empty where Airflow gives none.
        level: info, warning, error.
        text: what it says.
    """

    at: str
    level: str
    text: str

    def __str__(self) -> str:
        level = "" if self.level == "info" else f"{self.level}: "
        return f"{self.at[:19]}  {level}{self.text}"


def last_try(client: AirflowClient, estate: Estate, pipeline: str) -> TaskTry | None:
    """The try of a pipeline's task that began last, in its own DAG or in one of `dags`; None before any.

    Of a pipeline in key ranges, that of a range or of their commit; of one with `overlap`, that of an
    interval that is read again as well.
    """
    name = estate.environment.name
    dags = {f"{name}-{pipeline}"}
    dags |= {f"{name}-{entry}" for entry, dag in estate.dags.items() if pipeline in dag.pipelines}
    tasks = {pipeline, f"{pipeline}.part", f"{pipeline}.commit", f"{pipeline}-again"}
    found = [one for dag in sorted(dags) for one in client.last_tries(dag) if one.task in tasks]
    return max(found, key=lambda one: one.started_at, default=None)


def airflow_lines(client: AirflowClient, one: TaskTry) -> list[Line]:
    """What Airflow's task has written, less what its libraries say of themselves."""
    return [line for entry in client.task_log(one) if (line := _airflow_line(entry)) is not None]


def container_lines(
    ecs: ECSClient, logs: CloudWatchLogsClient, estate: Estate, pipeline: str, one: TaskTry
) -> Iterator[tuple[str, list[Line]]]:
    """The containers of a task, each with its lines, the earliest first.

    Raises:
        ClientError, BotoCoreError: the demo could not be asked.
    """
    source = estate.pipelines[pipeline].source
    site, names = estate.sources[source].site, Names(estate.environment.name)
    cluster = names.cluster(site)
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster=cluster, startedBy=_started_by(one), desiredStatus=status)[
            "taskArns"
        ]
    ]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    for task in sorted(tasks, key=lambda task: task["createdAt"]):
        identifier = task["taskArn"].rpartition("/")[2]
        stream = f"{names.log_stream_prefix(source)}/{identifier}"
        try:
            events = logs.get_log_events(
                logGroupName=names.log_group(site), logStreamName=stream, startFromHead=True
            )["events"]
        except logs.exceptions.ResourceNotFoundException:
            events = []
        yield identifier, [_container_line(event["message"]) for event in events]


def _started_by(one: TaskTry) -> str:
    """What ECS knows a task instance by, in all its tries (dags/plugin/hybrid_airflow/identity.py)."""
    parts = "\0".join((one.dag, one.run, one.task, str(one.map_index)))
    return f"airflow-{hashlib.sha256(parts.encode()).hexdigest()[:24]}"


def _airflow_line(entry: Mapping[str, Any]) -> Line | None:
    text, logger = str(entry.get("event", "")), str(entry.get("logger", ""))
    is_chatter = logger.startswith(_CHATTER) or str(entry.get("category", "")).endswith("Warning")
    if text.startswith("::") or not entry.get("timestamp") or is_chatter:
        return None
    details = [str(detail["exc_value"]) for detail in entry.get("error_detail") or ()]
    return Line(str(entry["timestamp"]), str(entry.get("level", "info")), " ".join([text, *details]).strip())


def _container_line(message: str) -> Line:
    """A line of the container, which are JSON; another one, as of a crash, as it is."""
    try:
        entry = json.loads(message)
        at, level, text = entry.pop("time"), entry.pop("level"), entry.pop("message")
    except (ValueError, KeyError, AttributeError, TypeError):
        return Line("", "info", message)
    fields = " ".join(f"{name}={value}" for name, value in entry.items())
    return Line(at, level, f"{text} ({fields})" if fields else text)
