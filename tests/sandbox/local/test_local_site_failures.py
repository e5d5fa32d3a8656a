"""What a site goes through: hosts cut off, killed, shut down; a restarted endpoint; nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from sandbox.endpoint import Endpoint
from sandbox.launching import Processes
from sandbox.services.emulator import Emulator, EmulatorError
from sandbox.site import LocalSite, SiteError
from tests.sandbox.local.local_aws import (
    LOG_GROUP,
    PYTHON,
    REGION,
    Aws,
    Define,
    client,
    eventually,
    free_port,
)

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

pytestmark = pytest.mark.slow

#: Says every 0.1 s whether it reaches AWS, and ends with 0 when it was without and has it again.
WATCHER = """
import boto3, time
from botocore.config import Config
s3 = boto3.client('s3', config=Config(retries={'total_max_attempts': 1}, connect_timeout=1, read_timeout=1))
lost = False
while True:
    try:
        s3.list_buckets()
        if lost:
            break
    except Exception as error:
        lost = True
    open('beat', 'w').write('x')
    time.sleep(0.1)
print('it is back')
"""


def connected(aws: Aws, cluster: str) -> bool:
    arns = aws.ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    described = aws.ecs.describe_container_instances(cluster=cluster, containerInstances=arns)
    return described["containerInstances"][0]["agentConnected"]


def process_of(task: TaskTypeDef) -> psutil.Process:
    return psutil.Process(int(task["containers"][0]["runtimeId"]))


def test_a_host_that_is_cut_off_keeps_its_task_and_tells_when_it_is_mended(
    site: LocalSite, at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a task that tries to reach AWS all the time
    task = at_site.until(at_site.run(one_host, define(), [WATCHER]), "RUNNING")

    # When its host is cut off
    site.cut("one")

    # Then the host is disconnected at once, in ECS and in SSM, and takes no task
    assert not connected(at_site, one_host)
    node = at_site.ssm.describe_instance_information()["InstanceInformationList"][0]
    assert node["PingStatus"] == "ConnectionLost"
    answer = at_site.ecs.run_task(cluster=one_host, taskDefinition=define(), launchType="EXTERNAL")
    assert [failure["reason"] for failure in answer["failures"]] == ["AGENT"]

    # And what runs goes on, without a way to AWS; stopping it changes nothing yet
    time.sleep(2)
    assert at_site.task(task)["lastStatus"] == "RUNNING"
    assert process_of(task).is_running()

    # When the host is mended, then the task, which saw both, ends, and its end is told with its log
    site.mend("one")
    ended = at_site.until(task, "STOPPED")
    assert ended["containers"][0]["exitCode"] == 0
    stream = f"crm/etl/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["it is back"]
    assert connected(at_site, one_host)


@pytest.fixture
def two(site: LocalSite, at_site: Aws, cluster: str) -> str:
    """A cluster with a host `two` of its own, which may be killed."""
    site.add_host("two", cluster=cluster, activation=at_site.activation())
    return cluster


def test_a_host_that_is_killed_comes_back_as_itself(
    site: LocalSite, at_site: Aws, two: str, define: Define
) -> None:
    # Given a host with a running task
    before = at_site.ecs.list_container_instances(cluster=two)["containerInstanceArns"]
    task = at_site.until(at_site.run(two, define(), ["import time; time.sleep(60)"]), "RUNNING")
    process = process_of(task)

    # When its agent is killed, then it is disconnected, and the task is as it was last heard of
    site.kill("two")
    eventually(lambda: connected(at_site, two), lambda there: not there)
    assert at_site.task(task)["lastStatus"] == "RUNNING"

    # And a process does not outlive its host
    eventually(process.is_running, lambda runs: not runs)

    # When the host starts again, then it is the same instance, and tells that the task is no more
    site.restart("two")
    assert at_site.ecs.list_container_instances(cluster=two)["containerInstanceArns"] == before
    ended = at_site.until(task, "STOPPED")
    assert "the host was restarted" in ended["containers"][0]["reason"]

    # When it is shut down in the middle of a task, then the task's true end is told before
    task = at_site.until(at_site.run(two, define(), ["import time; time.sleep(60)"]), "RUNNING")
    site.stop_host("two")
    assert at_site.until(task, "STOPPED")["containers"][0]["exitCode"] == 143


def test_capacity_of_one_name_at_two_sites_is_not_one_host(emulator: Emulator, tmp_path: Path) -> None:
    # Given two sites on this machine, each with Fargate capacity of the usual name
    for name in ("one", "two"):
        with LocalSite(
            tmp_path / name, emulator_url=emulator.endpoint_url, runner=Processes(PYTHON), port=free_port()
        ) as site:
            seen = site.add_fargate()
            assert seen.name == "fargate"
    # When their identities are compared, by which a host knows its own containers
    kept = [tmp_path / name / "hosts" / "fargate" / "identity.json" for name in ("one", "two")]
    one, two = (json.loads(path.read_text())["instance_id"] for path in kept)
    # Then they are two
    assert one != two


def test_a_host_with_a_wrong_activation_says_so(site: LocalSite, at_site: Aws, cluster: str) -> None:
    # Given an activation that is used up
    activation = at_site.activation()
    site.add_host("first", cluster=cluster, activation=activation)
    site.stop_host("first")

    # When another host comes with it, then its last words are the reason, without the code
    with pytest.raises(SiteError, match="has reached its limit of 1") as refusal:
        site.add_host("second", cluster=cluster, activation=activation)
    assert activation.code not in str(refusal.value)


def test_an_endpoint_that_restarts_remembers(
    emulator: Emulator, cluster: str, define: Define, tmp_path: Path
) -> None:
    # Given a site with a finished task and one that runs
    runner = Processes(PYTHON)
    made = LocalSite(tmp_path, emulator_url=emulator.endpoint_url, runner=runner, port=free_port())
    with made as site:
        aws = Aws(client("ecs", site.url), client("ssm", site.url), site.url)
        site.add_host("one", cluster=cluster, activation=aws.activation())
        done = aws.until(aws.run(cluster, define(), ["import sys; sys.exit(2)"]), "STOPPED")
        running = aws.until(aws.run(cluster, define(), ["import time; time.sleep(4)"]), "RUNNING")

        # When the endpoint is killed and starts again
        site.kill("endpoint")
        site.start()

        # Then it knows both tasks, and its host goes on reporting
        assert aws.task(done)["containers"][0]["exitCode"] == 2
        assert aws.until(running, "STOPPED")["containers"][0]["exitCode"] == 0
        assert aws.ssm.describe_activations()["ActivationList"][0]["RegistrationsCount"] == 1


def test_nothing_is_left_when_a_site_stops_or_its_parent_is_killed(
    emulator: Emulator, cluster: str, define: Define, tmp_path: Path
) -> None:
    # Given a site, started by another process, with a running task
    port = free_port()
    program = (
        "import sys, time; from pathlib import Path\n"
        "from sandbox.launching import *; from sandbox.site import *\n"
        f"site = LocalSite(Path({str(tmp_path)!r}), emulator_url={emulator.endpoint_url!r}, port={port},\n"
        f"    runner=Processes({PYTHON!r}))\n"
        "site.start(); print('up', flush=True); code = sys.stdin.readline().split()\n"
        f"site.add_host('one', cluster={cluster!r}, activation=Activation(*code)); print('in', flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert parent.stdin
    assert parent.stdout
    assert parent.stdout.readline() == "up\n"
    url = f"http://127.0.0.1:{port}"
    aws = Aws(client("ecs", url), client("ssm", url), url)
    activation = aws.activation()
    parent.stdin.write(f"{activation.id} {activation.code}\n")
    assert parent.stdout.readline() == "in\n"
    task = aws.until(aws.run(cluster, define(), ["import time; time.sleep(60)"]), "RUNNING")
    family = [*psutil.Process(parent.pid).children(recursive=True), process_of(task)]
    assert len({process.pid for process in family}) >= 3

    # When that process is killed
    parent.kill()
    parent.wait()

    # Then endpoint, agent and task end by themselves
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []


def test_an_identity_of_an_earlier_version_is_named_with_what_to_do(site: LocalSite, cluster: str) -> None:
    # Given what a host of an earlier version kept
    kept = site._host_directory("old") / "identity.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"instance_id": "mi-0123456789abcdef0", "token": "very-secret"}')

    # When the host is started, then the message says so, and what it holds is not shown
    with pytest.raises(SiteError, match="is not an identity of this version: remove") as refusal:
        site.add_host("old", cluster=cluster)
    assert "very-secret" not in str(refusal.value)


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_an_activation_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    # Given an activation file with loose permissions
    file = tmp_path / "activation.json"
    file.write_text('{"activation_id": "a", "activation_code": "very-secret"}')
    file.chmod(mode)

    # When a host is started with it
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sandbox.agent", "--endpoint", "http://127.0.0.1:9"),
            *("--emulator", "http://127.0.0.1:9", "--state", str(tmp_path), "--cluster", "c"),
            *("--activation-file", str(file), "--mode", "process", "--entry", "true"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    # Then it is the user's mistake, in one sentence, without the code
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    assert "very-secret" not in done.stderr


def test_the_endpoint_says_that_its_port_is_taken(endpoint: Endpoint, tmp_path: Path) -> None:
    port = endpoint.url.rsplit(":", 1)[-1]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sandbox.endpoint", "--port", port),
            *("--state", str(tmp_path / "s.json"), "--emulator", "http://127.0.0.1:9"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "choose another" in done.stderr) == (2, True)


def test_the_emulator_keeps_its_state_and_leaves_no_process(emulator_python: Path, tmp_path: Path) -> None:
    # Given an emulator with a cluster, a bucket and an object
    port = free_port()
    first = Emulator(tmp_path, port=port, python=emulator_python, region=REGION)
    first.start()
    client("ecs", first.endpoint_url).create_cluster(clusterName="kept")
    s3 = client("s3", first.endpoint_url)
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="lake", Key="k", Body=b"kept")

    # When another one wants its port, then the message says so
    with pytest.raises(EmulatorError, match=f"port {port} .* is taken"):
        Emulator(tmp_path / "other", port=port, python=emulator_python).start()

    # When it stops and starts again
    first.stop()
    assert not first.healthy()
    assert [
        p
        for p in psutil.process_iter(["environ"])
        if (p.info["environ"] or {}).get("GATEWAY_PORT") == str(port)
    ] == []
    with Emulator(tmp_path, port=port, python=emulator_python, region=REGION) as second:
        # Then all is there, until it is reset
        assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"kept"
        ecs = client("ecs", second.endpoint_url)
        assert len(ecs.describe_clusters(clusters=["kept"])["clusters"]) == 1
        second.reset()
        assert ecs.describe_clusters(clusters=["kept"])["clusters"] == []


def test_an_emulator_that_dies_shows_its_last_lines(tmp_path: Path) -> None:
    # Given an interpreter that has no emulator
    with pytest.raises(EmulatorError, match="ended with 1 while starting") as failure:
        Emulator(tmp_path, port=free_port(), python=Path(sys.executable)).start()
    assert "No module named ministack" in str(failure.value)


def test_an_agent_ends_cleanly_on_sigterm(site: LocalSite, at_site: Aws, cluster: str) -> None:
    # Given a host that does nothing
    site.add_host("idle", cluster=cluster, activation=at_site.activation())
    agents = [p for p in psutil.Process(os.getpid()).children() if "idle" in p.cmdline()]

    # When it gets SIGTERM, then it ends with 0
    agents[0].send_signal(signal.SIGTERM)
    assert agents[0].wait(10) == 0
    site.stop_host("idle")
