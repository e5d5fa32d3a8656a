"""Messages between ECS and the agent of a host, over the websocket of its agent communication service (ACS).

Names and spelling are those of the model in amazon-ecs-agent (ecs-agent/acs/model/api/api-2.json), as far as
the local site uses it. A frame is `{"type": NAME, "message": {…}}`. What a reader does not know, a message or
a member, it leaves out: either side may be newer than the other.
"""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

#: Seconds between SIGTERM and SIGKILL when a container definition names no `stopTimeout`.
#: Source: Amazon ECS API Reference, ContainerDefinition.stopTimeout (30 seconds on EXTERNAL instances).
STOP_TIMEOUT_SECONDS = 30

#: `logsAuthStrategy` of a container whose log driver uses the execution role. Source: shape AuthStrategy.
LOGS_BY_EXECUTION_ROLE = "ExecutionRole"

#: An error of a handshake that means: this container instance was deregistered. It is the key of the body, a
#: JSON object, of an HTTP error; told after the upgrade, an agent would only connect again.
INACTIVE_INSTANCE = "InactiveInstanceException"


class Shape(BaseModel):
    """A structure of the model: immutable, camelCase on the wire."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class IAMRoleCredentials(Shape):
    """Keys of a role, under an identifier that stays when they are renewed. `expiration` is RFC 3339, UTC."""

    credentials_id: str
    role_arn: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: str


class MountPoint(Shape):
    """Where a container sees a volume."""

    source_volume: str
    container_path: str
    read_only: bool = False


class HostVolume(Shape):
    """A path of the host; empty for a volume that Docker keeps."""

    source_path: str = ""


class Volume(Shape):
    """A volume of a task."""

    name: str
    type: str = "host"
    host: HostVolume = HostVolume()


class DockerConfig(Shape):
    """What is Docker's own: two objects of its Engine API, each as JSON in a string."""

    config: str = "{}"
    host_config: str = "{}"
    version: str = "1.17"


class Container(Shape):
    """A container, overrides applied. `memory` in MiB, `cpu` in units of 1/1024 core, `stop_timeout` in s."""

    name: str
    image: str
    container_arn: str = ""
    essential: bool = True
    cpu: int = 0
    memory: int = 0
    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: dict[str, str] = {}
    mount_points: tuple[MountPoint, ...] = ()
    overrides: str = "{}"
    stop_timeout: int = STOP_TIMEOUT_SECONDS
    logs_auth_strategy: str | None = None
    docker_config: DockerConfig = DockerConfig()


class Task(Shape):
    """A task as the control plane wants it on a host."""

    arn: str
    task_cluster_arn: str
    family: str
    version: str
    desired_status: Literal["RUNNING", "STOPPED"] = "RUNNING"
    launch_type: str
    network_mode: str = "bridge"
    task_definition_account_id: str = ""
    overrides: str = "{}"
    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...] = ()
    role_credentials: IAMRoleCredentials | None = None
    execution_role_credentials: IAMRoleCredentials | None = None

    @property
    def id(self) -> str:
        """Last element of the ARN."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def container(self) -> Container:
        """Its container: the local site runs tasks of one."""
        return self.containers[0]


class PayloadMessage(Shape):
    """Tasks to start or to stop. `generated_at` in ms since the epoch; `seq_num` rises with each message."""

    cluster_arn: str
    container_instance_arn: str
    message_id: str
    seq_num: int
    generated_at: int
    tasks: tuple[Task, ...]


class AckRequest(Shape):
    """An agent took over a payload: it is not sent again."""

    cluster: str
    container_instance: str
    message_id: str


class IAMRoleCredentialsMessage(Shape):
    """New keys for a task that runs."""

    message_id: str
    task_arn: str
    task_cluster_arn: str
    role_type: Literal["TaskApplication", "TaskExecution"]
    role_credentials: IAMRoleCredentials


class IAMRoleCredentialsAckRequest(Shape):
    """An agent took over keys, of a payload or renewed ones."""

    message_id: str
    credentials_id: str
    expiration: str


class HeartbeatMessage(Shape):
    """The control plane is there."""

    message_id: str
    healthy: bool = True


class HeartbeatAckRequest(Shape):
    """The agent is there."""

    message_id: str


Message = (
    PayloadMessage
    | AckRequest
    | IAMRoleCredentialsMessage
    | IAMRoleCredentialsAckRequest
    | HeartbeatMessage
    | HeartbeatAckRequest
)

_BY_NAME: dict[str, type[Message]] = {
    shape.__name__: shape
    for shape in (
        PayloadMessage,
        AckRequest,
        IAMRoleCredentialsMessage,
        IAMRoleCredentialsAckRequest,
        HeartbeatMessage,
        HeartbeatAckRequest,
    )
}


def frame(message: Message) -> str:
    """A message as it is sent."""
    body = message.model_dump(by_alias=True, exclude_none=True)
    return json.dumps({"type": type(message).__name__, "message": body})


def read(text: str | bytes) -> Message | None:
    """A message as it came, or None for one that the local site does not know.

    Raises:
        ValueError: it is no frame, or lacks a member that its kind must have.
    """
    frame_ = json.loads(text)
    shape = _BY_NAME.get(str(frame_["type"]))
    return shape.model_validate(frame_.get("message") or {}) if shape else None
