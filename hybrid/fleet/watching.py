"""What changed between two looks at the hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hybrid.fleet.hosts import Host


@dataclass(frozen=True)
class HostChange:
    """One thing that happened to a host."""

    site: str
    host: str
    node: str
    what: str


def changes(before: Iterable[Host] | None, now: Iterable[Host]) -> Iterator[HostChange]:
    """Changes between two looks; at the first one, how each host stands."""
    if before is None:
        for host in now:
            yield _change(host, _standing(host))
        return
    earlier, later = {h.node: h for h in before}, {h.node: h for h in now}
    for node, host in later.items():
        old = earlier.get(node)
        if old is None:
            yield _change(host, f"joined, {_standing(host)}")
        elif old.state != host.state:
            yield _change(host, f"{old.state} → {_standing(host)}")
        elif (old.running, old.pending) != (host.running, host.pending):
            yield _change(host, f"{host.running} running, {host.pending} pending")
        elif old.agent_version != host.agent_version:
            yield _change(host, f"agent {old.agent_version} → {host.agent_version}")
    for node, host in earlier.items():
        if node not in later:
            yield _change(host, "left")


def _standing(host: Host) -> str:
    return f"{host.state}, {host.running} running"


def _change(host: Host, what: str) -> HostChange:
    return HostChange(host.site, host.name, host.node, what)
