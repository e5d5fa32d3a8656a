"""Resources that the endpoint keeps, in AWS's shapes: `.wire()` is what an answer holds.

Times are seconds since the epoch, as the AWS JSON protocol writes them.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal

from sandbox import acs
from sandbox.endpoint.model import Json


class EcsShape(BaseModel):
    """A structure of ECS: camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    def wire(self) -> Json:
        """The structure as an answer holds it."""
        return self.model_dump(by_alias=True, exclude_none=True)


class SsmShape(BaseModel):
    """A structure of SSM: PascalCase on the wire."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True)

    def wire(self) -> Json:
        """The structure as an answer holds it."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Tag(EcsShape):
    """A tag of an ECS resource."""

    key: str
    value: str = ""


class Attribute(EcsShape):
    """An attribute of a container instance; the value may be absent."""

    name: str
    value: str | None = None
    target_type: str | None = None
    target_id: str | None = None


class Resource(EcsShape):
    """CPU (1/1024 core), MEMORY (MiB) or ports of a container instance."""

    name: str
    type: str
    integer_value: int | None = None
    string_set_value: list[str] | None = None


class VersionInfo(EcsShape):
    """Versions of the agent and of Docker on a host."""

    agent_version: str | None = None
    agent_hash: str | None = None
    docker_version: str | None = None


class Instance(EcsShape):
    """A container instance, without what is computed when it is described."""

    container_instance_arn: str
    cluster_arn: str
    ec2_instance_id: str
    version: int = 1
    version_info: VersionInfo = VersionInfo()
    registered_resources: list[Resource] = []
    status: str = "ACTIVE"
    attributes: list[Attribute] = []
    client_token: str | None = None
    registered_at: float = Field(default_factory=time.time)
    tags: list[Tag] = []

    @property
    def id(self) -> str:
        """Last element of the ARN."""
        return self.container_instance_arn.rsplit("/", 1)[-1]

    def total(self, name: str) -> int:
        """Registered CPU or MEMORY."""
        return sum(r.integer_value or 0 for r in self.registered_resources if r.name == name)

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name."""
        return next((a for a in self.attributes if a.name == name), None)


class Container(EcsShape):
    """The container of a task."""

    container_arn: str
    task_arn: str
    name: str
    image: str
    last_status: str = "PENDING"
    image_digest: str | None = None
    runtime_id: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    network_interfaces: list[Json] = []
    health_status: str = "UNKNOWN"
    cpu: str = "0"
    memory: str | None = None
    memory_reservation: str | None = None


class Task(EcsShape):
    """A task as DescribeTasks answers it."""

    task_arn: str
    cluster_arn: str
    task_definition_arn: str
    launch_type: str
    last_status: str
    desired_status: str = "RUNNING"
    group: str
    containers: list[Container]
    overrides: Json
    attachments: list[Json] = []
    attributes: list[Attribute] = []
    tags: list[Tag] = []
    cpu: str | None = None
    memory: str | None = None
    container_instance_arn: str | None = None
    started_by: str | None = None
    platform_version: str | None = None
    platform_family: str | None = None
    availability_zone: str | None = None
    capacity_provider_name: str | None = None
    enable_execute_command: bool = False
    health_status: str = "UNKNOWN"
    connectivity: str | None = None
    connectivity_at: float | None = None
    created_at: float = Field(default_factory=time.time)
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    stopping_at: float | None = None
    execution_stopped_at: float | None = None
    stopped_at: float | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None
    version: int = 1

    @property
    def id(self) -> str:
        """Last element of the ARN."""
        return self.task_arn.rsplit("/", 1)[-1]

    @property
    def stopped(self) -> bool:
        """Whether the task has come to its end."""
        return self.last_status == "STOPPED"


class TaskRecord(BaseModel):
    """A task with what the control plane knows beyond its description."""

    task: Task
    told: acs.Task
    host: str
    cpu: int
    memory: int
    task_role_arn: str | None = None
    execution_role_arn: str | None = None
    credentials_id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    execution_credentials_id: str = Field(default_factory=lambda: str(uuid.uuid4()))


class LaunchToken(BaseModel):
    """A client token of RunTask: the digest of its parameters and the tasks it started."""

    digest: str
    task_arns: list[str]
    at: float


class Activation(SsmShape):
    """A hybrid activation, without its code."""

    activation_id: str
    description: str | None = None
    default_instance_name: str | None = None
    iam_role: str
    registration_limit: int
    registrations_count: int = 0
    expiration_date: float
    created_date: float
    tags: list[Json] = []

    def expired(self, now: float) -> bool:
        """Whether the activation has passed its expiry."""
        return now >= self.expiration_date

    def described(self, now: float) -> Json:
        """The activation as DescribeActivations answers it."""
        return self.wire() | {"Expired": self.expired(now)}


class ActivationRecord(BaseModel):
    """An activation and the digest of its code: the code itself is told once and not kept."""

    activation: Activation
    code_sha256: str
    role_arn: str
    deleted: bool = False


class ManagedInstance(SsmShape):
    """A managed node, without what depends on the hour."""

    instance_id: str
    activation_id: str
    iam_role: str
    registration_date: float
    resource_type: str = "ManagedInstance"
    name: str | None = None
    computer_name: str | None = None
    ip_address: str | None = Field(default=None, alias="IPAddress")
    agent_version: str = "3.3.987.0"
    is_latest_version: bool = True
    platform_type: str = "Linux"
    platform_name: str | None = None
    platform_version: str | None = None


class HostRecord(BaseModel):
    """A host: what it proves itself with and when it was last heard.

    Attributes:
        host: `mi-…`, or the name of Fargate capacity.
        public_key: of a managed node, DER in base64.
        access_key_ids: of the keys that it was given, newest last.
        name: of Fargate capacity.
        role_arn: its Anywhere role.
        node: a managed node; None for Fargate capacity.
        tags: of the managed node.
        last_ping: when it was last heard, in seconds since the epoch.
        cut: whether nothing passes between it and AWS.
    """

    host: str
    public_key: str = ""
    access_key_ids: list[str] = []
    name: str | None = None
    role_arn: str | None = None
    node: ManagedInstance | None = None
    tags: list[Json] = []
    last_ping: float = 0.0
    cut: bool = False

    @property
    def fargate(self) -> bool:
        """Whether this is the provider's capacity and not a registered machine."""
        return self.node is None


class InstanceState(BaseModel):
    """All that survives a restart of the endpoint."""

    activations: dict[str, ActivationRecord] = {}
    hosts: dict[str, HostRecord] = {}
    instances: dict[str, Instance] = {}
    tasks: dict[str, TaskRecord] = {}
    launch_tokens: dict[str, LaunchToken] = {}

    def model_post_init(self, _context: Any) -> None:
        """No host is connected before it is heard again."""
        for host in self.hosts.values():
            host.last_ping = min(host.last_ping, time.time())
