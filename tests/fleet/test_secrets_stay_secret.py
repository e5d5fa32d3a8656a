"""The code is where it was asked for, and nowhere else: greps everything that a run writes."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fleet_estate import DeployedEstate
from pydantic import SecretStr

from hybrid.fleet.client import AwsClient
from hybrid.fleet.errors import FleetError
from hybrid.fleet.hardening import guarded
from hybrid.fleet.records import IssuedActivation
from workspace.paths import ROOT

#: What the endpoint gives as activation code; 20 characters, as SSM's are.
CODE = "planted-7fQ2xZ9aLw3K"
PASSWORD = "planted-pa55"

#: Runs commands with every log of every library on; `sabotage` breaks something first.
PROGRAM = """
import json, logging, sys, boto3
from pathlib import Path
logging.basicConfig(level=logging.DEBUG, filename="debug.log")
boto3.set_stream_logger("", logging.DEBUG)
import hybrid.cli.sites as sites
from hybrid.cli.main import app
from hybrid.fleet.client import AwsClient
sites.STATE = Path("state")
put_secret = AwsClient.put_secret
{sabotage}
for arguments in json.loads(sys.argv[1]):
    try:
        app(arguments)
    except SystemExit as end:
        print("exit code", end.code)
"""


@pytest.fixture
def planted(depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch) -> DeployedEstate:
    """An estate in whose AWS every activation has the same, known code."""
    monkeypatch.setattr("sandbox.endpoint.activations.secrets.token_urlsafe", lambda _: CODE)
    return depot


@dataclass
class Verbose:
    """A process with all logs on, in a directory of its own."""

    estate: DeployedEstate
    directory: Path
    exit_codes: list[str] = field(default_factory=list)
    written: dict[str, bytes] = field(default_factory=dict)

    def run(self, *commands: Sequence[str], sabotage: str = "") -> None:
        """Run commands; collect all that was written, and what the system shows of the process meanwhile."""
        given = json.dumps([[*command, "--estate", str(self.estate.file)] for command in commands])
        running = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", PROGRAM.format(sabotage=sabotage), given],
            cwd=self.directory, env=dict(os.environ) | {"HOME": str(self.directory), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        shown: set[bytes] = set()
        watcher = threading.Thread(target=_watch, args=(running, shown))
        watcher.start()
        out, err = running.communicate(timeout=120)
        watcher.join()
        self.exit_codes = re.findall(r"^exit code (\d+)$", out.decode(), re.MULTILINE)
        files = (path for path in self.directory.rglob("*") if path.is_file())
        self.written = {
            **{str(path.relative_to(self.directory)): path.read_bytes() for path in files},
            "standard output": out,
            "standard error": err,
            "arguments and environment": b"\n".join(shown),
            "AWS": in_aws(self.estate),
        }

    def where(self, secret: str) -> list[str]:
        """What holds a secret: as it is, in hexadecimal, or within base64."""
        return [name for name, text in self.written.items() if any(form in text for form in forms(secret))]


def in_aws(estate: DeployedEstate) -> bytes:
    """All that AWS shows without the permission to read a secret, and the local endpoint's own file."""
    stack, ssm = estate.names.site_stack("depot"), estate.aws.client("ssm")
    stacks, secrets = estate.aws.client("cloudformation"), estate.aws.client("secretsmanager")
    answers = [
        stacks.describe_stacks(StackName=stack),
        stacks.describe_stack_events(StackName=stack),
        stacks.describe_stack_resources(StackName=stack),
        stacks.get_template(StackName=stack),
        *secrets.get_paginator("list_secrets").paginate(),
        *ssm.get_paginator("describe_activations").paginate(),
        *ssm.get_paginator("describe_instance_information").paginate(),
        estate.aws.client("ecs").describe_clusters(clusters=[estate.names.cluster("depot")]),
    ]
    return json.dumps(answers, default=str).encode() + estate.aws.state.read_bytes()


def forms(secret: str) -> list[bytes]:
    """A secret in the spellings that a log may have; base64 of it at each alignment, without the edges."""
    text = secret.encode()
    shifted = [base64.b64encode(b"-" * shift + text)[4:-4] for shift in range(3)]
    return [text, text.hex().encode(), *shifted]


def _watch(running: subprocess.Popen[bytes], shown: set[bytes]) -> None:
    while running.poll() is None:
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                shown.add(Path(f"/proc/{running.pid}/{name}").read_bytes())
        time.sleep(0.05)


@pytest.fixture
def verbose(planted: DeployedEstate, tmp_path: Path) -> Verbose:
    (tmp_path / "home").mkdir()
    return Verbose(planted, tmp_path / "home")


@pytest.mark.slow
def test_the_code_is_in_the_secret_or_the_file_that_was_asked_for_and_nowhere_else(verbose: Verbose) -> None:
    verbose.run(
        ["sites", "activate", "depot", "--count", "2"],
        ["sites", "rotate", "depot", "--json"],
        ["sites", "activations", "--all", "--json"],
        ["sites", "revoke", "--site", "depot"],
        ["sites", "activate", "--all", "--json"],
        ["sites", "activate", "depot", "--to-file", "code.json"],
    )
    assert verbose.exit_codes == ["0"] * 6, verbose.written["standard error"][-2000:]
    assert verbose.estate.secret_value()["activation_code"] == CODE
    assert verbose.where(CODE) == ["code.json"]
    # and the logs were on
    assert b"DescribeActivations" in verbose.written["debug.log"]


@pytest.mark.slow
def test_the_code_is_in_no_error_and_no_traceback(verbose: Verbose) -> None:
    # Given that the secret disappears before the code is written, so that AWS refuses a request with the code
    verbose.run(
        ["sites", "activate", "depot"],
        sabotage="def put(self, name, value, *, version):\n"
        "    self._secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)\n"
        "    put_secret(self, name, value, version=version)\n"
        "AwsClient.put_secret = put\n",
    )
    assert verbose.exit_codes == ["1"]
    assert b"write secret" in verbose.written["standard error"]
    assert verbose.where(CODE) == []
    assert verbose.estate.activations() == []


@pytest.mark.slow
def test_the_code_is_not_in_the_traceback_of_a_fault_of_our_own(verbose: Verbose) -> None:
    # Given a fault of this program with the code in the variables of its frames
    verbose.run(
        ["sites", "activate", "depot"],
        sabotage="def put(self, name, value, *, version):\n"
        "    code = value.get_secret_value()\n"
        "    raise RuntimeError('a fault of our own')\n"
        "AwsClient.put_secret = put\n",
    )
    assert b"RuntimeError: a fault of our own" in verbose.written["standard error"]
    assert verbose.where(CODE) == []
    # and the activation is revoked all the same
    assert verbose.estate.activations() == []


@pytest.mark.slow
@pytest.mark.parametrize(("guard", "dumps"), [("activate", False), ("nothing", True)])
def test_a_crash_with_the_code_in_memory_leaves_no_core_dump(
    planted: DeployedEstate, tmp_path: Path, guard: str, dumps: bool
) -> None:
    # Given a system that makes core dumps, and a process that crashes while it holds a code
    sabotage = (
        "import os, resource\n"
        "_, most = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (most, most))\n"
        "AwsClient.put_secret = lambda *_, **__: os.abort()\n"
    ) + ("" if guard == "activate" else "import contextlib, hybrid.fleet.activating as activating\n"
         "activating.guarded = contextlib.nullcontext\n")  # fmt: skip
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this system makes no core dumps")
    given = json.dumps([["sites", "activate", "depot", "--estate", str(planted.file)]])
    program = [
        sys.executable,
        "-c",
        f"import os; os.chdir({str(tmp_path)!r})\n{PROGRAM.format(sabotage=sabotage)}",
    ]
    process = os.posix_spawn(sys.executable, [*program, given], {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGABRT
    # Then there is no core; and without the guard there is one
    assert os.WCOREDUMP(status) is dumps


@pytest.mark.slow
def test_a_password_of_a_source_is_nowhere_but_in_its_secret(verbose: Verbose, tmp_path: Path) -> None:
    source = tmp_path / "given.json"
    source.write_text(f'{{"host": "h", "port": 1, "username": "u", "password": "{PASSWORD}", "dbname": "d"}}')
    verbose.run(["sources", "secret", "ledger", "--file", str(source)])
    assert verbose.exit_codes == ["0"]
    assert verbose.where(PASSWORD) == []


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


def test_logging_is_as_before_afterwards() -> None:
    before = logging.root.manager.disable
    with guarded():
        assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)
    assert logging.root.manager.disable == before
