"""What is wrong with a site and its hosts, as seen from AWS; each finding with its remedy.

What only the machine itself can tell (clock, disk, proxy, network rules) the host's script finds:
`hybrid-host doctor`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from hybrid.estate import Estate
from hybrid.fleet.activation_options import as_text
from hybrid.fleet.client import AwsClient
from hybrid.fleet.hosts import Host, HostState, hosts
from hybrid.fleet.overview import ActivationState, activations
from hybrid.fleet.sites import AnywhereSiteNames, anywhere_names, anywhere_site, stacks_of
from hybrid.fleet.versions import too_old

Level = Literal["error", "warning"]

#: A host that is silent for longer than Systems Manager's ConnectionLost (five minutes without a ping) is
#: not merely restarting.
_SILENT = timedelta(hours=1)

#: SSM registers a host before ECS does; between the two lie the installations of Docker and of the agent.
_REGISTERING = timedelta(minutes=15)


@dataclass(frozen=True)
class HostFinding:
    """Something that is wrong.

    Attributes:
        level: `error`: no task can run there; `warning`: it will come to that, or something is left over.
        site: where.
        host: name of the host; None for the site as a whole.
        problem: what is wrong, a sentence.
        remedy: what to do, a sentence.
    """

    level: Level
    site: str
    host: str | None
    problem: str
    remedy: str


def diagnose(aws: AwsClient, estate: Estate, *, site: str | None = None) -> list[HostFinding]:
    """Everything that is wrong with one site, or with all; errors first.

    Raises:
        errors.FleetError: there is no such site, or AWS could not be asked.
    """
    chosen = [anywhere_site(estate, name) for name in ([site] if site else anywhere_names(estate))]
    stacks = stacks_of(aws, chosen)
    standing = [one for one in chosen if one.site in stacks]
    found: list[HostFinding] = []
    for one in chosen:
        stack = stacks.get(one.site)
        if stack is None:
            problem, remedy = f"stack {one.stack} does not exist", f"run `bin/hybrid cdk deploy {one.stack}`"
            found.append(HostFinding("error", one.site, None, problem, remedy))
        elif not stack.usable:
            problem = f"stack {one.stack} is in state {stack.status}"
            found.append(
                HostFinding(
                    "error", one.site, None, problem, f"repair it with `bin/hybrid cdk deploy {one.stack}`"
                )
            )
    if standing:
        known = hosts(aws, estate, site=site)
        codes = activations(aws, estate, site=site, everything=True)
        for one in standing:
            here = [host for host in known if host.site == one.site]
            found += _of_site(estate, one, here, [code for code in codes if code.site == one.site])
            for host in here:
                found += _of_host(host)
                found += _of_versions(host)
    return sorted(found, key=lambda one: (one.level, one.site, one.host or ""))


def _of_site(
    estate: Estate, site: AnywhereSiteNames, here: Sequence[Host], codes: Sequence[ActivationState]
) -> Iterator[HostFinding]:
    usable = [host for host in here if host.state is HostState.READY]
    if not here:
        live = any(code.state == "live" for code in codes)
        remedy = "join a host with the activation that is there" if live else "make an activation"
        command = f"bin/hybrid sites {'host-kit' if live else 'activate'} {site.site}"
        yield HostFinding("error", site.site, None, "no host has joined", f"{remedy}: `{command}`")
    elif not usable:
        yield HostFinding(
            "error", site.site, None, f"none of {len(here)} hosts is ready", "see the findings of its hosts"
        )
    for code in codes:
        if code.state == "lost":
            yield HostFinding(
                "warning", site.site, None, f"the code of activation {code.activation_id} is nowhere",
                f"`bin/hybrid sites revoke {code.activation_id}`",
            )  # fmt: skip
        if code.state == "expired" and code.in_secret:
            yield HostFinding(
                "warning", site.site, None, "the activation in the site's secret has expired",
                f"before the next host joins: `bin/hybrid sites activate {site.site}`",
            )  # fmt: skip
    yield from _too_small(estate, site, usable)
    yield from _several_of_one_registration(here)
    for name, count in Counter(name for name, _ in {(host.name, host.node) for host in here}).items():
        if count > 1:
            yield HostFinding(
                "warning", site.site, name, f"{count} registrations have this name",
                "a machine that was registered again: deregister the one that is not connected, by its id",
            )  # fmt: skip


def _several_of_one_registration(here: Sequence[Host]) -> Iterator[HostFinding]:
    """Container instances of one registration: what an agent left that lost its data, or two machines."""
    by_node: dict[str, list[Host]] = {}
    for host in here:
        by_node.setdefault(host.node, []).append(host)
    for node, several in by_node.items():
        if len(several) == 1:
            continue
        silent = [host for host in several if not host.connected]
        ids = " ".join(host.instance or "" for host in silent)
        if len(silent) < len(several) - 1:
            yield _finding(
                "error", several[0], f"{len(several)} container instances of the one registration {node} are "
                "connected: a copy of its disk runs beside it, and both get its tasks",
                "on the copy: `hybrid-host leave`, a new /etc/machine-id, join with a new activation; then "
                "deregister its container instance by its id",
            )  # fmt: skip
        else:
            yield _finding(
                "warning", several[0],
                f"{len(several)} container instances are of the one registration {node}",
                f"those that are not connected are left over: `bin/hybrid hosts deregister {ids}`",
            )  # fmt: skip


def _too_small(estate: Estate, site: AnywhereSiteNames, usable: Sequence[Host]) -> Iterator[HostFinding]:
    for name, source in estate.sources_at(site.site).items():
        if usable and not any(h.memory[1] >= source.memory and h.cpu[1] >= source.cpu for h in usable):
            yield HostFinding(
                "error", site.site, None,
                f"no ready host is large enough for source {name}: {source.memory} MiB and {source.cpu} "
                f"CPU units",
                "lower memory or cpu of the source in the estate file, or join a larger host",
            )  # fmt: skip


def _of_host(host: Host) -> Iterator[HostFinding]:
    silent = datetime.now(UTC) - host.last_seen if host.last_seen else None
    if host.state is HostState.ORPHANED:
        yield _finding(
            "error", host, "Systems Manager does not know it any more, so that it gets no credentials",
            f"on the host: `hybrid-host leave`; then `bin/hybrid hosts deregister {host.node}`, and join "
            f"it anew",
        )  # fmt: skip
    elif host.state is HostState.HALF_REGISTERED:
        if host.registered is None or datetime.now(UTC) - host.registered > _REGISTERING:
            yield _finding(
                "error", host, "it registered with Systems Manager, but its ECS agent never came up",
                "on the host: `hybrid-host doctor`, then `hybrid-host join` again, which needs no second "
                "code",
            )  # fmt: skip
    elif host.state is HostState.DISCONNECTED and not host.others:
        since = f" for {as_text(silent)}" if silent else ""
        if host.ping == "Online":
            yield _finding(
                "error", host, "the SSM agent answers, the ECS agent does not",
                "on the host: `systemctl restart ecs`, then `hybrid-host doctor`; look at "
                "/var/log/ecs/ecs-agent.log",
            )  # fmt: skip
        elif silent is not None and silent > _SILENT:
            yield _finding(
                "error", host, f"nothing has been heard of it{since}",
                "see whether it is on and has a way out on port 443; if it is gone for good: "
                f"`bin/hybrid hosts deregister {host.node}`",
            )  # fmt: skip
        else:
            yield _finding(
                "warning",
                host,
                f"it is not connected{since}",
                "wait a few minutes; then `hybrid-host doctor` on it",
            )
    elif host.state is HostState.DRAINING and not host.running:
        yield _finding(
            "warning", host, "it is drained and idle",
            f"put it back with `bin/hybrid hosts undrain {host.node}`, or take it out with `hosts "
            f"deregister`",
        )  # fmt: skip


def _of_versions(host: Host) -> Iterator[HostFinding]:
    for old in too_old(host):
        yield _finding(
            "warning", host, f"{old.program} {old.version} is older than {old.least}: below it, {old.why}",
            "drain the host, update it as docs/how-to/hosts.md says, and put it back",
        )  # fmt: skip


def _finding(level: Level, host: Host, problem: str, remedy: str) -> HostFinding:
    return HostFinding(level, host.site, host.name, problem, remedy)
