"""Hosts of the estate: what ECS and Systems Manager each know of them, joined by the host's `mi-…`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hybrid.estate import Estate
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.records import InstanceRecord, NodeRecord
from hybrid.fleet.sites import ESTATE_TAG, AnywhereSiteNames, anywhere_names, anywhere_site


class HostState(StrEnum):
    """What a host can be used for.

    HALF_REGISTERED: Systems Manager knows it, its cluster does not: the ECS agent never came up, or the host
    was taken out of ECS only. ORPHANED: the cluster knows it, Systems Manager does not: it gets no new
    credentials and will disconnect.
    """

    READY = "ready"
    DRAINING = "draining"
    DISCONNECTED = "disconnected"
    HALF_REGISTERED = "half-registered"
    ORPHANED = "orphaned"


@dataclass(frozen=True)
class Host:
    """A host, from both sides. CPU in ECS CPU units, memory in MiB; each as (free, all).

    Attributes:
        site: its site.
        node: `mi-…`.
        instance: id of its container instance; None while ECS does not know it.
        name: what the machine calls itself, or its default name.
        address: private address.
        state: what it can be used for.
        connected: whether the ECS agent is connected.
        ping: what Systems Manager says: Online, ConnectionLost, Inactive, or empty.
        last_seen: last ping of the SSM agent.
        registered: when it joined the cluster, or Systems Manager.
        agent_version: of the ECS agent.
        ssm_version: of the SSM agent.
        docker_version: of Docker.
        platform: operating system.
        running: tasks.
        pending: tasks.
        cpu: (free, all).
        memory: (free, all).
        attributes: custom ones; ECS's own (`ecs.…`, `com.amazonaws.…`) are left out.
        activation_id: with which it joined.
        others: ids of further container instances of the same registration: left behind, or of a copy of
            the machine.
    """

    site: str
    node: str
    instance: str | None
    name: str
    address: str
    state: HostState
    connected: bool
    ping: str
    last_seen: datetime | None
    registered: datetime | None
    agent_version: str
    ssm_version: str
    docker_version: str
    platform: str
    running: int
    pending: int
    cpu: tuple[int, int]
    memory: tuple[int, int]
    attributes: Mapping[str, str]
    activation_id: str
    others: tuple[str, ...] = ()


def hosts(aws: AwsClient, estate: Estate, *, site: str | None = None) -> list[Host]:
    """Hosts of one site, or of all, by site and name.

    One call for a hundred sites, two for each site that has up to a hundred hosts, and meanwhile one for each
    fifty nodes of Systems Manager, which has rates of its own. Hosts that joined without this project's tags
    are found by their ids.

    Raises:
        errors.FleetError: there is no such site, it is not deployed, or AWS could not be asked.
    """
    chosen = [anywhere_site(estate, name) for name in ([site] if site else anywhere_names(estate))]
    tags = chosen[0].tags if site else {ESTATE_TAG: estate.environment.name}
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="nodes") as pool:
        tagged = pool.submit(lambda: list(aws.nodes(tags=tags)))
        by_site = _instances(aws, chosen, must_exist=site is not None)
        nodes = {node.node: node for node in tagged.result()}
    untagged = [one.node for found in by_site.values() for one in found if one.node not in nodes]
    nodes |= {node.node: node for node in aws.nodes(ids=untagged)}
    of_node: dict[str, list[str]] = {}
    for instance in (one for found in by_site.values() for one in found):
        of_node.setdefault(instance.node, []).append(instance.id)
    joined = [
        _joined(
            name, instance, nodes.get(instance.node),
            others=tuple(other for other in of_node[instance.node] if other != instance.id),
        )
        for name, found in by_site.items()
        for instance in found
    ]  # fmt: skip
    known = {host.node for host in joined}
    roles = {one.role.rsplit("/", 1)[-1]: one.site for one in chosen}
    for node in nodes.values():
        at = roles.get(node.role.rsplit("/", 1)[-1])
        if node.node not in known and at is not None:
            joined.append(_half(at, node))
    return sorted(joined, key=lambda host: (host.site, host.name, host.node))


def find(aws: AwsClient, estate: Estate, wanted: Sequence[str], *, site: str | None = None) -> list[Host]:
    """Hosts by `mi-…`, id of the container instance, or name.

    Raises:
        errors.UnknownHost: none or several have a name; nothing is returned then.
    """
    known = hosts(aws, estate, site=site)
    return [_one(known, name) for name in dict.fromkeys(wanted)]


def _one(known: Iterable[Host], name: str) -> Host:
    found = [host for host in known if name in (host.node, host.instance, host.name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{_id(host)} ({host.site}, {host.state})" for host in found)
        raise errors.UnknownHost(f"{len(found)} hosts are called `{name}`: {ids}; name one by its id")
    raise errors.UnknownHost(f"no host `{name}`; `bin/hybrid hosts list` shows the hosts and their ids")


def _id(host: Host) -> str:
    """What names this one and no other."""
    return host.instance if host.others and host.instance else host.node


def _instances(
    aws: AwsClient, chosen: Sequence[AnywhereSiteNames], *, must_exist: bool
) -> dict[str, list[InstanceRecord]]:
    by_site: dict[str, list[InstanceRecord]] = {}
    clusters = aws.clusters([one.cluster for one in chosen])
    standing = [one for one in chosen if one.cluster in clusters]
    if must_exist and not standing:
        raise errors.SiteNotDeployed(
            f"site `{chosen[0].site}` is not deployed: there is no cluster {chosen[0].cluster}; run "
            f"`bin/hybrid cdk deploy {chosen[0].stack}` first"
        )
    filled = [one for one in standing if clusters[one.cluster].hosts]
    for one, found in each(filled, lambda site: aws.instances(site.cluster), workers=aws.workers):
        if isinstance(found, errors.FleetError):
            raise found
        by_site[one.site] = found
    return by_site


def _joined(site: str, instance: InstanceRecord, node: NodeRecord | None, *, others: tuple[str, ...]) -> Host:
    state = HostState.READY
    if node is None:
        state = HostState.ORPHANED
    elif not instance.connected:
        state = HostState.DISCONNECTED
    elif instance.status == "DRAINING":
        state = HostState.DRAINING
    own = ("ecs.", "com.amazonaws.")
    return Host(
        site=site,
        node=instance.node,
        instance=instance.id,
        name=(node.computer or node.name) if node else instance.node,
        address=node.address if node else "",
        state=state,
        connected=instance.connected,
        ping=node.ping if node else "",
        last_seen=node.last_ping if node else None,
        registered=instance.registered,
        agent_version=instance.agent_version,
        ssm_version=node.agent_version if node else "",
        docker_version=instance.docker_version,
        platform=node.platform if node else "",
        running=instance.running,
        pending=instance.pending,
        cpu=instance.cpu,
        memory=instance.memory,
        attributes={k: v for k, v in sorted(instance.attributes.items()) if not k.startswith(own)},
        activation_id=node.activation_id if node else "",
        others=others,
    )


def _half(site: str, node: NodeRecord) -> Host:
    return Host(
        site=site,
        node=node.node,
        instance=None,
        name=node.computer or node.name,
        address=node.address,
        state=HostState.HALF_REGISTERED,
        connected=False,
        ping=node.ping,
        last_seen=node.last_ping,
        registered=node.registered,
        agent_version="",
        ssm_version=node.agent_version,
        docker_version="",
        platform=node.platform,
        running=0,
        pending=0,
        cpu=(0, 0),
        memory=(0, 0),
        attributes={},
        activation_id=node.activation_id,
    )
