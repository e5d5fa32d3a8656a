"""How the tasks of the local site run: in containers where a Docker engine answers, else as processes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass

import psutil

from hybrid.artifacts.image_build import ImageError
from sandbox.demo.mode import Mode


@dataclass(frozen=True)
class Choice:
    """How the tasks will run, and why."""

    mode: Mode
    reason: str

    def __str__(self) -> str:
        if self.mode is Mode.CONTAINER:
            return f"in containers: {self.reason}"
        return f"as processes with the same entry point, not in containers: {self.reason}"


def choose(wanted: Mode | None) -> Choice:
    """Containers where a Docker engine answers, processes elsewhere; or as wanted.

    Raises:
        ImageError: containers are wanted and no engine answers.
    """
    if wanted is Mode.PROCESS:
        return Choice(Mode.PROCESS, "as asked for")
    reason = _no_engine()
    if reason is None:
        return Choice(Mode.CONTAINER, "a Docker engine answers")
    if wanted is Mode.CONTAINER:
        raise ImageError(f"containers were asked for, but {reason}")
    return Choice(Mode.PROCESS, reason)


def host_address(mode: Mode) -> str:
    """Address of this machine that tasks reach and the outside does not.

    Raises:
        ImageError: the Docker engine has no bridge of its own.
    """
    if mode is Mode.PROCESS:
        return "127.0.0.1"
    # The network of the tasks comes and goes with the hosts; the engine's own bridge is always there.
    name = _output(
        "docker", "network", "inspect", "bridge", "-f", '{{index .Options "com.docker.network.bridge.name"}}'
    )
    for address in psutil.net_if_addrs().get(name, []):
        if address.family is socket.AF_INET:
            return address.address
    raise ImageError("the Docker engine's network `bridge` has no address on this machine")


def _no_engine() -> str | None:
    if sys.platform != "linux":
        return "hosts of ECS Anywhere run Linux, and this machine does not"
    if shutil.which("docker") is None:
        return "there is no `docker` on this machine"
    if not _runs("docker", "info"):
        return "no Docker engine answers"
    return None


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
