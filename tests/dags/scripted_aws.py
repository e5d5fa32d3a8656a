# ruff: noqa: N802  the methods have the names of the API's operations
"""A scripted stand-in for ECS, CloudWatch Logs, SSM and S3, over HTTP: botocore's real calls reach it.

It runs no container. A test says what a container will do (`Script`) and which calls fail (`fail`), and
sees every call that was made. Requests and answers are checked against botocore's service model, so that
the stand-in cannot drift into a service of its own.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
_SESSION = botocore.session.get_session()
_TARGETS = {
    _SESSION.get_service_model(name).metadata["targetPrefix"]: _SESSION.get_service_model(name)
    for name in ("ecs", "logs", "ssm")
}


#: Pipelines of the sample estate, by the first digit of their specifications.
_PIPELINES = {"customers": "12", "orders": "34", "ledger": "5"}


@dataclass
class Script:
    """What a container does. Seconds count from its creation, then from its start, then from StopTask.

    `last_lines` are in its log only once it has ended.
    """

    pending: float = 0.0
    running: float = 0.05
    exit_code: int | None = 0
    receipt: bool = True
    receipt_attempt: str | None = None
    lines: Sequence[str] = ('{"level": "info", "message": "read", "rows": 3}',)
    last_lines: Sequence[str] = ()
    stopped_reason: str = "Essential container in task exited"
    stop_code: str = "EssentialContainerExited"
    container_reason: str | None = None
    container_status: str = "STOPPED"
    stopping: float = 0.05
    killed_exit_code: int | None = 143
    cut_off: bool = False


@dataclass
class Fault:
    """An answer in place of the service's own: an error, or an answer after which the line breaks."""

    code: str = "ThrottlingException"
    status: int = 400
    message: str = "Rate exceeded"
    answer: Mapping[str, Any] | None = None
    after_doing: bool = False


@dataclass
class Call:
    operation: str
    params: dict[str, Any]


@dataclass
class _Task:
    arn: str
    request: dict[str, Any]
    script: Script
    created: float
    instance: str | None
    stop_at: float | None = None
    stop_reason: str | None = None
    landed: bool = False


class ServiceError(Exception):
    def __init__(self, code: str, message: str, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.code, self.status, self.more = code, status, more


@dataclass
class ScriptedAws:
    """The stand-in: its state, and what a test may say and see."""

    script: Script = field(default_factory=Script)
    scripts: deque[Script] = field(default_factory=deque)
    by_family: dict[str, Script] = field(default_factory=dict)
    instances: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    tasks: dict[str, _Task] = field(default_factory=dict)
    logs_missing: bool = False
    lake_is_not_listed: bool = False
    lake_is_busy: int = 0
    clock_ahead: float = 0.0
    hook: Callable[[str, str], None] | None = None
    url: str = ""

    def __post_init__(self) -> None:
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._tokens: dict[str, tuple[str, dict[str, Any]]] = {}
        self._lock = threading.RLock()
        self.add_host("mi-0a1b", "erp-1")

    def add_host(self, machine: str, name: str, *, connected: bool = True, ping: str = "Online") -> None:
        self.instances.append(
            {
                "containerInstanceArn": f"{ARN}:container-instance/site/{machine.removeprefix('mi-') * 4}",
                "ec2InstanceId": machine,
                "status": "ACTIVE",
                "agentConnected": connected,
            }
        )
        self.nodes.append(
            {
                "InstanceId": machine,
                "ComputerName": name,
                "PingStatus": ping,
                "LastPingDateTime": datetime(2026, 11, 22, 3, 12, tzinfo=UTC),
            }
        )

    def fail(self, operation: str, *faults: Fault) -> None:
        """The next calls of an operation meet these faults, in order."""
        self._faults[operation].extend(faults)

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)

    def params(self, operation: str) -> list[dict[str, Any]]:
        return [call.params for call in self.calls if call.operation == operation]

    @property
    def running(self) -> list[str]:
        return [task.arn for task in self.tasks.values() if self._view(task)["lastStatus"] != "STOPPED"]

    def answer(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls.append(Call(operation, params))
            fault = self._faults[operation].popleft() if self._faults[operation] else None
            if fault and not fault.after_doing:
                if fault.answer is not None:
                    return dict(fault.answer)
                raise ServiceError(fault.code, fault.message, fault.status)
            result: dict[str, Any] = getattr(self, f"_{operation}")(params)
        if self.hook:
            self.hook(operation, "done")
        if fault:
            raise ServiceError(fault.code, fault.message, fault.status)
        return result

    def _RunTask(self, params: dict[str, Any]) -> dict[str, Any]:
        token = params.get("clientToken")
        if token and token in self._tokens:
            arn, before = self._tokens[token]
            if before != params:
                raise ServiceError(
                    "ConflictException", "The token was used with other parameters", resourceIds=[arn]
                )
            return {"tasks": [self._view(self.tasks[arn])], "failures": []}
        external = params.get("launchType") == "EXTERNAL"
        free = [i for i in self.instances if i["agentConnected"] and i["status"] == "ACTIVE"]
        if external and not free:
            return {"tasks": [], "failures": [{"arn": f"{ARN}:container-instance/none", "reason": "AGENT"}]}
        arn = f"{ARN}:task/{params['cluster']}/{len(self.tasks):032x}"
        self.tasks[arn] = _Task(
            arn=arn,
            request=params,
            script=(
                self.scripts.popleft()
                if self.scripts
                else self.by_family.get(params["taskDefinition"], self.script)
            ),
            created=time.time(),
            instance=free[0]["containerInstanceArn"] if external else None,
        )
        if token:
            self._tokens[token] = (arn, params)
        return {"tasks": [self._view(self.tasks[arn])], "failures": []}

    def _DescribeTasks(self, params: dict[str, Any]) -> dict[str, Any]:
        assert len(params["tasks"]) <= 100, "DescribeTasks takes 100 tasks at most"
        found = [self._view(self.tasks[arn]) for arn in params["tasks"] if arn in self.tasks]
        missing = [{"arn": arn, "reason": "MISSING"} for arn in params["tasks"] if arn not in self.tasks]
        return {"tasks": found, "failures": missing}

    def _ListTasks(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("desiredStatus", "RUNNING")
        views = [
            self._view(task) for task in self.tasks.values() if task.request["cluster"] == params["cluster"]
        ]
        return {
            "taskArns": [
                view["taskArn"]
                for view in views
                if view["desiredStatus"] == wanted
                and params.get("startedBy") in (None, view.get("startedBy"))
            ]
        }

    def _StopTask(self, params: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks.get(params["task"])
        if task is None:
            raise ServiceError("InvalidParameterException", "The referenced task was not found.")
        if task.stop_at is None:
            task.stop_at, task.stop_reason = time.time(), params.get("reason", "Task stopped by user")
        return {"task": self._view(task)}

    def _ListContainerInstances(self, _params: dict[str, Any]) -> dict[str, Any]:
        return {"containerInstanceArns": [i["containerInstanceArn"] for i in self.instances]}

    def _DescribeContainerInstances(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params["containerInstances"]
        return {
            "containerInstances": [i for i in self.instances if i["containerInstanceArn"] in wanted],
            "failures": [],
        }

    def _DescribeInstanceInformation(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = {value for filter_ in params.get("Filters", []) for value in filter_["Values"]}
        return {"InstanceInformationList": [n for n in self.nodes if n["InstanceId"] in wanted]}

    def _GetLogEvents(self, params: dict[str, Any]) -> dict[str, Any]:
        task_id = params["logStreamName"].rsplit("/", 1)[-1]
        found = [task for task in self.tasks.values() if task.arn.endswith(task_id)]
        started = found and time.time() >= found[0].created + found[0].script.pending
        if self.logs_missing or not started:
            raise ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")
        lines = [*found[0].script.lines]
        if self._view(found[0])["lastStatus"] == "STOPPED":
            lines += found[0].script.last_lines
        start = int(params.get("nextToken", "f/0").removeprefix("f/"))
        if not params.get("startFromHead"):
            start = max(0, len(lines) - params.get("limit", 100))
        events = [{"timestamp": 1, "message": line, "ingestionTime": 1} for line in lines[start:]]
        return {"events": events, "nextForwardToken": f"f/{len(lines)}", "nextBackwardToken": "b/0"}

    def _view(self, task: _Task) -> dict[str, Any]:
        """The task as DescribeTasks shows it now."""
        script, now, request = task.script, time.time(), task.request
        started, ended = task.created + script.pending, task.created + script.pending + script.running
        container: dict[str, Any] = {"name": request["overrides"]["containerOverrides"][0]["name"]}
        view: dict[str, Any] = {
            "taskArn": task.arn,
            "clusterArn": f"{ARN}:cluster/{request['cluster']}",
            "createdAt": _time(task.created),
            "desiredStatus": "RUNNING",
            "overrides": request["overrides"],
            **({"startedBy": request["startedBy"]} if "startedBy" in request else {}),
            **({"containerInstanceArn": task.instance} if task.instance else {}),
        }
        stopped_at = (
            task.stop_at + script.stopping if task.stop_at is not None and task.stop_at < ended else ended
        )
        cut_off = script.cut_off and now >= started
        if task.stop_at is not None:
            view |= {"desiredStatus": "STOPPED", "stoppingAt": _time(task.stop_at)}
        if now >= stopped_at and not cut_off:
            self._end(task, view, container, stopped_at)
        else:
            status = "RUNNING" if now >= started else "PENDING"
            view["lastStatus"] = container["lastStatus"] = status
        if now >= started and started < stopped_at:
            view["startedAt"] = _time(started)
        ahead = timedelta(seconds=self.clock_ahead)
        told = {name: time + ahead for name, time in view.items() if isinstance(time, datetime)}
        return view | told | {"containers": [container]}

    def _end(self, task: _Task, view: dict[str, Any], container: dict[str, Any], at: float) -> None:
        script = task.script
        by_hand = task.stop_at is not None and task.stop_at < at
        code = script.killed_exit_code if by_hand else script.exit_code
        view |= {
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stoppingAt": _time(at),
            "stoppedAt": _time(at),
            "stopCode": "UserInitiated" if by_hand else script.stop_code,
            "stoppedReason": task.stop_reason if by_hand else script.stopped_reason,
        }
        container["lastStatus"] = script.container_status
        if code is not None:
            container["exitCode"] = code
        if script.container_reason:
            container["reason"] = script.container_reason
        if code == 0 and script.receipt and not task.landed:
            task.landed = True
            self._land(task)

    def _land(self, task: _Task) -> None:
        command = task.request["overrides"]["containerOverrides"][0].get("command", [])
        if len(command) < 2:
            return
        given = {word: command[at + 1] for at, word in enumerate(command[:-1]) if word.startswith("--")}
        interval = {"from": given["--from"], "to": given["--to"]} if "--from" in given else None
        name = "interval=full"
        if interval and "--full" not in command:
            name = "interval=" + "-".join(
                f"{datetime.fromisoformat(t):%Y%m%dT%H%M%SZ}" for t in interval.values()
            )
        source = task.request["taskDefinition"].removeprefix("hybrid-acme-")
        pipeline = next(
            (p for p, digits in _PIPELINES.items() if command[1][0] in digits),
            "other",
        )
        attempt = task.script.receipt_attempt or given.get("--attempt", "none")
        manifest = {
            "version": 1, "estate": "acme", "site": "on-premises", "source": source,
            "pipeline": f"{pipeline}-{source}", "specification": command[1], "interval": interval,
            "attempt": attempt, "rows": 3, "bytes": 42,
            "files": [{"key": "part-00000.parquet", "bytes": 42, "rows": 3, "sha256": "0" * 64}],
            "schema": [], "refused": {},
            "database": {"engine": "postgresql", "snapshot_time": "2026-11-22T01:00:00+00:00"},
            "host": "erp-1", "started_at": "2026-11-22T01:00:00+00:00",
            "finished_at": "2026-11-22T01:00:09+00:00",
        }  # fmt: skip
        own = f"{attempt}/_part.json" if "--part" in given else "_manifest.json"
        self.objects[f"acme-lake/{source}/{pipeline}-{source}/{name}/{own}"] = json.dumps(manifest).encode()


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _check(shape: Shape | None, value: Any, where: str) -> None:
    """Refuse what the service's model does not have, by required members, types and names."""
    if shape is None:
        return
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), f"{where}: {report.generate_report()}"
    _check_names(shape, value, where)


def _check_names(shape: Shape, value: Any, where: str) -> None:
    if isinstance(shape, StructureShape):
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{where}: no such member: {sorted(unknown)}"
        for name, item in value.items():
            _check_names(shape.members[name], item, f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            _check_names(shape.member, item, where)
    elif isinstance(shape, MapShape):
        for item in value.values():
            _check_names(shape.value, item, where)


def _encode(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else str(value)


class _Handler(BaseHTTPRequestHandler):
    aws: ScriptedAws
    protocol_version = "HTTP/1.1"
    #: Head and body in one write: in two, each answer waits 40 ms for the client's delayed acknowledgement.
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        prefix, _, operation = self.headers["X-Amz-Target"].rpartition(".")
        model = _TARGETS[prefix].operation_model(operation)
        params = json.loads(body)
        try:
            _check(model.input_shape, params, operation)
            answer = self.aws.answer(operation, params)
            _check(model.output_shape, answer, f"answer of {operation}")
        except ServiceError as error:
            self._send(error.status, {"__type": error.code, "message": str(error), **error.more})
        except AssertionError as error:
            self._send(400, {"__type": "StandInError", "message": str(error)})
        else:
            self._send(200, answer)

    def do_GET(self) -> None:
        key = unquote(self.path.lstrip("/").split("?")[0])
        self.aws.calls.append(Call("GetObject", {"key": key}))
        denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        busy = b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
        if self.aws.lake_is_busy:
            self.aws.lake_is_busy -= 1
            self._send_bytes(503, busy, "application/xml")
        elif key not in self.aws.objects and self.aws.lake_is_not_listed:
            self._send_bytes(403, denied, "application/xml")
        elif key in self.aws.objects:
            self._send_bytes(200, self.aws.objects[key], "application/json")
        else:
            self._send_bytes(
                404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", "application/xml"
            )

    def _send(self, status: int, value: dict[str, Any]) -> None:
        self._send_bytes(status, json.dumps(value, default=_encode).encode(), "application/x-amz-json-1.1")

    def _send_bytes(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def scripted_aws() -> Iterator[ScriptedAws]:
    """A stand-in that listens on a port of its own."""
    aws = ScriptedAws()
    handler = type("Handler", (_Handler,), {"aws": aws})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    aws.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
