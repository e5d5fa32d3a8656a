"""What a demo's directory says of itself, without the estate file: whose demo it is and how to reach it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.demo.mode import Mode
from sandbox.services.airflow import USER, password_file
from sandbox.services.emulator import Emulator
from sandbox.services.supervisor import Services
from workspace.environments import EMULATOR
from workspace.files import write_whole

_FACTS, _PORTS, _MODES = "demo.json", "ports.json", "modes.json"

#: Service → where its port's answers are found by people, if it speaks HTTP.
_HTTP = ("emulator", "site", "airflow")


@dataclass(frozen=True)
class Facts:
    """Whose demo a directory holds.

    Attributes:
        estate: name of the estate.
        estate_file: where its description was.
        region: AWS Region of the estate.
    """

    estate: str
    estate_file: str
    region: str


def read_facts(directory: Path) -> Facts | None:
    """The facts of a demo's directory; None where it has none that can be read."""
    with suppress(OSError, ValueError, TypeError):
        return Facts(**json.loads((directory / _FACTS).read_text()))
    return None


def write_facts(directory: Path, facts: Facts) -> None:
    """Write the facts of a demo's directory.

    Raises:
        OSError: they could not be written.
    """
    write_whole(directory / _FACTS, json.dumps(asdict(facts)))


def write_modes(directory: Path, *, tasks: Mode, databases: Mode) -> None:
    """Write how the tasks of a demo run, and how those run that its databases' addresses are for.

    Raises:
        OSError: they could not be written.
    """
    write_whole(directory / _MODES, json.dumps({"tasks": tasks, "databases": databases}))


def read_modes(directory: Path) -> tuple[Mode, Mode] | None:
    """What `write_modes` wrote; None where there is nothing that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((directory / _MODES).read_text())
        return Mode(found["tasks"]), Mode(found["databases"])
    return None


def is_a_demos(directory: Path) -> bool:
    """Whether a directory is empty, missing or a demo's: nothing else may be filled, and deleted later.

    One name beside others is no proof: /etc has `services`, and a project of somebody's may have a demo.json.
    """
    if not directory.exists():
        return True
    begun = (path.name for path in directory.iterdir() if not path.name.startswith(f".{_FACTS}."))
    if not set(begun) - {"lock", _PORTS} or read_facts(directory) is not None:
        return True
    # Of a demo whose facts are damaged, or that is older than they are.
    return (directory / _PORTS).is_file() and (directory / "services").is_dir()


def aws_environment(directory: Path, *, region: str) -> dict[str, str]:
    """Variables that point the AWS CLI, SDKs and our own command line to the demo: ECS and SSM to the local
    site, everything else to the emulator."""
    ports = _ports(directory)
    emulator = Emulator(
        directory / "emulator", port=ports.get("emulator", 0), python=EMULATOR.python, region=region
    )
    site = f"http://127.0.0.1:{ports.get('site', 0)}"
    return {
        **emulator.client_environment(),
        "AWS_ENDPOINT_URL_ECS": site,
        "AWS_ENDPOINT_URL_SSM": site,
    }


def described(directory: Path) -> list[dict[str, Any]]:
    """Each service that was started and not stopped: whether it runs, its pid and port, where it answers, and
    for Airflow who logs in and where the password is."""
    services, ports = Services(directory / "services"), _ports(directory)
    found = []
    for name in services.names():
        process = services.process(name)
        entry: dict[str, Any] = {
            "service": name,
            "running": process is not None,
            "pid": process.pid if process else None,
            "port": ports.get(name),
            "address": f"http://localhost:{ports[name]}" if name in _HTTP and name in ports else None,
            "log": str(services.log(name)),
        }
        if name == "airflow":
            entry |= {"user": USER, "password_file": str(password_file(directory / "airflow"))}
        found.append(entry)
    return found


def _ports(directory: Path) -> dict[str, int]:
    with suppress(OSError, ValueError, AttributeError, TypeError):
        return {str(name): int(port) for name, port in json.loads((directory / _PORTS).read_text()).items()}
    return {}
