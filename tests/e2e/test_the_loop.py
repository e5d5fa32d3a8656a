"""The second step of a new user: two demos in a clone of their own, and changes in one.

What these tests add to those of the demo: a clone whose path has spaces and letters beyond ASCII, demos that
start in the same second with the same remembered ports, every socket that listens, and `demo apply`, `logs`
and `restart`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import pytest

from sandbox.demo import run
from sandbox.demo.environment import purge
from sandbox.services.listening import addresses_of
from sandbox.services.supervisor import Services
from workspace.paths import ROOT

pytestmark = pytest.mark.e2e

#: Of the clone, what is made in it, and what a demo does not need.
_MADE = shutil.ignore_patterns(
    ".git", ".venv", ".hybrid", "cdk.out", "__pycache__", ".*_cache", "tests", "bench", "docs", "node_modules"
)


@dataclass(frozen=True)
class Demo:
    """A demo of the clone."""

    clone: Path
    directory: Path

    @property
    def services(self) -> Services:
        return Services(self.directory / "services")

    @property
    def ports(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.directory / "ports.json").read_text())
        return found

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.clone / "bin" / "hybrid"), *words],
            cwd=self.clone.parent,
            env={**os.environ, "HYBRID_DEMO_DIRECTORY": str(self.directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hybrid(self, *words: str) -> subprocess.CompletedProcess[str]:
        started = self.start(*words)
        output, said = started.communicate(timeout=600)
        return subprocess.CompletedProcess([*words], started.returncode, output, said)

    def environment(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.hybrid("demo", "env", "--json").stdout)
        return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clone of this project with an environment of its own, in a path with spaces and other letters."""
    place = tmp_path_factory.mktemp("home") / "Daten für Zoë" / "hybrid airflow"
    shutil.copytree(ROOT, place, ignore=_MADE)
    done = subprocess.run(
        [str(place / "bin" / "hybrid"), "validate"], capture_output=True, text=True, check=False, cwd=place
    )
    assert done.returncode == 0, done.stderr
    yield place
    shutil.rmtree(place, ignore_errors=True)


@dataclass(frozen=True)
class Two:
    """Two demos that were started in the same second, and what they said."""

    loop: Demo
    other: Demo
    taken: int
    said: dict[str, str]


@pytest.fixture(scope="module")
def two(clone: Path) -> Iterator[Two]:
    """Two demos with the same remembered ports, one of which this very process listens on."""
    demos = [Demo(clone, clone.parent / name) for name in ("the loop", "the other")]
    stranger = socket.create_server(("127.0.0.1", 0))
    remembered = _free_ports(4)
    kept = dict(zip(("emulator", "site", "postgresql", "mariadb"), remembered, strict=True))
    kept["airflow"] = int(stranger.getsockname()[1])
    for demo in demos:
        demo.directory.mkdir(mode=0o755)
        (demo.directory / "ports.json").write_text(json.dumps(kept))
    try:
        started = [
            demos[0].start("demo"),
            demos[1].start("demo", "--mode", "process"),
        ]
        said = {}
        for demo, process in zip(demos, started, strict=True):
            output, progress = process.communicate(timeout=900)
            assert process.returncode == 0, output + progress
            said[demo.directory.name] = output + progress
        yield Two(demos[0], demos[1], kept["airflow"], said)
    finally:
        stranger.close()
        for demo in demos:
            run.stop_all(demo.services)
            purge(demo.directory)


def test_two_demos_of_the_same_second_read_each_its_own_databases(two: Two) -> None:
    # Given two demos with the same remembered ports, both up and with rows in their lakes
    for demo in (two.loop, two.other):
        said = two.said[demo.directory.name]
        assert "customers-regional\ton-premises" in said

        # Then each says whose the taken port is, and has another one
        assert f"port {two.taken} is taken by process {os.getpid()}" in said
        assert f"airflow is on port {demo.ports['airflow']} instead" in said

        # And each has secrets that lead to its own database
        secrets = boto3.client("secretsmanager", **_client(demo))
        login = json.loads(secrets.get_secret_value(SecretId="hybrid/acme/sources/regional")["SecretString"])
        assert login["port"] == demo.ports["postgresql"]
    # But for that of MariaDB, which no source of this estate asks for.
    one, other = (
        {*demo.ports.items()} - {("mariadb", demo.ports["mariadb"])} for demo in (two.loop, two.other)
    )
    assert not {port for _, port in one} & {port for _, port in other}


def test_nothing_of_a_demo_is_open_to_others(two: Two) -> None:
    # When every listening socket of the demo's processes is looked at
    services = two.other.services
    processes: list[psutil.Process] = [p for name in services.names() for p in services.members(name)]
    listening = addresses_of(processes)

    # Then each is of this machine alone, Airflow's log servers too
    assert {address.port for address in listening} >= {
        two.other.ports["airflow"],
        two.other.ports["emulator"],
    }
    assert {address.host for address in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}

    # And its directory is closed, though it was open to all before
    for path in (two.other.directory, *(p for p in two.other.directory.iterdir() if p.is_dir())):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_the_other_demo_ends_and_this_one_does_not_notice(two: Two) -> None:
    before = {name: two.loop.services.process(name) for name in two.loop.services.names()}

    done = two.other.hybrid("demo", "down", "--purge")

    assert done.returncode == 0, done.stderr
    assert all(process is not None and process.is_running() for process in before.values())


def test_a_change_of_anything_is_applied_to_what_runs_and_told(two: Two, clone: Path) -> None:
    # Given an estate with another query, a new source, a new pipeline with a schedule, and a new DAG
    demo = two.loop
    _change(clone / "hybrid.yaml")
    (clone / "dags" / "mine.py").write_text(_DAG)
    before = {name: demo.services.process(name) for name in demo.services.names()}

    # When it is applied, and what changed is run
    done = demo.hybrid("demo", "apply", "--run", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    applied = json.loads(done.stdout)
    print(applied["seconds"])

    # Then it says what changed, and only that
    changes = {(one["kind"], one["name"]): (one["how"], one["what"]) for one in applied["changes"]}
    assert changes["pipeline", "customers-regional"] == ("changed", "query")
    assert changes["pipeline", "shop"] == ("added", "")
    assert changes["source", "shop"] == ("added", "")
    assert changes["file", "mine.py"] == ("added", "")
    assert ("pipeline", "customers-headquarters") not in changes

    # And nothing of what ran before was started anew
    for name, process in before.items():
        assert demo.services.process(name) == process, name

    # And Airflow has it, and the rows are those of the new query
    versions = {one["dag"]: one for one in applied["dags"]}
    assert {"acme-customers", "acme-customers-regional", "acme-shop"} <= set(versions)
    assert versions["acme-customers"]["version"] > 1
    assert all(one["is_read"] for one in versions.values())
    landed = {one["pipeline"]: one for one in applied["landed"]}
    assert [name for name, _ in landed["customers-regional"]["columns"]] == ["id", "country"]
    assert landed["shop"]["rows"] > 0

    # And the full refresh ends where a day began. Whether the schedule's own run goes first is up to the
    # scheduler: tests/sandbox/demo/test_dag_runs.py has what is shown then.
    assert "a full refresh" in done.stderr
    log = demo.hybrid("demo", "logs", "--task", "shop").stdout
    assert "T00:00:00+00:00 --full'" in log

    # And with nothing else, nothing is done
    again = demo.hybrid("demo", "apply")
    assert again.stdout.startswith("Nothing has changed"), again.stdout + again.stderr


_DAG = """
from airflow.sdk import DAG, task

with DAG("mine", schedule=None):

    @task
    def hello() -> str:
        return "hello"

    hello()
"""


def test_the_log_of_a_pipeline_is_airflows_and_the_containers(two: Two) -> None:
    done = two.loop.hybrid("demo", "logs", "--task", "customers-regional")

    assert done.returncode == 0, done.stderr
    airflow, _, container = done.stdout.partition("── container: ECS task ")
    assert "DAG acme-customers-regional, run manual__" in airflow
    assert "landed in s3://" in airflow
    assert "Finished. (rows=" in container


def test_what_cannot_be_applied_is_refused_and_leaves_the_demo_as_it_is(two: Two, clone: Path) -> None:
    demo, estate = two.loop, clone / "hybrid.yaml"
    before, pids = estate.read_text(), {name: demo.services.process(name) for name in demo.services.names()}

    # When the network changes, or a site leaves
    estate.write_text(before.replace("10.20.0.0", "10.30.0.0"))
    network = demo.hybrid("demo", "apply")
    estate.write_text(before)

    # Then it is said why not, and what takes it
    assert network.returncode == 2
    assert "the network changes" in network.stderr
    assert "`bin/hybrid demo down --purge" in network.stderr

    # And a DAG that Python cannot read is told by its name, and so is a file that Airflow skips
    (clone / "dags" / "mine.py").write_text(f"{_DAG}\ndef broken(:\n")
    (clone / "dags" / "skipped.py").write_text("def broken(:\n")
    (clone / "dags" / "module.py").write_text("answer = 42\n")
    broken = demo.hybrid("demo", "apply")
    for name in ("mine", "skipped", "module"):
        (clone / "dags" / f"{name}.py").unlink()
    assert broken.returncode == 1
    assert "Airflow cannot read dags/mine.py: SyntaxError" in broken.stderr
    assert "Airflow cannot read dags/skipped.py: SyntaxError" in broken.stderr
    assert "looks for no DAG in dags/module.py" in broken.stdout
    assert "Airflow cannot read dags/module.py" not in broken.stderr
    assert {name: demo.services.process(name) for name in demo.services.names()} == pids


def test_a_removed_pipeline_leaves_airflow(two: Two, clone: Path) -> None:
    estate = clone / "hybrid.yaml"
    estate.write_text((ROOT / "hybrid.yaml").read_text())

    done = two.loop.hybrid("demo", "apply", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    applied = json.loads(done.stdout)
    assert {"kind": "pipeline", "name": "shop", "how": "removed", "what": ""} in applied["changes"]
    assert {"dag": "acme-shop", "version": None, "is_read": True} in applied["dags"]


def test_a_single_stack_is_deployed_to_the_demo_by_its_own_assembly(two: Two, clone: Path) -> None:
    assembly = two.loop.directory / "deployment" / "cdk.local.out"

    done = subprocess.run(
        [
            *(str(clone / "bin" / "hybrid"), "cdk", "deploy", "--app", str(assembly), "hybrid-acme-dags"),
            *("--require-approval", "never", "--exclusively"),
        ],
        env={**os.environ, **two.loop.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "/opt/awscli" not in done.stdout + done.stderr


def test_a_service_that_crashed_is_started_anew_alone(two: Two) -> None:
    demo = two.loop
    before = {name: demo.services.process(name) for name in demo.services.names()}
    crashed = before["host-on-premises"]
    assert crashed is not None
    crashed.kill()

    done = demo.hybrid("demo", "restart", "host-on-premises")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "restarted host-on-premises\n"
    after = {name: demo.services.process(name) for name in demo.services.names()}
    assert after.pop("host-on-premises") not in {None, before.pop("host-on-premises")}
    assert after == before


def _change(estate: Path) -> None:
    text = estate.read_text()
    text = text.replace("query: *customers", "query: select id, country from customers where not consent")
    source = """  shop:
    site: on-premises
    engine: postgresql
    memory: 256
    cpu: 256

pipelines:
  shop:
    source: shop
    query: select id, date, country from customers
    incremental_column: date
    schedule: "@daily"
"""
    estate.write_text(text.replace("\npipelines:\n", source, 1))


def _client(demo: Demo) -> dict[str, str]:
    variables = demo.environment()
    return {
        "endpoint_url": variables["AWS_ENDPOINT_URL"],
        "region_name": variables["AWS_REGION"],
        "aws_access_key_id": variables["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found
