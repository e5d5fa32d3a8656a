"""The websockets of the ECS agents: ACS, by which a host is told its tasks, and TCS, which takes its metrics.

Source: amazon-ecs-agent, ecs-agent/acs/session and ecs-agent/wsclient; what is not imitated is in
docs/decisions/agent-protocol.md.
"""

from __future__ import annotations

import http
import itertools
import json
import logging
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from sandbox import acs
from sandbox.endpoint.access import Access
from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.shapes import HostRecord, InstanceState, TaskRecord, VersionInfo
from sandbox.endpoint.store import Store

logger = logging.getLogger(__name__)

#: Seconds after which a message that was not acknowledged is sent again.
REPEAT_SECONDS = 5.0

#: Most seconds between two heartbeats. Source: seen of AWS; an agent waits for one at least a minute.
_HEARTBEAT_SECONDS = 30.0

#: Seconds between two looks at what is due, when nothing in the state changes.
_LOOK_SECONDS = 0.5

_TELEMETRY = "/telemetry"


class AgentLines:
    """Listens on 127.0.0.1 for agents until `close`.

    Args:
        store: the state.
        access: knows whose keys signed a handshake, and has the keys of tasks.
    """

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access
        self._sequence = itertools.count(int(time.time()))
        self._server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            # The protocol has heartbeats of its own.
            ping_interval=None,
            max_size=None,
            close_timeout=1,
        )
        self._url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, name="agents", daemon=True).start()

    def discovered(self) -> dict[str, str]:
        """DiscoverPollEndpoint: where an agent opens its two websockets, each at `/ws` below it."""
        return {"endpoint": f"{self._url}/", "telemetryEndpoint": f"{self._url}{_TELEMETRY}/"}

    def close(self) -> None:
        """Stop listening, and end every line."""
        self._server.shutdown()

    def _admit(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a handshake that no host of this site signed, or of an instance that is no more."""
        asked = _asked(request)
        try:
            host = self._access.caller(request.headers.get("Authorization", ""))
        except ServiceError as cut:
            return _refused(http.HTTPStatus.SERVICE_UNAVAILABLE, cut.code, cut.message)
        if host is None:
            return _refused(http.HTTPStatus.FORBIDDEN, "AccessDeniedException", "The request is not signed.")
        with self._store.read() as state:
            if not _registered(state, host, asked.instance_arn):
                reason = f"The container instance {asked.instance_arn} is not registered."
                return _refused(http.HTTPStatus.BAD_REQUEST, acs.INACTIVE_INSTANCE, reason)
        return None

    def _serve(self, connection: ServerConnection) -> None:
        request, host = connection.request, None
        if request is None:
            return
        with suppress(ServiceError):
            host = self._access.caller(request.headers.get("Authorization", ""))
        if host is None:
            return
        asked = _asked(request)
        if asked.telemetry:
            self._keep_open(connection, host, asked.instance_arn)
            return
        with self._store.change() as state:
            if instance := state.instances.get(asked.instance_arn):
                instance.version_info = asked.version_info
        line = _AgentLine(connection, host, asked, self._store, self._access, self._sequence)
        line.serve()

    def _keep_open(self, connection: ServerConnection, host: HostRecord, instance_arn: str) -> None:
        """Take metrics and forget them."""
        with suppress(ConnectionClosed):
            while _admitted(self._store, host, instance_arn):
                connection.send(acs.frame(acs.HeartbeatMessage(message_id=str(uuid.uuid4()))))
                deadline = time.monotonic() + _HEARTBEAT_SECONDS
                with suppress(TimeoutError):
                    while (left := deadline - time.monotonic()) > 0:
                        connection.recv(timeout=min(left, _LOOK_SECONDS))


@dataclass(frozen=True)
class _Asked:
    """What a handshake says."""

    telemetry: bool
    cluster_arn: str
    instance_arn: str
    version_info: VersionInfo


@dataclass
class _AgentLine:
    """The line to one agent: sends what is due until it is acknowledged."""

    connection: ServerConnection
    host: HostRecord
    asked: _Asked
    store: Store
    access: Access
    sequence: itertools.count[int]
    #: What waits for an acknowledgement: key → what was sent of it, and when, in seconds of the clock.
    sent: dict[str, tuple[str, float]] = field(default_factory=dict)
    #: What was acknowledged: key → what of it.
    known: dict[str, str] = field(default_factory=dict)
    #: Message id of a payload → the tasks in it and their desired status.
    payloads: dict[str, dict[str, str]] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    ended: threading.Event = field(default_factory=threading.Event)
    heartbeat_at: float = 0.0

    def serve(self) -> None:
        """Until the agent goes, falls silent, is cut off or is deregistered."""
        self.store.opened(self.host, self.id)
        threading.Thread(target=self._read, name=f"acs-{self.host.host}", daemon=True).start()
        version = 0
        try:
            while not self.ended.is_set() and _admitted(self.store, self.host, self.asked.instance_arn):
                if time.time() - self.host.last_ping > self.store.silence:
                    break
                self._send_due()
                version = self.store.wait_beyond(version, seconds=_LOOK_SECONDS)
        except ConnectionClosed:
            pass
        finally:
            self.store.lost(self.host, self.id)
        if self.host.cut:
            # A line that is cut says nothing more, not even that it ends.
            with suppress(OSError):
                self.connection.socket.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            for text in self.connection:
                self.store.heard(self.host)
                try:
                    self._take(acs.read(text))
                except (ValueError, KeyError, TypeError):
                    logger.warning("%s sent what is no message", self.host.host)
        except ConnectionClosed:
            pass
        finally:
            self.ended.set()

    def _take(self, message: acs.Message | None) -> None:
        if isinstance(message, acs.AckRequest):
            self.known |= self.payloads.pop(message.message_id, {})
        elif isinstance(message, acs.IAMRoleCredentialsAckRequest):
            self.known[message.credentials_id] = message.expiration

    def _send_due(self) -> None:
        now = time.monotonic()
        if now - self.heartbeat_at > min(_HEARTBEAT_SECONDS, self.store.silence / 3):
            self.heartbeat_at = now
            self._send(acs.HeartbeatMessage(message_id=str(uuid.uuid4())))
        with self.store.read() as state:
            mine = [
                record.model_copy(update={"task": record.task.model_copy()})
                for record in state.tasks.values()
                if record.host == self.host.host
                and record.task.container_instance_arn in (None, self.asked.instance_arn)
                and not record.task.stopped
            ]
        try:
            self._send_tasks([r for r in mine if self._is_due(r.task.task_arn, r.task.desired_status)])
            self._send_keys([r for r in mine if r.task.task_arn in self.known])
        except ServiceError as refusal:
            logger.warning("%s: %s", self.host.host, refusal.message)

    def _send_tasks(self, records: list[TaskRecord]) -> None:
        if not records:
            return
        message_id = str(uuid.uuid4())
        self.payloads[message_id] = {r.task.task_arn: r.task.desired_status for r in records}
        self._send(
            acs.PayloadMessage(
                cluster_arn=self.asked.cluster_arn or records[0].task.cluster_arn,
                container_instance_arn=self.asked.instance_arn,
                message_id=message_id,
                seq_num=next(self.sequence),
                generated_at=int(time.time() * 1000),
                tasks=tuple(self._told(record) for record in records),
            )
        )
        for record in records:
            self._note(record.task.task_arn, record.task.desired_status)

    def _told(self, record: TaskRecord) -> acs.Task:
        keys = dict(self.access.of_task(record))
        for credentials in keys.values():
            self._note(credentials.credentials_id, credentials.expiration)
        return record.told.model_copy(
            update={
                "desired_status": record.task.desired_status,
                "role_credentials": keys.get("TaskApplication"),
                "execution_role_credentials": keys.get("TaskExecution"),
            }
        )

    def _send_keys(self, records: list[TaskRecord]) -> None:
        """Renewed keys of tasks that run."""
        for record in records:
            for kind, keys in self.access.of_task(record):
                if self._is_due(keys.credentials_id, keys.expiration):
                    message = acs.IAMRoleCredentialsMessage(
                        message_id=str(uuid.uuid4()),
                        task_arn=record.task.task_arn,
                        task_cluster_arn=record.task.cluster_arn,
                        role_type="TaskApplication" if kind == "TaskApplication" else "TaskExecution",
                        role_credentials=keys,
                    )
                    self._send(message)
                    self._note(keys.credentials_id, keys.expiration)

    def _is_due(self, key: str, wanted: str) -> bool:
        if self.known.get(key) == wanted:
            return False
        what, at = self.sent.get(key, ("", 0.0))
        return what != wanted or time.monotonic() - at > REPEAT_SECONDS

    def _note(self, key: str, what: str) -> None:
        self.sent[key] = (what, time.monotonic())

    def _send(self, message: acs.Message) -> None:
        self.connection.send(acs.frame(message))


def _admitted(store: Store, host: HostRecord, instance_arn: str) -> bool:
    with store.read() as state:
        return not host.cut and state.hosts.get(host.host) is host and _registered(state, host, instance_arn)


def _registered(state: InstanceState, host: HostRecord, instance_arn: str) -> bool:
    instance = state.instances.get(instance_arn)
    return host.fargate or (instance is not None and instance.ec2_instance_id == host.host)


def _asked(request: Request) -> _Asked:
    address = urlsplit(request.path)
    values = {name: found[0] for name, found in parse_qs(address.query).items()}
    return _Asked(
        telemetry=address.path.startswith(_TELEMETRY),
        cluster_arn=values.get("clusterArn", values.get("cluster", "")),
        instance_arn=values.get("containerInstanceArn", values.get("containerInstance", "")),
        version_info=VersionInfo(
            agent_version=values.get("agentVersion"),
            agent_hash=values.get("agentHash"),
            docker_version=values.get("dockerVersion"),
        ),
    )


def _refused(status: http.HTTPStatus, code: str, message: str) -> Response:
    body = json.dumps({code: message}).encode()
    headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return Response(status.value, status.phrase, headers, body)
