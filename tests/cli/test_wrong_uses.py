"""Every wrong use of docs/reference/wrong-uses.md is typed as it stands there, and says what stands there.

`.venv/bin/python tests/cli/test_wrong_uses.py` writes the page anew. Adds a minute to the whole suite; the
fast one leaves it out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from sandbox.services.emulator import Emulator
from workspace import environments
from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "wrong-uses.md"

#: What a use needs → the port that the page has for it.
PORTS = {"postgresql": 5432, "emulator": 4566, "expired": 4567}

#: Programs that `bin/hybrid` itself needs, for a machine without Docker.
TOOLS = ("sh", "readlink", "dirname", "sed", "cat", "cksum", "mkdir", "id", "flock", "python3")

pytestmark = [pytest.mark.slow, pytest.mark.servers]


def _module(name: str, path: Path) -> ModuleType:
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


uses = _module("wrong_uses", Path(__file__).with_name("wrong_uses.py"))
servers = _module("etl_servers_of_uses", ROOT / "tests" / "etl" / "servers.py")


@dataclass(frozen=True)
class Said:
    """How a command ended, and all that it wrote."""

    code: int
    text: str


@pytest.fixture(scope="module")
def said() -> Iterator[dict[str, Said]]:
    """What each use says, by its command, run a few at once."""
    with _everything() as found:
        yield found


@contextmanager
def _everything() -> Iterator[dict[str, Said]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hybrid-uses-")))
        for name, text in uses.files().items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(text)
        (directory / "tools").mkdir()
        for tool in TOOLS:
            if found := shutil.which(tool):
                (directory / "tools" / tool).symlink_to(found)
        ports = {
            "postgresql": stack.enter_context(_postgresql()),
            "emulator": stack.enter_context(_emulator()),
            "expired": stack.enter_context(_session_that_has_ended()),
        }
        with ThreadPoolExecutor(2) as pool:
            every = [use for group in uses.USES.values() for use in group if ports.get(use.needs, 1)]
            done = pool.map(lambda use: _typed(use.command, directory, ports), every)
            yield {use.command: one for use, one in zip(every, done, strict=True)}


def _typed(command: str, directory: Path, ports: dict[str, int]) -> Said:
    """Type a command in the directory of the files, on a machine without an AWS configuration."""
    for name, port in ports.items():
        command = command.replace(f":{PORTS[name]}", f":{port}")
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words[: words.index("bin/hybrid")])
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HYBRID_"))
    }
    if "PATH" in variables:
        variables["PATH"] = str(directory / variables["PATH"])
    done = subprocess.run(
        [str(ROOT / "bin" / "hybrid"), *words[words.index("bin/hybrid") + 1 :]],
        cwd=directory,
        env={
            **inherited,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(directory / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
            "LC_ALL": "C.UTF-8",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    text = done.stdout.replace(f"{directory}/", "").replace(str(ROOT), "CLONE").strip()
    for name, port in ports.items():
        text = text.replace(f":{port}", f":{PORTS[name]}").replace(f"port {port} ", f"port {PORTS[name]} ")
    text = re.sub(r"hybrid-etl:[0-9a-f]{16}", "hybrid-etl:TAG", text)
    return Said(done.returncode, re.sub(r"in \d+ s\b", "in N s", text))


@contextmanager
def _postgresql() -> Iterator[int]:
    """Port of a server, 0 where its programs are not installed."""
    if not servers.program("initdb"):
        yield 0
        return
    with (
        tempfile.TemporaryDirectory(prefix="hybrid-uses-", ignore_cleanup_errors=True) as directory,
        servers.postgresql(Path(directory)) as server,
    ):
        yield server.port


@contextmanager
def _emulator() -> Iterator[int]:
    with socket.socket() as probe, tempfile.TemporaryDirectory(prefix="hybrid-uses-") as directory:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        python = environments.EMULATOR.ensure().python
        with Emulator(Path(directory) / "emulator", port=port, python=python):
            yield port


class _Expired(BaseHTTPRequestHandler):
    """Answers as AWS does when a session has ended (AWS API reference, "Common Errors")."""

    def do_POST(self) -> None:
        """Any request."""
        answer = {"__type": "ExpiredTokenException", "message": "The security token has expired"}
        content = json.dumps(answer).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def _session_that_has_ended() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Expired) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _page(found: dict[str, Said]) -> str:
    parts = [
        "# Wrong uses, and what they say\n\n"
        "What people type wrongly, with the exit code and all that is printed: 2 is the user's mistake, "
        "1 a failure,\n0 success. A test types each of them (`tests/cli/test_wrong_uses.py`), and writes "
        "this page.\n"
    ]
    for group, listed in uses.USES.items():
        parts.append(f"\n## {group}\n\n| What is wrong | Typed | Exit code | It says |\n|---|---|---|---|\n")
        parts += [_row(use.what, use.command, found[use.command]) for use in listed if use.command in found]
    return "".join(parts)


def _row(what: str, command: str, said: Said) -> str:
    text = said.text.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")
    return f"| {what} | `{command}` | {said.code} | {text} |\n"


EVERY = [use for group in uses.USES.values() for use in group]


@pytest.mark.parametrize("use", EVERY, ids=[use.what for use in EVERY])
def test_a_wrong_use_says_what_the_page_has(said: dict[str, Said], use: object) -> None:
    command, what = use.command, use.what  # type: ignore[attr-defined]
    if command not in said:
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")

    one = said[command]

    assert "Traceback" not in one.text
    assert "secret@" not in one.text
    assert _row(what, command, one) in PAGE.read_text(), (
        "write the page anew: python tests/cli/test_wrong_uses.py"
    )


def test_there_are_at_least_thirty() -> None:
    assert len(EVERY) >= 30


if __name__ == "__main__":
    with _everything() as everything:
        PAGE.write_text(_page(everything))
