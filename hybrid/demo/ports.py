"""Ports of the demo's services: the usual ones where they are free, and the same ones at each start."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path

_USUAL = {
    "emulator": 4566,
    "site": 4567,
    "airflow": 8080,
    "airflow-worker-logs": 8793,
    "airflow-trigger-logs": 8794,
    "postgresql": 5432,
    "mariadb": 3306,
}


def ports(file: Path, *, usual: bool = True) -> dict[str, int]:
    """Port of each service by name; chosen once and kept in `file`.

    Args:
        file: keeps them.
        usual: prefer the ones that people know. A port is chosen minutes before it is used, so houses that
            come up at the same time, as in tests, had better not.
    """
    if file.is_file():
        return {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    chosen = {name: port if usual and _is_free(port) else _any() for name, port in _USUAL.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(chosen))
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - asks whether any address has the port; listens on none
        except OSError:
            return False
        return True


def _any() -> int:
    """A free port below those that the system gives to outgoing connections (from 32768 on Linux)."""
    while not _is_free(port := secrets.choice(range(20000, 32768))):
        pass
    return port
