"""The code is where it was asked for, and nowhere else: greps everything that a run writes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from fleet_estate import DeployedEstate
from pydantic import SecretStr

from hybrid.fleet.answers import IssuedActivation
from hybrid.fleet.client import AwsClient
from hybrid.fleet.errors import FleetError
from hybrid.fleet.secrecy import guarded
from hybrid.paths import ROOT


def run_verbosely(depot: DeployedEstate, directory: Path, *arguments: str) -> dict[str, bytes]:
    """Runs the command with every log of every library on, in a directory of its own, and collects all that
    it wrote, and its arguments as the system shows them meanwhile."""
    program = (
        "import logging, sys, boto3\n"
        "logging.basicConfig(level=logging.DEBUG, filename='debug.log')\n"
        "boto3.set_stream_logger('', logging.DEBUG)\n"
        "import hybrid.cli.sites as sites\n"
        "from pathlib import Path\n"
        "sites.STATE = Path('state')\n"
        "from hybrid.cli.main import app\n"
        "app()\n"
    )
    environment = dict(os.environ) | {"HOME": str(directory), "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--estate", str(depot.file)],
        cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    shown: list[bytes] = []
    watcher = threading.Thread(target=_watch, args=(running, shown))
    watcher.start()
    out, err = running.communicate(timeout=60)
    watcher.join()
    assert running.returncode == 0, err[-2000:]
    files = {str(p): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
    return files | {"stdout": out, "stderr": err, "arguments": b"\n".join(shown)}


def _watch(running: subprocess.Popen[bytes], shown: list[bytes]) -> None:
    while running.poll() is None:
        for name in ("cmdline", "environ"):
            try:
                shown.append(Path(f"/proc/{running.pid}/{name}").read_bytes())
            except OSError:
                return
        time.sleep(0.05)


def test_a_run_with_all_logs_on_writes_the_code_into_the_secret_only(
    depot: DeployedEstate, tmp_path: Path
) -> None:
    directory = tmp_path / "home"
    directory.mkdir()
    written = run_verbosely(depot, directory, "sites", "activate", "depot", "--count", "2")
    code = depot.secret_value()["activation_code"].encode()
    assert [where for where, text in written.items() if code in text] == []
    # and the logs were on
    assert b"DescribeActivations" in written[str(directory / "debug.log")]


def test_with_to_file_the_code_is_in_that_file_only(depot: DeployedEstate, tmp_path: Path) -> None:
    directory = tmp_path / "home"
    directory.mkdir()
    written = run_verbosely(depot, directory, "sites", "activate", "depot", "--to-file", "code.json")
    text = written[str(directory / "code.json")]
    code = text.split(b'"activation_code": "')[1].split(b'"')[0]
    assert len(code) == 20
    assert [where for where, said in written.items() if code in said] == [str(directory / "code.json")]


def test_a_password_of_a_source_is_nowhere_but_in_its_secret(depot: DeployedEstate, tmp_path: Path) -> None:
    directory = tmp_path / "home"
    directory.mkdir()
    source = tmp_path / "given.json"
    source.write_text('{"host": "h", "port": 1, "username": "u", "password": "planted-pa55", "dbname": "d"}')
    written = run_verbosely(depot, directory, "sources", "secret", "ledger", "--file", str(source))
    assert [where for where, said in written.items() if b"planted-pa55" in said] == []


def test_no_object_and_no_traceback_shows_a_code(depot: DeployedEstate) -> None:
    issued = IssuedActivation("5743558d-563b-4457-8682-d16c3b6ee8a1", SecretStr("planted-code"))
    assert "planted" not in f"{issued} {issued!r} {vars(issued)}"


def test_an_error_of_aws_carries_no_request(depot: DeployedEstate) -> None:
    # Given that writing the code fails with an error that holds the request
    client, value = AwsClient(region="eu-west-1"), "-".join(("planted", "code"))
    with pytest.raises(FleetError) as raised:
        client.put_secret("no/such", SecretStr(value), version="x" * 32)
    with pytest.raises(FleetError) as malformed:
        client.put_secret("no/such", SecretStr(value), version="short")
    for error in (raised.value, malformed.value):
        told = "".join(traceback.format_exception(error))
        assert value not in told
        assert error.__cause__ is None
        assert error.__suppress_context__


def test_the_process_leaves_no_core_dump(depot: DeployedEstate) -> None:
    program = (
        "import ctypes, resource\n"
        "from hybrid.fleet.secrecy import guarded\n"
        "with guarded(): pass\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "0"]


def test_logging_is_as_before_afterwards() -> None:
    before = logging.root.manager.disable
    with guarded():
        assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)
    assert logging.root.manager.disable == before
