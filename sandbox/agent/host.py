"""A host of a site: keeps its identity, polls for its tasks, runs them, reports."""

from __future__ import annotations

import logging
import os
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.agent.capabilities import ARCHITECTURES, CAPABILITIES
from sandbox.agent.control import ControlPlane, Refused, Unreachable
from sandbox.agent.runner import Runner
from sandbox.agent.task import AgentTask
from sandbox.wire import HostIdentity, Order, Report

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import AttributeTypeDef, RegisterContainerInstanceRequestTypeDef

logger = logging.getLogger(__name__)

#: Ports that the agent reserves at registration: SSH, Docker and its own.
#: Source: Amazon ECS Developer Guide, "Amazon ECS container agent configuration", ECS_RESERVED_PORTS.
_AGENT_PORTS = ("22", "2375", "2376", "51678", "51679")

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
        control: the endpoint.
        identity: who the host is.
        runner: what runs its containers.
        recovering: the host ran before, so its tasks may have containers already.
        logs_as_root: ship logs with the emulator's root key (see `logs.LogStream`).
    """

    def __init__(
        self,
        control: ControlPlane,
        identity: HostIdentity,
        *,
        runner: Runner,
        recovering: bool,
        logs_as_root: bool = False,
    ) -> None:
        self._control = control
        self._identity = identity
        self._runner = runner
        self._recovering = recovering
        self._logs_as_root = logs_as_root
        self._done = threading.Event()
        self._runs: dict[str, AgentTask] = {}
        self._reports: queue.Queue[Report | None] = queue.Queue()
        self._reporter = threading.Thread(target=self._deliver, name="reports", daemon=True)

    def stop(self) -> None:
        """Ask `serve` to end. Safe in a signal handler."""
        self._done.set()

    def serve(self) -> None:
        """Run tasks until `stop`, or until the host is deregistered; then stop what runs."""
        self._reporter.start()
        version = 0
        try:
            while not self._done.is_set():
                try:
                    orders = self._control.poll(self._identity, version=version)
                except Unreachable as reason:
                    self._lost(str(reason))
                    continue
                except Refused as refusal:
                    logger.info("this host is no longer registered (%s): stopping", refusal)
                    return
                self._found()
                version = orders.version
                self._reconcile({order.task_arn: order for order in orders.orders})
        finally:
            self._shut_down()

    def _lost(self, reason: str) -> None:
        # The line to AWS is the line to the endpoint too: containers lose what the agent loses.
        logger.info("no line to the endpoint: %s", reason)
        self._runner.set_line(up=False)
        self._done.wait(1.0)

    def _found(self) -> None:
        self._runner.set_line(up=True)

    def _reconcile(self, orders: dict[str, Order]) -> None:
        if self._recovering:
            self._runner.sweep(list(orders))
        for arn, order in orders.items():
            run = self._runs.get(arn)
            if run is None:
                run = self._runs[arn] = AgentTask(
                    order,
                    runner=self._runner,
                    credentials_url=None if self._logs_as_root else self._control.log_credentials_url(order),
                    report=self._reports.put,
                    recovering=self._recovering,
                )
            if order.desired == "STOPPED":
                run.stop()
        self._recovering = False
        for arn in self._runs.keys() - orders.keys():
            self._runs[arn].stop()
            if self._runs[arn].join(0):
                del self._runs[arn]

    def _deliver(self) -> None:
        while (report := self._reports.get()) is not None:
            while True:
                try:
                    self._control.report(self._identity, report)
                except Unreachable:
                    if self._done.wait(1.0):
                        return
                    continue
                except Refused as refusal:
                    logger.info("a report was refused: %s", refusal)
                break

    def _shut_down(self) -> None:
        self._done.set()
        for run in self._runs.values():
            run.stop(seconds=SHUTDOWN_SECONDS)
        for run in self._runs.values():
            run.join(SHUTDOWN_SECONDS + 10)
        self._reports.put(None)
        if self._reporter.is_alive():
            self._reporter.join(5)
        self._runner.sweep([])
        self._runner.close()


def identify(
    control: ControlPlane,
    *,
    activation: dict[str, str] | None,
    region: str,
    machine: AgentMachine,
    keep: Path,
) -> tuple[HostIdentity, bool]:
    """The identity kept from before, or a new one from an activation.

    Args:
        control: the endpoint.
        activation: `activation_id` and `activation_code`, or None for Fargate capacity.
        region: the site's region.
        machine: what to say of the host.
        keep: file of mode 0600 that keeps the identity.

    Returns:
        The identity, and whether it was kept from before.

    Raises:
        RegistrationFailed: the endpoint refuses or does not answer.
    """
    if keep.exists():
        return HostIdentity.model_validate_json(keep.read_bytes()), True
    try:
        if activation is None:
            identity = control.fargate(machine.name)
        else:
            identity = control.register({
                "activation_id": activation["activation_id"],
                "activation_code": activation["activation_code"],
                "region": region,
                "computer_name": machine.name,
            })  # fmt: skip
    except (Refused, Unreachable) as error:
        raise RegistrationFailed(f"host {machine.name} could not register: {error}") from error
    save_identity(identity, keep)
    return identity, False


def join_cluster(
    control: ControlPlane,
    identity: HostIdentity,
    *,
    cluster: str,
    region: str,
    machine: AgentMachine,
    runner: Runner,
) -> HostIdentity:
    """Register the host as a container instance of a cluster, with the keys of its Anywhere role.

    Raises:
        RegistrationFailed: the cluster does not exist, or the call fails.
    """
    try:
        keys = control.role_credentials(identity)
        ecs: ECSClient = boto3.client(
            "ecs",
            endpoint_url=control.url,
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["Token"],
        )
        said = {
            "ecs.cpu-architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
            "local.runner": runner.mode,
            **machine.attributes,
        }
        attributes: list[AttributeTypeDef] = [{"name": name} for name in machine.capabilities]
        attributes += [{"name": name, "value": value} for name, value in said.items()]
        request: RegisterContainerInstanceRequestTypeDef = {
            "cluster": cluster,
            "totalResources": [
                {"name": "CPU", "type": "INTEGER", "integerValue": machine.cpu},
                {"name": "MEMORY", "type": "INTEGER", "integerValue": machine.memory},
                {"name": "PORTS", "type": "STRINGSET", "stringSetValue": [*_AGENT_PORTS]},
            ],
            "versionInfo": {"agentVersion": "local", "dockerVersion": runner.version},
            "attributes": attributes,
        }
        if identity.container_instance_arn:
            request["containerInstanceArn"] = identity.container_instance_arn
        answer = ecs.register_container_instance(**request)
    except (Refused, Unreachable, ClientError, BotoCoreError) as error:
        raise RegistrationFailed(f"host {machine.name} could not join cluster {cluster}: {error}") from error
    arn = answer["containerInstance"]["containerInstanceArn"]
    return identity.model_copy(update={"container_instance_arn": arn})


def save_identity(identity: HostIdentity, path: Path) -> None:
    """Keep an identity for the next start of this host."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(identity.model_dump_json())
    fresh.replace(path)
