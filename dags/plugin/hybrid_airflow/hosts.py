"""Which machine ran a container: for people who must go and look. Best effort, and never a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow.ecs_task import TaskSnapshot


@dataclass(frozen=True)
class Host:
    """A machine of a site.

    Attributes:
        id: `mi-…` of a machine that SSM manages, or what ECS calls it.
        name: Its host name, where SSM tells it.
        connected: Whether its ECS agent is connected; None when nobody says.
    """

    id: str
    name: str | None = None
    connected: bool | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name else self.id


def host_of(task: TaskSnapshot, *, ecs: Any, ssm: Any) -> Host | None:
    """The machine of a task; None on Fargate, before placement, and when AWS does not say."""
    if task.container_instance is None:
        return None
    try:
        answer = ecs.describe_container_instances(
            cluster=task.cluster, containerInstances=[task.container_instance]
        )
        instance = answer["containerInstances"][0]
    except (ClientError, BotoCoreError, IndexError, KeyError):
        return Host(id=task.container_instance.rsplit("/", 1)[-1])
    machine = instance.get("ec2InstanceId") or task.container_instance.rsplit("/", 1)[-1]
    return Host(id=machine, name=_name(ssm, machine), connected=instance.get("agentConnected"))


def _name(ssm: Any, machine: str) -> str | None:
    if not machine.startswith("mi-"):
        return None
    try:
        answer = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [machine]}])
    except (ClientError, BotoCoreError):
        return None
    found = answer.get("InstanceInformationList") or []
    return found[0].get("ComputerName") or found[0].get("Name") if found else None
