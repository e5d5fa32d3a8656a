"""Ports of the demo's services: the usual ones where they are free, the same ones at each start, and claimed.

A port is chosen minutes before its service listens there. Until then a claim keeps other demos of this
machine away from it: a name in the abstract namespace of Unix sockets, which like the ports is the network
namespace's, is every user's, and is let go of when the process ends. What is no demo knows no claims; a
service that finds such a one in its place gets another port (`Ports.replace`).
"""

from __future__ import annotations

import errno
import json
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sandbox.services.listening import holder
from workspace.files import write_whole

_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

#: The port that people know, of each service.
USUAL = {
    "emulator": 4566,
    "site": 4567,
    "airflow": 8080,
    "postgresql": 5432,
    "mariadb": 3306,
}


class Ports(Mapping[str, int]):
    """Port of each service by name, kept in a file; a name that the file lacks is chosen anew.

    Args:
        file: keeps them.
        usual: prefer the ones that people know.
    """

    def __init__(self, file: Path, *, usual: bool = True) -> None:
        self._file = file
        self._claims: dict[int, socket.socket | None] = {}
        kept = _read(file)
        self._ports = {name: kept.get(name, 0) for name in USUAL}
        for name, port in self._ports.items():
            if not port:
                self._ports[name] = self._choose(USUAL[name] if usual else 0)
        self._keep(kept)

    def __getitem__(self, name: str) -> int:
        return self._ports[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ports)

    def __len__(self) -> int:
        return len(self._ports)

    def claim(self, name: str) -> str | None:
        """Claim a port for a service that does not run; another one where somebody has it.

        Returns:
            What to tell: that it had to be another one, and who has the first; None where nothing changed.
        """
        port = self[name]
        if port in self._claims or (is_free(port) and self._take(port)):
            return None
        return self.replace(name)

    def replace(self, name: str) -> str:
        """Give a service another port; returns what to tell about it."""
        port = self[name]
        who = holder(port) if not is_free(port) else "another demo that is starting"
        self._ports[name] = self._choose(0)
        self._keep({})
        return f"port {port} is taken by {who}: {name} is on port {self[name]} instead"

    def _choose(self, wanted: int) -> int:
        port = wanted
        while not (port and port not in self._ports.values() and is_free(port) and self._take(port)):
            # Below those that the system gives to outgoing connections (from 32768 on Linux).
            port = secrets.choice(range(20000, 32768))
        return port

    def _take(self, port: int) -> bool:
        """Whether no other demo has claimed the port, which is claimed by this process then."""
        if sys.platform != "linux":
            return True
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0hybrid-airflow-port-{port}")
        except OSError:
            claim.close()
            return False
        self._claims[port] = claim
        return True

    def _keep(self, before: Mapping[str, int]) -> None:
        if dict(before) != self._ports:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._file, json.dumps(self._ports))


def ports(file: Path, *, usual: bool = True) -> Ports:
    """Port of each service by name; chosen once and kept in `file`.

    Args:
        file: keeps them.
        usual: prefer the ones that people know.
    """
    return Ports(file, usual=usual)


def is_free(port: int) -> bool:
    """Whether nobody listens on a port, on any address of this machine: a service is reached as `localhost`,
    which may be either family's."""
    families = [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - asks whether any address has the port
    if socket.has_ipv6:
        families.append((socket.AF_INET6, "::1"))
    return all(_can_bind(family, host, port) for family, host in families)


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        probe = socket.socket(family)
    except OSError:
        return True
    with probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            # A machine without IPv6 has no ::1 that somebody could listen on.
            return family is socket.AF_INET6 and error.errno in _NO_SUCH_ADDRESS
        return True


def _read(file: Path) -> dict[str, int]:
    with suppress(OSError, ValueError, AttributeError, TypeError):
        return {str(name): int(port) for name, port in json.loads(file.read_text()).items() if name in USUAL}
    return {}
