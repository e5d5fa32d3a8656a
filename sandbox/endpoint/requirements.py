"""What a task definition asks of a container instance: its `requiresAttributes`.

ECS derives them when a definition is registered, and places a task only where the agent has registered
them (Amazon ECS Developer Guide, "Task definition parameters" and "Amazon ECS API failure reasons",
ATTRIBUTE). The emulator does not, so it is done here, when a task is started.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from sandbox.endpoint.model import Json

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskDefinitionTypeDef

#: Attributes, as name and value (None: any), of which an instance has to have one.
Requirement = tuple[tuple[str, str | None], ...]

_PREFIX = "com.amazonaws.ecs.capability."

#: Members of a container definition, by their path, that ask for a version of Docker's Engine API.
#: Source: Amazon ECS API Reference: "requires version … of the Docker Remote API or greater".
_DOCKER_API = {
    ("dockerLabels",): "1.18",
    ("ulimits",): "1.18",
    ("logConfiguration",): "1.18",
    ("logConfiguration", "options"): "1.19",
    ("linuxParameters", "initProcessEnabled"): "1.25",
}


def requirements(definition: TaskDefinitionTypeDef) -> tuple[Requirement, ...]:
    """Every requirement of a definition: those that it lists, and those that ECS derives from it."""
    listed = [((a["name"], a.get("value")),) for a in definition.get("requiresAttributes", [])]
    derived = [tuple((name, None) for name in names) for names in _derived(definition)]
    return tuple(dict.fromkeys([*listed, *derived]))


def _derived(definition: TaskDefinitionTypeDef) -> Iterator[tuple[str, ...]]:
    if definition.get("taskRoleArn"):
        host = definition.get("networkMode") == "host"
        yield (f"{_PREFIX}task-iam-role-network-host" if host else f"{_PREFIX}task-iam-role",)
    if definition.get("cpu") or definition.get("memory"):
        yield ("ecs.capability.task-cpu-mem-limit",)
    executed = bool(definition.get("executionRoleArn"))
    for container in cast("list[Json]", definition["containerDefinitions"]):
        yield from _of_container(container, executed=executed)
        yield from _of_docker(container)


def _of_container(container: Json, *, executed: bool) -> Iterator[tuple[str, ...]]:
    driver = container.get("logConfiguration", {}).get("logDriver")
    if driver:
        yield (f"{_PREFIX}logging-driver.{driver}",)
    if driver == "awslogs" and executed:
        yield ("ecs.capability.execution-role-awslogs",)
    if ".dkr.ecr." in container["image"]:
        yield (f"{_PREFIX}ecr-auth",)
        if executed:
            yield ("ecs.capability.execution-role-ecr-pull",)
    if container.get("privileged"):
        yield (f"{_PREFIX}privileged-container",)
    if container.get("healthCheck"):
        yield ("ecs.capability.container-health-check",)
    if container.get("dependsOn"):
        yield ("ecs.capability.container-ordering",)
    # ContainerDefinition, dockerSecurityOptions: the agent "must register with" one of the two.
    if container.get("dockerSecurityOptions"):
        yield f"{_PREFIX}selinux", f"{_PREFIX}apparmor"


def _of_docker(container: Json) -> Iterator[tuple[str, ...]]:
    for path, version in _DOCKER_API.items():
        found: Any = container
        for member in path:
            found = (found or {}).get(member)
        if found:
            yield (f"{_PREFIX}docker-remote-api.{version}",)
