"""The whole demo, brought up once by the very command that the README names, for each way to run tasks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dag_runs import run_dag

from sandbox.demo import run, task_mode
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode
from sandbox.demo.ports import ports
from sandbox.services.databases import MariaDbServer
from tests.policy.recordings import RECORDER, recording_of
from workspace import environments
from workspace.paths import ROOT

HERE = Path(__file__).parent
ESTATE = HERE / "estate.yaml"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """The demo of tests/e2e/estate.yaml, up and with a first run of its DAG behind it."""
    if not MariaDbServer.is_installed():
        pytest.skip("MariaDB is not installed on this machine")
    directory, mode = tmp_path_factory.mktemp("demo"), task_mode.choose(None).mode
    command = ["demo", "--estate", str(ESTATE), "--mode", str(mode), "--directory", str(directory)]
    # Not the DAGs of pipelines that read intervals: the demo would ask each for all of its time.
    command += ["--dag", "customers"]
    ports(directory / "ports.json", usual=False)
    up = DemoEnvironment(directory, estate=ESTATE, mode=mode)
    with pytest.MonkeyPatch.context() as environment:
        # Every process of the demo, and every command against it, says what it asks of AWS.
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
            body = (HERE / "hurried_dag.py").read_bytes()
            up.s3.put_object(Bucket=up.dag_bucket, Key="dags/hurried_dag.py", Body=body)
            yield up
        finally:
            run.stop_all(up.services)
            up.purge()
            shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session", params=[Mode.CONTAINER, Mode.PROCESS], ids=str)
def demo(request: pytest.FixtureRequest, built: DemoEnvironment) -> DemoEnvironment:
    """The demo with its hosts running tasks in this way, and a run of its DAG in this way behind it."""
    mode: Mode = request.param
    if mode is Mode.CONTAINER and (choice := task_mode.choose(None)).mode is not Mode.CONTAINER:
        pytest.skip(f"tasks cannot run in containers here: {choice.reason}")
    if built.mode is not mode:
        environments.ETL_PROCESS.ensure()
        built.run_tasks(mode)
        assert run_dag(built.airflow().client(), "e2e-customers") == {}
    return built


@pytest.fixture(autouse=True)
def _only_the_demo_is_recorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other demos than the demo's say what they ask of AWS to nobody: their estates have other roles."""
    if "built" not in request.fixturenames:
        for name in ("PYTHONPATH", "HYBRID_RECORD_CALLS"):
            monkeypatch.delenv(name, raising=False)
