"""What AWS answers, typed: only the parts that the fleet reads. Times are aware, memory is MiB, CPU is
ECS CPU units (1,024 = one vCPU)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import SecretStr


@dataclass(frozen=True)
class IssuedActivation:
    """What CreateActivation answers. The code is told this once; printing the object does not show it."""

    activation_id: str
    code: SecretStr


@dataclass(frozen=True)
class RegistryLogin:
    """What Docker logs in to the account's registry with, for twelve hours (GetAuthorizationToken).

    Attributes:
        username: always `AWS`.
        password: the token.
    """

    username: str
    password: SecretStr


@dataclass(frozen=True)
class ImageRecord:
    """An image in Amazon ECR.

    Attributes:
        digest: of its manifest.
        size: bytes that a host without any of its layers pulls: they are compressed.
    """

    digest: str
    size: int


@dataclass(frozen=True)
class ActivationRecord:
    """An activation as DescribeActivations knows it: everything but the code."""

    activation_id: str
    role: str
    name: str
    description: str
    limit: int
    registered: int
    expires: datetime
    created: datetime
    expired: bool

    @property
    def left(self) -> int:
        """Hosts that may still register."""
        return 0 if self.expired else max(self.limit - self.registered, 0)


_USABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "IMPORT_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    }
)


@dataclass(frozen=True)
class StackRecord:
    """A CloudFormation stack. `status` as CloudFormation spells it."""

    name: str
    status: str

    @property
    def usable(self) -> bool:
        """Whether the last deployment left the stack complete."""
        return self.status in _USABLE


@dataclass(frozen=True)
class ClusterRecord:
    """An ECS cluster and its counts."""

    name: str
    arn: str
    status: str
    hosts: int
    running: int
    pending: int


@dataclass(frozen=True)
class SecretRecord:
    """A secret without its value. `versions` maps a version's id to its stages."""

    name: str
    key: str | None
    changed: datetime | None
    versions: Mapping[str, tuple[str, ...]]

    @property
    def current(self) -> str | None:
        """Id of the version that readers get; None for a secret without a value."""
        return next((v for v, stages in self.versions.items() if "AWSCURRENT" in stages), None)


@dataclass(frozen=True)
class InstanceRecord:
    """A container instance, as ECS knows it. `node` is the `mi-…` that SSM calls the host."""

    arn: str
    cluster: str
    node: str
    status: Literal["ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED", "INACTIVE"]
    connected: bool
    agent_version: str
    docker_version: str
    running: int
    pending: int
    cpu: tuple[int, int]
    memory: tuple[int, int]
    registered: datetime | None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Last element of the ARN."""
        return self.arn.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class NodeRecord:
    """A managed node, as Systems Manager knows it."""

    node: str
    role: str
    ping: str
    last_ping: datetime | None
    agent_version: str
    latest_agent: bool
    name: str
    computer: str
    address: str
    platform: str
    activation_id: str
    registered: datetime | None


@dataclass(frozen=True)
class TaskRecord:
    """A task on a host."""

    task_id: str
    family: str
    status: str
    started_by: str
    created: datetime | None


@dataclass(frozen=True)
class EndedTask:
    """A task and how its container ended, as far as it has.

    Attributes:
        task_id: its id.
        stopped: whether it has come to its end.
        exit_code: of the container; None where it did not start, or has not ended.
        digest: of the image's manifest; None where the host does not know it.
        pull_seconds: that the pull took; None where nothing was pulled.
        reasons: of the task and of its container, as ECS gives them.
    """

    task_id: str
    stopped: bool
    exit_code: int | None
    digest: str | None
    pull_seconds: float | None
    reasons: tuple[str, ...]
