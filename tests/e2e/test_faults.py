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

from hybrid.demo.engine import Mode
from hybrid.demo.house import House

pytestmark = pytest.mark.e2e

Fault = Callable[[House], AbstractContextManager[None]]


@contextmanager
def database_down(house: House) -> Iterator[None]:
    server = house.database("mariadb")
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def wrong_password(house: House) -> Iterator[None]:
    login = asdict(house.database("mariadb").login("regional"))
    put_secret(house, {**login, "password": "no"})
    try:
        yield
    finally:
        put_secret(house, login)


@contextmanager
def missing_table(house: House) -> Iterator[None]:
    server = house.database("mariadb")
    server.execute("rename table customers to gone", database="regional")
    try:
        yield
    finally:
        server.execute("rename table gone to customers", database="regional")


@contextmanager
def refusing_bucket(house: House) -> Iterator[None]:
    """The lake bucket is not there, so S3 refuses every write; what was in it comes back afterwards."""
    s3, bucket = house.s3, house.lake_bucket
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
    house: House, fault: Fault, words: tuple[str, ...]
) -> None:
    # Given what is visible in the lake
    client = house.airflow().client()
    dag, pipeline = "hurried-customers-regional", "customers-regional"
    before = receipts(house, pipeline)

    # When the pipeline runs with the fault
    with fault(house):
        run = start(client, dag)
        assert finish(client, dag, run) == "failed"
        said = client.failure(dag, run, pipeline, attempt=1)

    # Then one plain line says what happened
    assert all(word.lower() in said.lower() for word in words), said
    assert "Traceback" not in said
    # And what is visible is what it was
    assert receipts(house, pipeline) == before
    # And once the fault is gone the same run succeeds
    client.clear(dag, run)
    assert finish(client, dag, run) == "success"
    [after] = receipts(house, pipeline).values()
    assert after["rows"] == before["interval=full"]["rows"]
    assert after["attempt"] != before["interval=full"]["attempt"]


def test_a_killed_container_ends_as_a_failed_task_that_says_so(house: House) -> None:
    # Given a run that is reading
    client = house.airflow().client()
    dag = "hurried-slow-regional"
    before = receipts(house, "slow-regional")
    run = start(client, dag)
    wait_until(lambda: running_tasks(house) == 1, "the task never ran")
    time.sleep(3)

    # When its container is killed
    kill_container(house)

    # Then the task fails, says with which exit code, and nothing of it is visible
    assert finish(client, dag, run) == "failed"
    said = client.failure(dag, run, "slow-regional", attempt=1)
    assert "137" in said or "SIGKILL" in said, said
    assert receipts(house, "slow-regional") == before
    # And a second try lands
    client.clear(dag, run)
    assert finish(client, dag, run) == "success"
    [after] = receipts(house, "slow-regional").values()
    assert after["rows"] == 1500
    assert after not in before.values()


def test_a_host_cut_off_during_a_run_ends_as_a_failed_task_and_a_later_try_lands(house: House) -> None:
    # Given a run that is reading
    client = house.airflow().client()
    dag = "hurried-slow-regional"
    before = receipts(house, "slow-regional")
    run = start(client, dag)
    wait_until(lambda: running_tasks(house) == 1, "the task never ran")

    # When the site loses its line
    site = house.aws["AWS_ENDPOINT_URL_ECS"]
    urllib3.request("POST", f"{site}/_site/hosts/host-on-premises/cut")
    try:
        ended = finish(client, dag, run)
        said = client.failure(dag, run, "slow-regional", attempt=1)
    finally:
        urllib3.request("POST", f"{site}/_site/hosts/host-on-premises/mend")

    # Then the task fails with a sentence, and what was visible stays
    assert ended == "failed"
    assert "slow-regional" in said
    assert receipts(house, "slow-regional") == before
    # And once the line is back, the same run succeeds
    wait_until(lambda: running_tasks(house) == 0, "the host never ended its task")
    client.clear(dag, run)
    assert finish(client, dag, run) == "success"


def put_secret(house: House, login: dict[str, object]) -> None:
    house.hybrid("sources", "secret", "regional", "--file", "-", given=json.dumps(login))


def wait_until(holds: Callable[[], bool], otherwise: str, *, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.5)


def running_tasks(house: House) -> int:
    """Containers or processes of ETL tasks that run on this machine for this house."""
    if house.mode is Mode.CONTAINER:
        return len(containers(house))
    return len(processes(house))


def containers(house: House) -> list[str]:
    """By the label of the house's host: another house on this machine may run the same image."""
    identity = json.loads((house.directory / "hosts" / "on-premises" / "identity.json").read_text())
    label = f"label=hybrid.local.host={identity['instance_id']}"
    listed = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", label], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def processes(house: House) -> list[psutil.Process]:
    host = house.services.process("host-on-premises")
    assert host is not None
    found = []
    for child in host.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "hybrid_etl" in child.cmdline():
                found.append(child)
    return found


def kill_container(house: House) -> None:
    if house.mode is Mode.CONTAINER:
        subprocess.run(["docker", "kill", *containers(house)], check=True, capture_output=True)
    else:
        for process in processes(house):
            os.kill(process.pid, signal.SIGKILL)
