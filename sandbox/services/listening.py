"""Who listens on a port: what answers there is ours only if one of our own processes holds the socket.

Any server of the same kind answers a health check alike; the socket's owner is what nobody else can be.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import psutil


class Address(NamedTuple):
    """Where a service listens."""

    host: str
    port: int


def accepts(address: Address) -> bool:
    """Whether anybody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


def ports_of(processes: Iterable[psutil.Process]) -> set[int]:
    """TCP ports that any of the processes listens on."""
    return {address.port for address in addresses_of(processes)}


def addresses_of(processes: Iterable[psutil.Process]) -> set[Address]:
    """Addresses that any of the processes listens on; one that this user may not look into counts as none.

    Airflow makes processes of its tasks such ones (`PR_SET_DUMPABLE`, prctl(2)), except for root.
    """
    found = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr:
                    found.add(Address(connection.laddr.ip, connection.laddr.port))
    return found


def holder(port: int) -> str:
    """Who listens on a port, in words; a process of another user remains unnamed."""
    with suppress(psutil.AccessDenied):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr.port != port:
                continue
            if connection.pid is None:
                break
            with suppress(psutil.Error):
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "a process of somebody else"
