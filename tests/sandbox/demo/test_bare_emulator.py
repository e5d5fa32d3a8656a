"""The emulator without the demo's own endpoint: what it would answer wrongly is refused in a sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sandbox.services.emulator import Emulator
from workspace import environments
from workspace.paths import ROOT

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    python = environments.EMULATOR.ensure().python
    directory = tmp_path_factory.mktemp("demo") / "emulator"
    with Emulator(directory, port=port, python=python) as running:
        yield running


def hybrid(emulator: Emulator, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hybrid", *arguments],
        cwd=ROOT,
        env={**os.environ, **emulator.client_environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_hosts_of_the_emulator_alone_are_refused_and_not_none(emulator: Emulator) -> None:
    done = hybrid(emulator, "hosts", "list", "--json")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{emulator.endpoint_url} is the demo's emulator alone" in done.stderr
    assert "bin/hybrid demo env" in done.stderr


def test_templates_that_would_roll_back_are_refused_with_what_to_do(emulator: Emulator) -> None:
    done = hybrid(emulator, "cdk", "deploy", "hybrid-acme-dags")

    assert done.returncode == 2
    assert "is the demo's emulator, which cannot make all that the templates hold" in done.stderr
    assert f"--app {emulator.state_dir.parent / 'deployment' / 'cdk.local.out'} STACK" in done.stderr
