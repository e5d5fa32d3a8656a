"""A host of a site: keeps its identity, runs the tasks that ECS tells it of, reports."""

from __future__ import annotations

import logging
import os
import queue
import threading
from dataclasses import dataclass
from pathlib import Path

from sandbox import acs
from sandbox.agent.capabilities import ARCHITECTURES, CAPABILITIES
from sandbox.agent.control import ControlPlane, Line, announce_fargate
from sandbox.agent.errors import Refused, Unreachable
from sandbox.agent.identity import (
    HostIdentity,
    IdentityError,
    StartedTasks,
    load_identity,
    save_identity,
)
from sandbox.agent.runner import Runner
from sandbox.agent.systems_manager import SystemsManager
from sandbox.agent.task import AgentTask, StateChange

logger = logging.getLogger(__name__)

#: Ports that the agent reserves at registration: SSH, Docker and its own.
#: Source: Amazon ECS Developer Guide, "Amazon ECS container agent configuration", ECS_RESERVED_PORTS.
_AGENT_PORTS = ("22", "2375", "2376", "51678", "51679")

#: How long a task that has ended is remembered (the real agent: ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION, three
#: hours; here tasks are many and short).
_REMEMBER_SECONDS = 600.0

#: Seconds that a host which goes down gives its tasks between SIGTERM and SIGKILL.
SHUTDOWN_SECONDS = 5


class RegistrationFailed(Exception):
    """The host could not register; the message says why."""


@dataclass(frozen=True)
class AgentMachine:
    """What a host says of itself.

    Attributes:
        name: of the host.
        cpu: in 1/1024 core.
        memory: in MiB.
        attributes: of its owner.
        capabilities: attributes of its agent.
    """

    name: str
    cpu: int
    memory: int
    attributes: dict[str, str]
    capabilities: tuple[str, ...] = tuple(CAPABILITIES)


def this_machine(name: str) -> AgentMachine:
    """All of this machine's cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return AgentMachine(name=name, cpu=(os.cpu_count() or 1) * 1024, memory=memory, attributes={})


class AgentHost:
    """A registered host.

    Args:
        plane: its line to ECS.
        identity: who the host is.
        cluster: that it joined; none for Fargate capacity.
        runner: what runs its containers.
        started: tasks that it has started, in an earlier life too.
        logs_as_root: ship logs with the emulator's root key (see `logs.LogStream`).
    """

    def __init__(
        self,
        plane: ControlPlane,
        identity: HostIdentity,
        *,
        cluster: str,
        runner: Runner,
        started: StartedTasks,
        logs_as_root: bool = False,
    ) -> None:
        self._plane = plane
        self._instance_arn = str(identity.container_instance_arn)
        self._cluster = cluster
        self._runner = runner
        self._started = started
        self._logs_as_root = logs_as_root
        self._done = threading.Event()
        self._runs: dict[str, AgentTask] = {}
        self._reports: queue.Queue[StateChange | None] = queue.Queue()
        self._reporter = threading.Thread(target=self._deliver, name="reports", daemon=True)

    def stop(self) -> None:
        """Ask `serve` to end. Safe in a signal handler."""
        self._done.set()

    def serve(self) -> None:
        """Run tasks until `stop`, or until the host is deregistered; then stop what runs."""
        self._runner.sweep(list(self._started.all()))
        self._reporter.start()
        try:
            while not self._done.is_set():
                try:
                    self._obey()
                except Unreachable as reason:
                    self._lost(str(reason))
                except Refused as refusal:
                    logger.info("this host is no longer registered (%s): stopping", refusal)
                    return
        finally:
            self._shut_down()

    def _obey(self) -> None:
        """Do what ECS says for as long as the line to it lasts."""
        with self._plane.line(
            container_instance_arn=self._instance_arn,
            cluster_arn=self._cluster,
            docker_version=self._runner.version,
        ) as line:
            # The line to ECS is the line to AWS: containers have what the agent has.
            self._runner.set_line(up=True)
            while not self._done.is_set():
                message = line.receive(seconds=0.5)
                if isinstance(message, acs.PayloadMessage):
                    self._take_tasks(message, line)
                elif isinstance(message, acs.IAMRoleCredentialsMessage):
                    self._take_keys(message.role_credentials, message.message_id, line)
                elif isinstance(message, acs.HeartbeatMessage):
                    line.send(acs.HeartbeatAckRequest(message_id=message.message_id))

    def _lost(self, reason: str) -> None:
        logger.info("no line to ECS: %s", reason)
        self._runner.set_line(up=False)
        self._done.wait(1.0)

    def _take_tasks(self, payload: acs.PayloadMessage, line: Line) -> None:
        # What has ended is remembered for a while: a payload that was on its way does not start it anew.
        ended = [arn for arn, run in self._runs.items() if run.ended_for() > _REMEMBER_SECONDS]
        for arn in ended:
            self._runs.pop(arn).forget()
        for task in payload.tasks:
            for keys in (task.role_credentials, task.execution_role_credentials):
                self._take_keys(keys, payload.message_id, line)
            run = self._runs.get(task.arn)
            if run is None:
                run = self._runs[task.arn] = AgentTask(
                    task,
                    runner=self._runner,
                    started=self._started,
                    report=self._reports.put,
                    logs_as_root=self._logs_as_root,
                )
            if task.desired_status == "STOPPED":
                run.stop()
        acknowledgement = acs.AckRequest(
            cluster=payload.cluster_arn,
            container_instance=payload.container_instance_arn,
            message_id=payload.message_id,
        )
        line.send(acknowledgement)

    def _take_keys(self, keys: acs.IAMRoleCredentials | None, message_id: str, line: Line) -> None:
        if keys is None:
            return
        self._runner.services.hold(keys)
        taken = acs.IAMRoleCredentialsAckRequest(
            message_id=message_id, credentials_id=keys.credentials_id, expiration=keys.expiration
        )
        line.send(taken)

    def _deliver(self) -> None:
        while (report := self._reports.get()) is not None:
            while True:
                try:
                    self._plane.call("submit_task_state_change", **report)
                except Unreachable:
                    if self._done.wait(1.0):
                        return
                    continue
                except Refused as refusal:
                    logger.info("a report was refused: %s", refusal)
                break
            if report["status"] == "STOPPED":
                self._started.discard(report["task"])

    def _shut_down(self) -> None:
        self._done.set()
        runs = list(self._runs.values())
        for run in runs:
            run.stop(seconds=SHUTDOWN_SECONDS)
        for run in runs:
            run.join(SHUTDOWN_SECONDS + 10)
        self._reports.put(None)
        if self._reporter.is_alive():
            self._reporter.join(5)
        self._runner.sweep([])
        self._runner.close()


def identify(
    manager: SystemsManager, *, activation: dict[str, str] | None, machine: AgentMachine, keep: Path
) -> HostIdentity:
    """The identity kept from before, or a new one.

    Args:
        manager: calls of Systems Manager.
        activation: `activation_id` and `activation_code`, or None for Fargate capacity.
        machine: what to say of the host.
        keep: file of mode 0600 that keeps the identity.

    Raises:
        RegistrationFailed: AWS refuses or does not answer.
    """
    try:
        identity = load_identity(keep)
        if identity is None:
            identity = (
                announce_fargate(manager.url, machine.name)
                if activation is None
                else manager.register(**activation)
            )
        save_identity(identity, keep)
        if identity.private_key:
            manager.tell_of_host(identity, name=machine.name)
    except (Refused, Unreachable, IdentityError) as error:
        raise RegistrationFailed(f"host {machine.name} could not register: {error}") from error
    return identity


def join_cluster(
    plane: ControlPlane, identity: HostIdentity, *, cluster: str, machine: AgentMachine, runs: str
) -> HostIdentity:
    """Register the host as a container instance of a cluster.

    Args:
        plane: its line to ECS.
        identity: who the host is.
        cluster: name or ARN.
        machine: what to say of the host.
        runs: how it runs containers: `docker` or `process`.

    Raises:
        RegistrationFailed: the cluster does not exist, or the call fails.
    """
    said = {
        "ecs.cpu-architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "local.runner": runs,
        **machine.attributes,
    }
    request = {
        "cluster": cluster,
        "totalResources": [
            {"name": "CPU", "type": "INTEGER", "integerValue": machine.cpu},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": machine.memory},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": [*_AGENT_PORTS]},
        ],
        "attributes": [
            *({"name": name} for name in machine.capabilities),
            *({"name": name, "value": value} for name, value in said.items()),
        ],
    }
    if identity.container_instance_arn:
        request["containerInstanceArn"] = identity.container_instance_arn
    try:
        answer = plane.call("register_container_instance", **request)
    except (Refused, Unreachable) as error:
        raise RegistrationFailed(f"host {machine.name} could not join cluster {cluster}: {error}") from error
    arn = answer["containerInstance"]["containerInstanceArn"]
    return identity.model_copy(update={"container_instance_arn": arn})
