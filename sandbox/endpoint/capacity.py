"""Container instances as the scheduler sees them: what is left of them, and whether they answer."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.endpoint.model import Json
from sandbox.endpoint.shapes import Instance, InstanceState, TaskRecord
from sandbox.endpoint.store import Store


@dataclass(frozen=True)
class Capacity:
    """One container instance now. `cpu` and `memory` are what remains (1/1024 core, MiB)."""

    instance: Instance
    connected: bool
    cpu: int
    memory: int
    running: int
    pending: int
    groups: frozenset[str]

    def subjects(self) -> dict[str, str]:
        """What a cluster query expression can ask of this instance."""
        subjects = {f"attribute:{a.name}": a.value or "" for a in self.instance.attributes}
        return subjects | {
            "agentConnected": str(self.connected).lower(),
            "agentVersion": self.instance.version_info.agent_version or "",
            "ec2InstanceId": self.instance.ec2_instance_id,
            "runningTasksCount": str(self.running),
        }

    def described(self) -> Json:
        """The instance as DescribeContainerInstances answers it."""
        registered = [resource.wire() for resource in self.instance.registered_resources]
        left = {"CPU": self.cpu, "MEMORY": self.memory}
        own = {"cluster_arn", "client_token"}
        return self.instance.model_dump(by_alias=True, exclude_none=True, exclude=own) | {
            "registeredResources": registered,
            "remainingResources": [
                resource | ({"integerValue": left[resource["name"]]} if resource["name"] in left else {})
                for resource in registered
            ],
            "agentConnected": self.connected,
            "runningTasksCount": self.running,
            "pendingTasksCount": self.pending,
            "attachments": [],
        }


def live_tasks(state: InstanceState, instance: Instance) -> list[TaskRecord]:
    """Tasks that occupy an instance: placed there and not stopped."""
    arn = instance.container_instance_arn
    return [r for r in state.tasks.values() if r.task.container_instance_arn == arn and not r.task.stopped]


def measure(store: Store, state: InstanceState, instance: Instance) -> Capacity:
    """An instance now."""
    live = live_tasks(state, instance)
    running = sum(record.task.last_status == "RUNNING" for record in live)
    return Capacity(
        instance=instance,
        connected=store.connected(state.hosts.get(instance.ec2_instance_id)),
        cpu=instance.total("CPU") - sum(record.cpu for record in live),
        memory=instance.total("MEMORY") - sum(record.memory for record in live),
        running=running,
        pending=len(live) - running,
        groups=frozenset(record.task.group for record in live),
    )


def of_cluster(store: Store, state: InstanceState, cluster_arn: str) -> list[Capacity]:
    """Every container instance of a cluster, by ARN."""
    return [measure(store, state, instance) for instance in members(state, cluster_arn)]


def members(state: InstanceState, cluster_arn: str) -> list[Instance]:
    """Container instances of a cluster, by ARN."""
    found = (i for i in state.instances.values() if i.cluster_arn == cluster_arn)
    return sorted(found, key=lambda instance: instance.container_instance_arn)
