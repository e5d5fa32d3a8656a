"""What goes wrong at a site: a failed task that says why, nothing half-written, a retry that succeeds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict

import psutil
import pytest
import urllib3
from dag_runs import finish, start
from lake import receipts

from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode

pytestmark = pytest.mark.e2e

Fault = Callable[[DemoEnvironment], AbstractContextManager[None]]


@contextmanager
def database_down(demo: DemoEnvironment) -> Iterator[None]:
    server = demo.database("mariadb")
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def wrong_password(demo: DemoEnvironment) -> Iterator[None]:
    login = asdict(demo.database("mariadb").login("regional"))
    put_secret(demo, {**login, "password": "no"})
    try:
        yield
    finally:
        put_secret(demo, login)


@contextmanager
def missing_table(demo: DemoEnvironment) -> Iterator[None]:
    server = demo.database("mariadb")
    server.execute("rename table customers to gone", database="regional")
    try:
        yield
    finally:
        server.execute("rename table gone to customers", database="regional")


@contextmanager
def refusing_bucket(demo: DemoEnvironment) -> Iterator[None]:
    """The lake bucket is not there, so S3 refuses every write; what was in it comes back afterwards."""
    s3, bucket = demo.s3, demo.lake_bucket
    kept = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for key in (entry["Key"] for entry in page.get("Contents", [])):
            kept[key] = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    try:
        yield
    finally:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for key, body in kept.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)


#: (fault, words that the one line of the task's log must have)
FAULTS: list[tuple[Fault, tuple[str, ...]]] = [
    (database_down, ("regional", "cannot be reached")),
    (wrong_password, ("password",)),
    (missing_table, ("customers",)),
    (refusing_bucket, ("lake",)),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_a_fault_ends_as_a_failed_task_that_says_why_and_a_retry_succeeds(
    demo: DemoEnvironment, fault: Fault, words: tuple[str, ...]
) -> None:
    # Given what is visible in the lake
    client = demo.airflow().client()
    dag, pipeline = "hurried-customers-regional", "customers-regional"
    before = receipts(demo, pipeline)

    # When the pipeline runs with the fault
    with fault(demo):
        run = start(client, dag)
        assert finish(client, dag, run) == "failed"
        said = client.failure(dag, run, pipeline, attempt=1)

    # Then one plain line says what happened
    assert all(word.lower() in said.lower() for word in words), said
    assert "Traceback" not in said
    # And what is visible is what it was
    assert receipts(demo, pipeline) == before
    # And once the fault is gone the same run succeeds
    client.clear(dag, run)
    assert finish(client, dag, run) == "success"
    [after] = receipts(demo, pipeline).values()
    assert after["rows"] == before["interval=full"]["rows"]
    assert after["attempt"] != before["interval=full"]["attempt"]


def test_a_killed_container_ends_as_a_failed_task_that_says_so(demo: DemoEnvironment) -> None:
    # Given a run that is reading
    client = demo.airflow().client()
    dag = "hurried-slow-regional"
    before = receipts(demo, "slow-regional")
    run = start(client, dag)
    wait_until(lambda: running_tasks(demo) == 1, "the task never ran")
    time.sleep(3)

    # When its container is killed
    kill_container(demo)

    # Then the task fails, says with which exit code, and nothing of it is visible
    assert finish(client, dag, run) == "failed"
    said = client.failure(dag, run, "slow-regional", attempt=1)
    assert "137" in said or "SIGKILL" in said, said
    assert receipts(demo, "slow-regional") == before
    # And a second try lands
    client.clear(dag, run)
    assert finish(client, dag, run) == "success"
    [after] = receipts(demo, "slow-regional").values()
    assert after["rows"] == 1500
    assert after not in before.values()


def test_a_host_cut_off_during_a_run_ends_as_a_failed_task_and_a_later_try_lands(
    demo: DemoEnvironment,
) -> None:
    # Given a run that is reading
    client = demo.airflow().client()
    dag = "hurried-slow-regional"
    before = receipts(demo, "slow-regional")
    run = start(client, dag)
    wait_until(lambda: running_tasks(demo) == 1, "the task never ran")

    # When the site loses its line
    site = demo.aws["AWS_ENDPOINT_URL_ECS"]
    urllib3.request("POST", f"{site}/_site/hosts/host-on-premises/cut")
    try:
        ended = finish(client, dag, run)
        said = client.failure(dag, run, "slow-regional", attempt=1)
    finally:
        urllib3.request("POST", f"{site}/_site/hosts/host-on-premises/mend")

    # Then the task fails with a sentence, and what was visible stays
    assert ended == "failed"
    assert "slow-regional" in said
    assert receipts(demo, "slow-regional") == before
    # And once the line is back, the same run succeeds
    wait_until(lambda: running_tasks(demo) == 0, "the host never ended its task")
    client.clear(dag, run)
    assert finish(client, dag, run) == "success"


def put_secret(demo: DemoEnvironment, login: dict[str, object]) -> None:
    demo.hybrid("sources", "secret", "regional", "--file", "-", given=json.dumps(login))


def wait_until(holds: Callable[[], bool], otherwise: str, *, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.5)


def running_tasks(demo: DemoEnvironment) -> int:
    """Containers or processes of ETL tasks that run on this machine for this demo."""
    if demo.mode is Mode.CONTAINER:
        return len(containers(demo))
    return len(processes(demo))


def containers(demo: DemoEnvironment) -> list[str]:
    """By the label of the demo's host: another demo on this machine may run the same image."""
    identity = json.loads((demo.directory / "hosts" / "on-premises" / "identity.json").read_text())
    label = f"label=sandbox.host={identity['instance_id']}"
    listed = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", label], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def processes(demo: DemoEnvironment) -> list[psutil.Process]:
    host = demo.services.process("host-on-premises")
    assert host is not None
    found = []
    for child in host.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "hybrid_etl" in child.cmdline():
                found.append(child)
    return found


def kill_container(demo: DemoEnvironment) -> None:
    if demo.mode is Mode.CONTAINER:
        subprocess.run(["docker", "kill", *containers(demo)], check=True, capture_output=True)
    else:
        for process in processes(demo):
            os.kill(process.pid, signal.SIGKILL)
