"""What a container gets of its host, and what Fargate does not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.review.flaws.flaw import Found, Rule, Template, listed, text

_TASK = "AWS::ECS::TaskDefinition"


def _containers(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in listed(properties.get("ContainerDefinitions")) if isinstance(one, Mapping)]


def _host(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources(_TASK):
        for key in ("PidMode", "IpcMode"):
            if properties.get(key) in ("host", "task"):
                yield name, f"{key} {properties[key]}: a container that sees other processes; take it out"
        for volume in listed(properties.get("Volumes")):
            source = (volume.get("Host") or {}).get("SourcePath")
            if source is not None:
                yield name, f"A folder of the host, {text(source)}, in a container: use a volume without one"
        for container in _containers(properties):
            yield from ((name, sentence) for sentence in _of_container(container))


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    linux = container.get("LinuxParameters") or {}
    capabilities = linux.get("Capabilities") or {}
    if added := listed(capabilities.get("Add")):
        yield f"Capabilities {', '.join(map(text, added))}: a container needs none of them here"
    if "ALL" not in listed(capabilities.get("Drop")):
        yield "A container with capabilities that it does not need: drop ALL"
    if listed(linux.get("Devices")):
        yield "A device of the host in a container: take it out"
    if container.get("Privileged") in (True, "true"):
        yield "A privileged container: it owns the host"
    for option in map(text, listed(container.get("DockerSecurityOptions"))):
        if option.split(":")[0] == "no-new-privileges" and not option.endswith(":false"):
            continue
        yield f"Docker's protection is changed by `{option}`: take it out"


def _fargate(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources(_TASK):
        if "FARGATE" not in listed(properties.get("RequiresCompatibilities")):
            continue
        for container in _containers(properties):
            linux = container.get("LinuxParameters") or {}
            for key in ("Tmpfs", "Devices", "SharedMemorySize", "MaxSwap", "Swappiness"):
                if linux.get(key):
                    yield name, f"Fargate takes no {key}, and refuses the task definition; take it out"
            for key in ("DockerSecurityOptions", "Privileged", "Links", "ExtraHosts"):
                if container.get(key):
                    yield name, f"Fargate takes no {key}, and refuses the task definition; take it out"


RULES = (
    Rule(
        "HOUSE_CONTAINER_HOST",
        "a container with added capabilities, with a folder (`docker.sock` too), a device or the processes "
        "of its host, or without Docker's protection",
        _host,
    ),
    Rule("HOUSE_FARGATE", "what Fargate refuses when it is deployed: tmpfs, devices, links", _fargate),
)
