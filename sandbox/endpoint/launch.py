"""From a task definition and the overrides of RunTask to what a host is to run."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sandbox import acs
from sandbox.endpoint.errors import ServiceError, client_error, invalid_parameter
from sandbox.endpoint.model import Json
from sandbox.endpoint.requirements import Requirement, requirements
from sandbox.endpoint.upstream import Upstream

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
    container: acs.Container
    docker: DockerSettings
    volumes: tuple[acs.Volume, ...]
    memory_reservation: int | None
    task_role_arn: str | None
    execution_role_arn: str | None
    cpu: int
    memory: int
    placement: tuple[tuple[str, str], ...]
    requirements: tuple[Requirement, ...]

    def task(self, task_arn: str, *, cluster_arn: str) -> acs.Task:
        """One task of it, as its host is told."""
        task_id = task_arn.rsplit("/", 1)[-1]
        account, family = self.definition_arn.split(":")[4], self.family
        docker = self.docker.told(stream_ending=f"{self.container.name}/{task_id}")
        container_arn = f"{cluster_arn.replace(':cluster/', ':container/')}/{task_id}/{uuid.uuid4()}"
        container = self.container.model_copy(
            update={"container_arn": container_arn, "docker_config": docker}
        )
        return acs.Task(
            arn=task_arn,
            task_cluster_arn=cluster_arn,
            family=family,
            version=self.definition_arn.rsplit(":", 1)[-1],
            launch_type=self.launch_type,
            network_mode=self.network_mode,
            task_definition_account_id=account,
            containers=(container,),
            volumes=self.volumes,
        )


@dataclass(frozen=True)
class DockerSettings:
    """What Docker's Engine API is told of a container, and of its log."""

    config: dict[str, Any]
    host_config: dict[str, Any]
    log_driver: str | None
    log_options: dict[str, str]

    def told(self, *, stream_ending: str) -> acs.DockerConfig:
        """The two objects as JSON, with the log stream of one task."""
        host = dict(self.host_config)
        if self.log_driver:
            options = dict(self.log_options)
            prefix = options.pop("awslogs-stream-prefix", None)
            if prefix:
                options["awslogs-stream"] = f"{prefix}/{stream_ending}"
            host["LogConfig"] = {"Type": self.log_driver, "Config": options}
        return acs.DockerConfig(config=json.dumps(self.config), host_config=json.dumps(host))


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
    cpu = overrides.get("cpu") or definition.get("cpu") or mine.get("cpu") or container.get("cpu") or 0
    hard, soft = (mine.get(k) or container.get(k) for k in ("memory", "memoryReservation"))
    memory = overrides.get("memory") or definition.get("memory") or soft or hard or 0
    return Blueprint(
        definition_arn=definition["taskDefinitionArn"],
        family=definition["family"],
        launch_type=launch_type,
        network_mode=definition.get("networkMode", "bridge"),
        container=_container(container, mine, execution_role=execution_role),
        docker=_docker(container, log, memory_reservation=soft, upstream=upstream),
        volumes=_volumes(definition, container.get("mountPoints", [])),
        memory_reservation=soft,
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


def _container(container: Json, override: Json, *, execution_role: str | None) -> acs.Container:
    environment = {e["name"]: e["value"] for e in container.get("environment", [])}
    environment |= {e["name"]: e.get("value", "") for e in override.get("environment", [])}
    chosen = container | override
    logs = container.get("logConfiguration", {}).get("logDriver")
    return acs.Container(
        name=container["name"],
        image=container["image"],
        cpu=chosen.get("cpu", 0),
        memory=chosen.get("memory") or 0,
        entry_point=tuple(container["entryPoint"]) if container.get("entryPoint") else None,
        command=tuple(chosen["command"]) if chosen.get("command") else None,
        environment=environment,
        mount_points=tuple(
            acs.MountPoint(
                source_volume=point["sourceVolume"],
                container_path=point["containerPath"],
                read_only=point.get("readOnly", False),
            )
            for point in container.get("mountPoints", [])
        ),
        stop_timeout=container.get("stopTimeout") or acs.STOP_TIMEOUT_SECONDS,
        logs_auth_strategy=acs.LOGS_BY_EXECUTION_ROLE if logs == "awslogs" and execution_role else None,
    )


def _docker(
    container: Json, log: Json, *, memory_reservation: int | None, upstream: Upstream
) -> DockerSettings:
    linux = container.get("linuxParameters", {})
    capabilities = linux.get("capabilities", {})
    host = {
        "ReadonlyRootfs": container.get("readonlyRootFilesystem"),
        "Privileged": container.get("privileged"),
        "Init": linux.get("initProcessEnabled"),
        "Tmpfs": {
            t["containerPath"]: ",".join([f"size={t['size']}m", *t.get("mountOptions", ())])
            for t in linux.get("tmpfs", [])
        },
        "CapAdd": capabilities.get("add"),
        "CapDrop": capabilities.get("drop"),
        "SecurityOpt": container.get("dockerSecurityOptions"),
        "MemoryReservation": memory_reservation * 2**20 if memory_reservation else None,
    }
    config = {"User": container.get("user"), "WorkingDir": container.get("workingDirectory")}
    options = dict(log.get("options", {}))
    if log.get("logDriver") == "awslogs":
        options.setdefault("awslogs-region", upstream.region)
        # Docker's own option, and not of AWS: here CloudWatch Logs is the emulator.
        options.setdefault("awslogs-endpoint", upstream.url)
    return DockerSettings(
        config={name: value for name, value in config.items() if value},
        host_config={name: value for name, value in host.items() if value},
        log_driver=log.get("logDriver"),
        log_options=options,
    )


def _volumes(definition: TaskDefinitionTypeDef, points: Sequence[Json]) -> tuple[acs.Volume, ...]:
    known = {
        str(volume["name"]): acs.Volume(
            name=str(volume["name"]),
            host=acs.HostVolume(source_path=volume.get("host", {}).get("sourcePath") or ""),
        )
        for volume in definition.get("volumes", [])
        if "name" in volume
    }
    for point in points:
        if point["sourceVolume"] not in known:
            raise client_error(f"Unknown volume '{point['sourceVolume']}'.")
    return tuple(known.values())
