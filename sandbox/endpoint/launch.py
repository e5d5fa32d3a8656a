"""From a task definition and the overrides of RunTask to what a host is to run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sandbox.endpoint.errors import ServiceError, client_error, invalid_parameter
from sandbox.endpoint.model import Json
from sandbox.endpoint.requirements import Requirement, requirements
from sandbox.endpoint.upstream import Upstream
from sandbox.wire import STOP_TIMEOUT_SECONDS, ContainerOrder, LogTarget, Mount, Order, Tmpfs

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskDefinitionTypeDef

#: Source: Amazon ECS API Reference, TaskOverride ("a limit of 8192 characters for overrides").
OVERRIDES_LIMIT = 8192


@dataclass(frozen=True)
class Blueprint:
    """A task definition with one call's overrides applied: as many tasks as wanted are made of it."""

    definition_arn: str
    family: str
    launch_type: str
    network_mode: str
    container: ContainerOrder
    log_group: str | None
    log_prefix: str | None
    log_region: str
    log_create: bool
    task_role_arn: str | None
    execution_role_arn: str | None
    cpu: int
    memory: int
    placement: tuple[tuple[str, str], ...]
    requirements: tuple[Requirement, ...]

    def order(self, task_arn: str, *, cluster: str) -> Order:
        """The order for one task, with access keys of its own."""
        task_id = task_arn.rsplit("/", 1)[-1]
        log = None
        if self.log_group and self.log_prefix:
            stream = f"{self.log_prefix}/{self.container.name}/{task_id}"
            log = LogTarget(
                group=self.log_group, stream=stream, region=self.log_region, create_group=self.log_create
            )
        return Order(
            task_arn=task_arn,
            task_id=task_id,
            cluster=cluster,
            family=self.family,
            network_mode=self.network_mode,
            container=self.container.model_copy(update={"log": log}),
            access=secrets.token_hex(16) if self.task_role_arn else None,
            execution_access=secrets.token_hex(16) if self.execution_role_arn else None,
            metadata_access=secrets.token_hex(16),
        )


def blueprint(upstream: Upstream, params: Json, *, launch_type: str) -> Blueprint:
    """Read the task definition of a RunTask call and apply the call's overrides.

    Raises:
        ServiceError: the definition is unknown, of another launch type, or asks for what there is not here.
    """
    definition = upstream.task_definition(params["taskDefinition"])
    overrides: Json = params.get("overrides", {})
    if len(json.dumps(overrides, separators=(",", ":"))) > OVERRIDES_LIMIT:
        raise invalid_parameter(f"Overrides length must be at most {OVERRIDES_LIMIT}.")
    _check_launch_type(definition, launch_type, params)
    container = _only_container(definition)
    mine = _container_override(overrides, container["name"])
    task_role = overrides.get("taskRoleArn") or definition.get("taskRoleArn") or None
    execution_role = overrides.get("executionRoleArn") or definition.get("executionRoleArn") or None
    for role in filter(None, (task_role, execution_role)):
        _check_role(upstream, role)
    log = container.get("logConfiguration", {})
    if log and log["logDriver"] == "awslogs" and not execution_role:
        raise client_error(
            "Task definition with the awslogs log driver needs an execution role on this launch type."
        )
    options = log.get("options", {}) if log.get("logDriver") == "awslogs" else {}
    cpu = overrides.get("cpu") or definition.get("cpu") or mine.get("cpu") or container.get("cpu") or 0
    hard, soft = (mine.get(k) or container.get(k) for k in ("memory", "memoryReservation"))
    memory = overrides.get("memory") or definition.get("memory") or soft or hard or 0
    return Blueprint(
        definition_arn=definition["taskDefinitionArn"],
        family=definition["family"],
        launch_type=launch_type,
        network_mode=definition.get("networkMode", "bridge"),
        container=_container_order(definition, container, mine),
        log_group=options.get("awslogs-group"),
        log_prefix=options.get("awslogs-stream-prefix"),
        log_region=options.get("awslogs-region", upstream.region),
        log_create=options.get("awslogs-create-group", "false") == "true",
        task_role_arn=task_role,
        execution_role_arn=execution_role,
        cpu=int(cpu),
        memory=int(memory),
        placement=tuple(
            (c["type"], c.get("expression", "")) for c in definition.get("placementConstraints", [])
        ),
        requirements=requirements(definition),
    )


def _check_launch_type(definition: TaskDefinitionTypeDef, launch_type: str, params: Json) -> None:
    # Without requiresCompatibilities a definition is for EC2. Source: RegisterTaskDefinition.
    supported = definition.get("requiresCompatibilities") or ["EC2"]
    if launch_type not in supported:
        raise invalid_parameter(f"Task definition does not support launch_type {launch_type}.")
    awsvpc = definition.get("networkMode") == "awsvpc"
    network = params.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if launch_type == "EXTERNAL" and awsvpc:
        raise invalid_parameter("The awsvpc network mode is not supported on launch type EXTERNAL.")
    if launch_type == "FARGATE" and not awsvpc:
        raise client_error("Fargate only supports network mode 'awsvpc'.")
    if awsvpc and not network:
        raise invalid_parameter(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    if network and not awsvpc:
        raise invalid_parameter(
            "Network Configuration is not valid for the given networkMode of this task definition."
        )
    if network and not 1 <= len(network["subnets"]) <= 16:
        raise invalid_parameter("subnets can have between 1 and 16 items.")


def _only_container(definition: TaskDefinitionTypeDef) -> Json:
    containers = cast("list[Json]", definition["containerDefinitions"])
    unsupported = [
        what
        for what, there in (
            ("more than one container", len(containers) != 1),
            ("secrets", bool(containers[0].get("secrets"))),
            ("environmentFiles", bool(containers[0].get("environmentFiles"))),
        )
        if there
    ]
    if unsupported:
        raise ServiceError(
            "UnsupportedFeatureException",
            f"the local site does not run task definitions with {unsupported[0]}.",
        )
    return containers[0]


def _container_override(overrides: Json, name: str) -> Json:
    mine: Json = {}
    for override in overrides.get("containerOverrides", []):
        if override.get("name") != name:
            raise invalid_parameter(
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition."
            )
        mine = override
    return mine


def _check_role(upstream: Upstream, role_arn: str) -> None:
    if not upstream.trusts(role_arn, "ecs-tasks.amazonaws.com"):
        raise client_error(
            f"ECS was unable to assume the role '{role_arn}' that was provided for this task. Please verify "
            "that the role being passed has the proper trust relationship and permissions and that your IAM "
            "user has permissions to pass this role."
        )


def _container_order(definition: TaskDefinitionTypeDef, container: Json, override: Json) -> ContainerOrder:
    environment = {e["name"]: e["value"] for e in container.get("environment", [])}
    environment |= {e["name"]: e.get("value", "") for e in override.get("environment", [])}
    chosen = container | override
    linux = container.get("linuxParameters", {})
    return ContainerOrder(
        name=container["name"],
        image=container["image"],
        entry_point=tuple(container.get("entryPoint", ())),
        command=tuple(chosen.get("command", ())),
        environment=environment,
        user=container.get("user"),
        working_directory=container.get("workingDirectory"),
        read_only_root=container.get("readonlyRootFilesystem", False),
        cpu=chosen.get("cpu", 0),
        memory=chosen.get("memory"),
        memory_reservation=chosen.get("memoryReservation"),
        init=linux.get("initProcessEnabled", False),
        tmpfs=tuple(
            Tmpfs(path=t["containerPath"], size=t["size"], options=tuple(t.get("mountOptions", ())))
            for t in linux.get("tmpfs", [])
        ),
        mounts=_mounts(definition, container.get("mountPoints", [])),
        stop_timeout=container.get("stopTimeout") or STOP_TIMEOUT_SECONDS,
    )


def _mounts(definition: TaskDefinitionTypeDef, points: Sequence[Json]) -> tuple[Mount, ...]:
    volumes = {volume["name"]: volume for volume in definition.get("volumes", []) if "name" in volume}
    mounts = []
    for point in points:
        name = point["sourceVolume"]
        if name not in volumes:
            raise client_error(f"Unknown volume '{name}'.")
        source = volumes[name].get("host", {}).get("sourcePath") or name
        mounts.append(
            Mount(source=source, target=point["containerPath"], read_only=point.get("readOnly", False))
        )
    return tuple(mounts)
