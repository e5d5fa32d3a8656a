"""Commands on terminals of 40, 80 and 200 columns: what is seen, whole and within the width.

Adds about 15 s to the whole suite; the fast one leaves it out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from sandbox.demo.directory import Facts, write_facts
from sandbox.services.supervisor import Services

pytestmark = pytest.mark.slow

WIDTHS = (40, 80, 200)

ESTATE = """\
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {regional-data-centre: {kind: anywhere}}
sources: {customers-of-the-region: {site: regional-data-center, engine: postgres}}
pipelines:
  customers:
    source: customers-of-the-region
    query: select 1
    masks: {email: {kind: hsh}}
"""


def _module(name: str, path: Path) -> ModuleType:
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


terminal = _module("pseudo_terminal", Path(__file__).with_name("pseudo_terminal.py"))


@dataclass(frozen=True)
class DemoEnvironment:
    """Where the commands are typed.

    Attributes:
        directory: with an estate file that is wrong, and a demo of which nothing is real but its processes.
        environment: without an AWS configuration.
    """

    directory: Path
    environment: dict[str, str]

    def type(self, arguments: list[str], *, columns: int, **environment: str) -> tuple[int, str]:
        """Exit code and all that is written."""
        command = [sys.executable, "-m", "hybrid", *arguments]
        variables = {**self.environment, **environment}
        code, text = terminal.written(
            command, columns=columns, directory=self.directory, environment=variables
        )
        assert "Traceback" not in text
        return code, text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    directory = tmp_path_factory.mktemp("demo")
    (directory / "wrong.yaml").write_text(ESTATE)
    demo = directory / "my demo"
    services = Services(demo / "services")
    for name in ("airflow", "emulator", "site"):
        services.start(name, ["sleep", "600"], environment=os.environ, ready=lambda: True, timeout=5)
    write_facts(demo, Facts("acme", "hybrid.yaml", "eu-west-1"))
    ports = {"emulator": 21001, "site": 21002, "airflow": 21003}
    (demo / "ports.json").write_text(json.dumps(ports))
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HYBRID_"))
    }
    yield DemoEnvironment(
        directory,
        {
            **inherited,
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(directory / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
        },
    )
    for name in services.names():
        services.stop(name)


COMMANDS = {
    "validate": ["validate", "wrong.yaml"],
    "status": ["demo", "--directory", "my demo", "status"],
    "run": [
        "run",
        "customers-regional",
        "--database",
        "postgresql://me:pw@127.0.0.1:1/shop",
        "--lake",
        "lake",
    ],
    "help": ["completion", "--help"],
    "usage": ["hosts", "lst"],
}


def _stable(text: str) -> str:
    """Without what differs from one run to the next: the process ids, the seconds."""
    text = re.sub(r"(?m)^(pid +)\d+$", r"\1PID", text)
    text = re.sub(r"(running +)\d+( +\d{5})", lambda m: f"{m[1]}PID{m[2]}", text)
    # The column of process ids is as wide as they are.
    text = re.sub(r"(?m)^(service +state +pid) +(port)", r"\1    \2", text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_on_a_terminal(
    demo: DemoEnvironment, snapshot: SnapshotAssertion, *, name: str, columns: int
) -> None:
    # When it is typed
    _, text = demo.type(COMMANDS[name], columns=columns, NO_COLOR="1")
    shown = terminal.without_escapes(text)

    # Then no line goes beyond the width but for a word, or a command, that is longer than it
    for line in shown.split("\n"):
        if len(line) > columns:
            pieces = re.findall(r"(?:`[^`]*`|\S)+", line)
            assert max(map(len, pieces)) > columns - 16, line
    # And it looks like this
    assert re.sub(r"\d+ s\.", "N s.", _stable(shown)) == snapshot


@pytest.mark.parametrize("name", ["validate", "status", "help"])
def test_no_word_is_lost_on_a_narrow_terminal(demo: DemoEnvironment, name: str) -> None:
    _, narrow = demo.type(COMMANDS[name], columns=40)
    _, wide = demo.type(COMMANDS[name], columns=200)

    words = [set(terminal.without_escapes(text).split()) for text in (narrow, wide)]
    assert {word for word in words[1] - words[0] if not word.isdigit()} == set()


@pytest.mark.parametrize("name", ["validate", "status", "usage"])
def test_a_terminal_of_another_character_set_gets_no_traceback(demo: DemoEnvironment, name: str) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, text = demo.type(COMMANDS[name], columns=80, **ascii_only)

    assert code in (0, 2)
    assert text.isascii()


@pytest.mark.parametrize("name", ["validate", "status", "usage"])
def test_a_pipe_gets_lines_as_they_are_and_no_escape(demo: DemoEnvironment, name: str) -> None:
    command = [sys.executable, "-m", "hybrid", *COMMANDS[name]]
    done: Any = subprocess.run(
        command, cwd=demo.directory, env=demo.environment, capture_output=True, text=True, check=False
    )

    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    if name == "validate":
        assert all(line.startswith(("wrong.yaml:", "2 problems")) for line in done.stderr.splitlines())
