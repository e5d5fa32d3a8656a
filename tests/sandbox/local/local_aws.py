"""What the tests of the local site share: clients, tasks to wait for, hosts that only listen."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3

from sandbox import acs
from sandbox.agent.capabilities import CAPABILITIES
from sandbox.agent.control import ControlPlane
from sandbox.agent.errors import Refused, Unreachable
from sandbox.agent.host import AgentMachine, identify, join_cluster
from sandbox.agent.systems_manager import SystemsManager
from sandbox.site import Activation

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_ssm import SSMClient

T = TypeVar("T")

REGION = "eu-west-1"

#: In process mode the "image" is Python: the task's command is a program text.
PYTHON = (sys.executable, "-c", "import sys; exec(sys.argv[1])")

LOG_GROUP = "/hybrid/acme/on-premises"
ANYWHERE_ROLE = "hybrid/acme/anywhere/hybrid-acme-on-premises-anywhere"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def _session() -> boto3.Session:
    return boto3.Session("test", "test", region_name=REGION)


def make_roles(url: str) -> Roles:
    """The Anywhere role of a site, and a task and an execution role, without policies."""
    iam = client("iam", url)

    def role(path: str, name: str, service: str) -> str:
        allowed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        return str(iam.create_role(Path=path, RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])

    role("/hybrid/acme/anywhere/", "hybrid-acme-on-premises-anywhere", "ssm.amazonaws.com")
    return Roles(
        task=role("/hybrid/acme/task/", "hybrid-acme-crm-task", "ecs-tasks.amazonaws.com"),
        execution=role("/hybrid/acme/execution/", "hybrid-acme-site-execution", "ecs-tasks.amazonaws.com"),
    )


def client(service: str, url: str) -> Any:
    return _session().client(service, endpoint_url=url)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Roles:
    """Roles that CloudFormation would have made."""

    task: str
    execution: str


@dataclass
class Aws:
    """Clients of one endpoint."""

    ecs: ECSClient
    ssm: SSMClient
    url: str

    def activation(self, *, limit: int = 1, **more: Any) -> Activation:
        asked = {"IamRole": ANYWHERE_ROLE, "RegistrationLimit": limit, **more}
        return Activation.of(self.ssm.create_activation(**asked))

    def run(self, cluster: str, family: str, command: list[str] | None = None, **more: Any) -> TaskTypeDef:
        if command is not None:
            more["overrides"] = {"containerOverrides": [{"name": "etl", "command": command}]}
        answer = self.ecs.run_task(
            cluster=cluster, taskDefinition=family, **({"launchType": "EXTERNAL"} | more)
        )
        assert answer["failures"] == []
        return answer["tasks"][0]

    def task(self, task: TaskTypeDef) -> TaskTypeDef:
        found = self.ecs.describe_tasks(cluster=task["clusterArn"], tasks=[task["taskArn"]], include=["TAGS"])
        return found["tasks"][0]

    def until(self, task: TaskTypeDef, status: str, *, seconds: float = 60) -> TaskTypeDef:
        return eventually(lambda: self.task(task), lambda now: now["lastStatus"] == status, seconds=seconds)


def eventually(ask: Callable[[], T], good: Callable[[T], bool], *, seconds: float = 10) -> T:
    deadline = time.monotonic() + seconds
    while not good(answer := ask()):
        assert time.monotonic() < deadline, f"not in {seconds:g} s; last seen: {answer}"
        time.sleep(0.05)
    return answer


@dataclass
class QuietHost:
    """A host that registers and listens, and never starts a task: placement without processes."""

    url: str
    cluster: str
    activation: Activation
    directory: Path
    cpu: int = 1024
    memory: int = 512
    attributes: dict[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = tuple(CAPABILITIES)

    def __post_init__(self) -> None:
        manager = SystemsManager(self.url, REGION)
        machine = AgentMachine("quiet", self.cpu, self.memory, self.attributes, self.capabilities)
        keys = {"activation_id": self.activation.id, "activation_code": self.activation.code}
        keep = self.directory / f"{uuid.uuid4().hex}.json"
        identity = identify(manager, activation=keys, machine=machine, keep=keep)
        self._plane = ControlPlane(self.url, identity, region=REGION)
        self.identity = join_cluster(
            self._plane, identity, cluster=self.cluster, machine=machine, runs="quiet"
        )
        self.arn = str(self.identity.container_instance_arn)
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self._gone.set()

    def fall_silent(self) -> None:
        self.leave()
        self._thread.join()

    def _listen(self) -> None:
        while not self._gone.is_set():
            with suppress(Unreachable):
                try:
                    with self._plane.line(
                        container_instance_arn=self.arn, cluster_arn=self.cluster, docker_version="none"
                    ) as line:
                        while not self._gone.is_set():
                            message = line.receive(seconds=0.2)
                            if isinstance(message, acs.HeartbeatMessage):
                                line.send(acs.HeartbeatAckRequest(message_id=message.message_id))
                except Refused:
                    return


HostMaker = Callable[..., QuietHost]
Define = Callable[..., str]
