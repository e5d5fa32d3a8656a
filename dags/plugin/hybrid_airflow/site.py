"""Whether a site can take a container now: machines that are registered, active and connected.

Whether one has the room is for ECS to say, when it is asked to run the container: what a host has left
changes between any look and the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow.retrying import plain

_PAGE = 100
#: Hosts that a sentence names.
_NAMED = 5


@dataclass(frozen=True)
class Machine:
    """A registered host. `name`, `ping` and `seen` are what SSM knows of it, None where it knows nothing."""

    id: str
    status: str
    connected: bool
    name: str | None = None
    ping: str | None = None
    seen: datetime | None = None

    def __str__(self) -> str:
        called = f"{self.name} ({self.id})" if self.name else self.id
        if self.status != "ACTIVE":
            return f"{called}: {self.status.lower()}"
        agent = "agent connected" if self.connected else "ECS agent disconnected"
        if self.ping is None:
            return f"{called}: {agent}"
        since = f" since {self.seen:%Y-%m-%d %H:%M %Z}" if self.seen and self.ping != "Online" else ""
        return f"{called}: {agent}, SSM says {self.ping}{since}"


@dataclass(frozen=True)
class SiteState:
    """A look at a site."""

    site: str
    machines: tuple[Machine, ...]

    @property
    def open(self) -> bool:
        """Whether a host can take a container."""
        return any(machine.connected and machine.status == "ACTIVE" for machine in self.machines)

    def sentence(self) -> str:
        """What is the matter, and what to do, for whoever is on duty."""
        if not self.machines:
            return (
                f"Site '{self.site}' has no registered host. Register one with "
                f"'hybrid sites activate {self.site}', then clear this task."
            )
        if self.open:
            return f"Site '{self.site}' has a connected host."
        named = "; ".join(str(machine) for machine in self.machines[:_NAMED])
        more = f"; and {len(self.machines) - _NAMED} more" if len(self.machines) > _NAMED else ""
        return (
            f"No host of site '{self.site}' is connected. {named}{more}. Check power and network of the site "
            "(outbound 443), and on the host 'systemctl status ecs amazon-ssm-agent'; then clear this task."
        )


class SiteUnknownError(Exception):
    """The site could not be looked at; that alone is no reason not to run."""


def look(site: str, *, cluster: str, ecs: Any, ssm: Any) -> SiteState:
    """A look at the hosts of a site's cluster.

    Raises:
        SiteUnknownError: ECS could not be asked.
    """
    try:
        arns = [
            arn
            for page in ecs.get_paginator("list_container_instances").paginate(cluster=cluster)
            for arn in page["containerInstanceArns"]
        ]
        instances = [
            instance
            for first in range(0, len(arns), _PAGE)
            for instance in ecs.describe_container_instances(
                cluster=cluster, containerInstances=arns[first : first + _PAGE]
            )["containerInstances"]
        ]
    except (ClientError, BotoCoreError) as error:
        raise SiteUnknownError(plain(error)) from error
    machines = tuple(_machine(instance) for instance in instances)
    state = SiteState(site=site, machines=machines)
    return state if state.open else SiteState(site=site, machines=_named(machines, ssm))


def _machine(instance: dict[str, Any]) -> Machine:
    arn = instance["containerInstanceArn"]
    return Machine(
        id=instance.get("ec2InstanceId") or arn.rsplit("/", 1)[-1],
        status=instance.get("status", "ACTIVE"),
        connected=bool(instance.get("agentConnected")),
    )


def _named(machines: Sequence[Machine], ssm: Any) -> tuple[Machine, ...]:
    """The machines with what SSM knows of them, asked only when there is something to explain."""
    ids = [machine.id for machine in machines if machine.id.startswith("mi-")][:50]
    if not ids:
        return tuple(machines)
    try:
        answer = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": ids}])
    except (ClientError, BotoCoreError):
        return tuple(machines)
    known = {info["InstanceId"]: info for info in answer.get("InstanceInformationList", [])}
    return tuple(
        Machine(
            id=machine.id,
            status=machine.status,
            connected=machine.connected,
            name=known.get(machine.id, {}).get("ComputerName"),
            ping=known.get(machine.id, {}).get("PingStatus"),
            seen=known.get(machine.id, {}).get("LastPingDateTime"),
        )
        for machine in machines
    )
