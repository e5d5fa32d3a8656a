"""How the local endpoint and the agents of its hosts are started: with which arguments."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DockerContainers:
    """Hosts run containers with Docker."""


@dataclass(frozen=True)
class Processes:
    """Hosts run processes instead of containers.

    Args:
        entry: what stands for the image's entry point, such as `(PYTHON, "-m", "hybrid_etl")`.
        environment: variables for every task, such as PYTHONPATH.
    """

    entry: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


Runner = DockerContainers | Processes


def endpoint_command(
    *, port: int, state: Path, emulator_url: str, region: str, silence: float = 10.0
) -> list[str]:
    """Program and arguments of the endpoint.

    Args:
        port: on 127.0.0.1.
        state: file that it keeps its state in.
        emulator_url: where it passes on what it does not answer itself.
        region: AWS Region.
        silence: seconds without a sign after which a host counts as disconnected.
    """
    return [
        *(sys.executable, "-m", "sandbox.endpoint", "--port", str(port), "--state", str(state)),
        *("--emulator", emulator_url, "--region", region, "--silence", str(silence)),
    ]


def agent_command(
    *, name: str, endpoint_url: str, emulator_url: str, region: str, state: Path, runner: Runner
) -> list[str]:
    """Program and arguments of a host's agent; what it joins is added by the caller.

    Args:
        name: of the host.
        endpoint_url: of ECS and SSM.
        emulator_url: of everything else, as the host reaches it.
        region: AWS Region.
        state: directory of the host's identity.
        runner: how it runs containers.
    """
    command = [
        *(sys.executable, "-m", "sandbox.agent", "--endpoint", endpoint_url, "--emulator", emulator_url),
        *("--name", name, "--region", region, "--state", str(state)),
    ]
    if isinstance(runner, DockerContainers):
        return [*command, "--mode", "docker"]
    variables = [word for key, value in runner.environment.items() for word in ("--env", f"{key}={value}")]
    # The agent splits the entry as a shell would.
    return [*command, "--mode", "process", "--entry", shlex.join(runner.entry), *variables]
