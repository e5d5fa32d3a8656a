"""What the endpoint and the agent of a host say to each other, as typed JSON.

The real control plane speaks a private WebSocket protocol to its agent; this is the local site's own,
level-triggered: each poll answers the whole set of tasks that the host should know, so a host that was cut
off, killed or restarted needs nothing replayed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

#: Header that carries the secret of a registered host.
HOST_TOKEN_HEADER = "X-Site-Host-Token"  # noqa: S105 - the name of a header

#: Seconds that the endpoint holds a poll when nothing changes.
POLL_SECONDS = 1.0

#: Seconds between SIGTERM and SIGKILL when a container definition names no `stopTimeout`.
#: Source: Amazon ECS API Reference, ContainerDefinition.stopTimeout (30 seconds on EXTERNAL instances).
STOP_TIMEOUT_SECONDS = 30


class Message(BaseModel):
    """Base of all messages: immutable, and no field goes unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LogTarget(Message):
    """Where the awslogs driver writes: group, stream and whose credentials it uses."""

    group: str
    stream: str
    region: str
    create_group: bool = False


class Tmpfs(Message):
    """One tmpfs mount; `size` in MiB."""

    path: str
    size: int
    options: tuple[str, ...] = ()


class Mount(Message):
    """One bind mount: `source` is a path of the host, or the name of a Docker volume."""

    source: str
    target: str
    read_only: bool = False


class ContainerOrder(Message):
    """The one container of a task, overrides applied. Memory in MiB, cpu in units of 1/1024 core."""

    name: str
    image: str
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    user: str | None = None
    working_directory: str | None = None
    read_only_root: bool = False
    cpu: int = 0
    memory: int | None = None
    memory_reservation: int | None = None
    init: bool = False
    tmpfs: tuple[Tmpfs, ...] = ()
    mounts: tuple[Mount, ...] = ()
    stop_timeout: int = STOP_TIMEOUT_SECONDS
    log: LogTarget | None = None


class Order(Message):
    """A task as the endpoint wants it on a host.

    `access` is the secret path element under which the task's credentials and metadata are served;
    `execution_access` the same for the execution role, which only the agent uses.
    """

    task_arn: str
    task_id: str
    cluster: str
    family: str
    desired: Literal["RUNNING", "STOPPED"] = "RUNNING"
    known: str = "PENDING"
    network_mode: str = "bridge"
    container: ContainerOrder
    access: str | None
    execution_access: str | None
    metadata_access: str


class Poll(Message):
    """A host asks for its tasks; the endpoint answers at once when `version` is old."""

    version: int


class Orders(Message):
    """The answer to a poll: every task of the host that has not stopped."""

    version: int
    orders: tuple[Order, ...]


class Report(Message):
    """A host says what became of a task. Times are seconds since the epoch."""

    task_arn: str
    status: Literal["PENDING", "RUNNING", "STOPPED"]
    at: float
    runtime_id: str | None = None
    image_digest: str | None = None
    exit_code: int | None = None
    container_reason: str | None = None
    stopped_reason: str | None = None
    failed_to_start: bool = False
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None


class FargateHello(Message):
    """A Fargate host announces itself: no activation, no cluster, the capacity is the provider's."""

    name: str


class HostIdentity(Message):
    """Who a host is after registration, and the port of its line; kept in a file of mode 0600."""

    instance_id: str
    token: str
    container_instance_arn: str | None = None
    line_port: int = 0


class TaskServices(Message):
    """Where containers find credentials and metadata.

    `relative` is true when the address is 169.254.170.2:80, the one that SDKs know by heart.
    """

    url: str
    relative: bool


class Clock(Message):
    """How far the clock of ECS is ahead of this machine's, in seconds: all times that ECS tells are so."""

    ahead: float


class Fault(Message):
    """The next `times` calls of an operation fail.

    The operation is one of ECS, SSM, or a service behind the endpoint with the same protocol, such as
    `GetLogEvents`; or `s3:` with a method, such as `s3:GET`. With `after`, the operation takes effect and
    only its answer is lost, as when a connection breaks.
    """

    operation: str
    times: int = 1
    code: str = "ThrottlingException"
    message: str = "Rate exceeded"
    status: int = 400
    after: bool = False
