"""The whole house, brought up by the very command that the README names, once for each way to run tasks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid.demo import engine, run
from hybrid.demo.engine import Mode
from hybrid.demo.house import House
from hybrid.local.databases import MariaDbServer
from hybrid.paths import ROOT
from tests.policy.recordings import RECORDER, recording_of

ESTATE = Path(__file__).with_name("estate.yaml")


def _skip_reason(mode: Mode) -> str | None:
    if not MariaDbServer.is_installed():
        return "MariaDB is not installed on this machine"
    if mode is Mode.CONTAINER and engine.choose(None).mode is not Mode.CONTAINER:
        return f"tasks cannot run in containers here: {engine.choose(None).reason}"
    return None


@pytest.fixture(scope="session", params=[Mode.CONTAINER, Mode.PROCESS], ids=str)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The house of tests/e2e/estate.yaml, up and with a first run of its DAG behind it."""
    mode: Mode = request.param
    if reason := _skip_reason(mode):
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp(f"house-{mode}")
    command = ["demo", "--estate", str(ESTATE), "--mode", str(mode), "--directory", str(directory)]
    up = House(directory, estate=ESTATE, mode=mode)
    with pytest.MonkeyPatch.context() as environment:
        # Every process of the house, and every command against it, says what it asks of AWS.
        environment.setenv("PYTHONPATH", str(RECORDER))
        environment.setenv("HYBRID_RECORD_CALLS", str(recording_of(up.directory)))
        try:
            done = subprocess.run(
                [str(ROOT / "bin" / "hybrid"), *command],
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr + up.services.tail("airflow")
            yield up
        finally:
            run.stop_all(up.services)
            up.purge()
            shutil.rmtree(directory, ignore_errors=True)
