"""Tasks of a host in docker mode: real containers with user, limits, role, and the true end."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.launching import DockerContainers
from sandbox.services.emulator import Emulator
from sandbox.site import LocalSite, docker_available
from tests.sandbox.local.local_aws import LOG_GROUP, REGION, Aws, Define, Roles, client, eventually

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

pytestmark = pytest.mark.containers

#: Debian with Python 3.11, or whatever image of this name has python3.
IMAGE = "base:local"
CLUSTER = "hybrid-acme-containers"


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def dock(
    emulator: Emulator, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalSite, Aws]]:
    """A site with one host that runs containers."""
    if not docker_available():
        pytest.skip("no Docker engine answers")
    if not docker("images", "--quiet", IMAGE):
        pytest.skip(f"there is no image {IMAGE}: any with python3 under that name will do")
    client("ecs", emulator.endpoint_url).create_cluster(clusterName=CLUSTER)
    site = LocalSite(
        tmp_path_factory.mktemp("dock"),
        emulator_url=emulator.endpoint_url,
        runner=DockerContainers(),
        silence=3,
    )
    with site:
        aws = Aws(client("ecs", site.url), client("ssm", site.url), site.url)
        host = site.add_host("dock", cluster=CLUSTER, activation=aws.activation())
        yield site, aws
    # Its own: other tests may run containers of their hosts at the same time.
    assert docker("ps", "--all", "--quiet", "--filter", f"label=sandbox.host={host.host}") == ""


@pytest.fixture
def aws(dock: tuple[LocalSite, Aws]) -> Aws:
    return dock[1]


@pytest.fixture
def site(dock: tuple[LocalSite, Aws]) -> LocalSite:
    return dock[0]


@pytest.fixture
def python(define: Define) -> Define:
    """A definition whose container runs a program text, with boto3 of this environment."""

    def register(**container: Any) -> str:
        etl = {
            "image": IMAGE,
            "entryPoint": ["python3", "-c", "import sys; exec(sys.argv[1])"],
            "environment": [
                {"name": "AWS_DEFAULT_REGION", "value": REGION},
                {"name": "PYTHONPATH", "value": "/packages"},
                {"name": "PYTHONUNBUFFERED", "value": "1"},
            ],
            "mountPoints": [{"sourceVolume": "packages", "containerPath": "/packages", "readOnly": True}],
        }
        packages = {"name": "packages", "host": {"sourcePath": sysconfig.get_paths()["purelib"]}}
        return define(container=etl | container, volumes=[packages])

    return register


def lines(logs: CloudWatchLogsClient, task: TaskTypeDef) -> list[str]:
    stream = f"crm/etl/{task['taskArn'].rsplit('/', 1)[-1]}"
    try:
        events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True)[
            "events"
        ]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]


def test_a_container_is_who_the_definition_says_and_no_more(
    aws: Aws, python: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a definition as the product makes it: a user, an init process, a read-only root, a small tmpfs
    family = python(
        user="10001:10001",
        readonlyRootFilesystem=True,
        workingDirectory="/opt",
        linuxParameters={
            "initProcessEnabled": True,
            "tmpfs": [{"containerPath": "/work", "size": 16, "mountOptions": ["noexec", "mode=1777"]}],
        },
    )
    program = """
import boto3, json, os, pathlib, shutil, urllib.request
metadata = os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task'
def writable(path):
    try:
        pathlib.Path(path, 'probe').write_text('x')
        return True
    except OSError:
        return False
print(json.dumps({
    'user': [os.getuid(), os.getgid()],
    'is first': os.getpid() == 1,
    'writes': [path for path in ('/', '/etc', '/packages', '/work') if writable(path)],
    'tmpfs': shutil.disk_usage('/work').total // 2**20,
    'place': os.getcwd(),
    'who': boto3.client('sts').get_caller_identity()['Arn'],
    'task': json.load(urllib.request.urlopen(metadata))['TaskARN'],
    'secrets': [name for name in os.environ if 'SECRET' in name],
}))
"""

    # When it has run
    task = aws.until(aws.run(CLUSTER, family, [program]), "STOPPED")

    # Then it was all of that, with the keys of the task role from the address that SDKs know
    assert task["containers"][0]["exitCode"] == 0, lines(logs, task)
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    assert json.loads(lines(logs, task)[-1]) == {
        "user": [10001, 10001],
        "is first": False,
        "writes": ["/work"],
        "tmpfs": 16,
        "place": "/opt",
        "who": f"arn:aws:sts::000000000000:assumed-role/hybrid-acme-crm-task/{task_id}",
        "task": task["taskArn"],
        "secrets": [],
    }
    assert task["containers"][0]["imageDigest"].startswith("sha256:")


def test_even_root_cannot_write_where_the_definition_says_read_only(
    aws: Aws, define: Define, tmp_path: Path
) -> None:
    # Given a container of root's with a read-only root, a read-only volume and another
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    family = define(
        volumes=[{"name": name, "host": {"sourcePath": str(tmp_path / name)}} for name in ("in", "out")],
        container={
            "image": IMAGE,
            "readonlyRootFilesystem": True,
            "mountPoints": [
                {"sourceVolume": "in", "containerPath": "/in", "readOnly": True},
                {"sourceVolume": "out", "containerPath": "/out"},
            ],
        },
    )

    # When it tries to write everywhere
    script = "touch /in/probe; touch /out/probe; touch /etc/probe && exit 9; exit 0"
    task = aws.until(aws.run(CLUSTER, family, ["sh", "-c", script]), "STOPPED")

    # Then it could only where it may
    assert task["containers"][0]["exitCode"] == 0
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("probe")] == [Path("out/probe")]


def test_a_container_that_takes_more_memory_than_it_has_is_killed_for_it(aws: Aws, python: Define) -> None:
    # Given a container of 64 MiB
    family = python(memory=64)

    # When its program takes 512, then the task says why it ended
    task = aws.until(aws.run(CLUSTER, family, ["x = bytearray(512 * 2**20)"]), "STOPPED")
    container = task["containers"][0]
    assert (container["exitCode"], container["reason"]) == (
        137,
        "OutOfMemoryError: Container killed due to memory usage",
    )


@pytest.mark.parametrize(
    ("program", "code"),
    [("signal.signal(15, lambda *_: sys.exit(7))", 7), ("signal.signal(15, signal.SIG_IGN)", 137)],
    ids=["answers SIGTERM", "is deaf to SIGTERM"],
)
def test_a_container_that_is_stopped_ends_truly(
    aws: Aws, python: Define, logs: CloudWatchLogsClient, program: str, code: int
) -> None:
    # Given a running container with two seconds to stop
    whole = f"import signal, sys, time; {program}; print('up'); time.sleep(60)"
    task = aws.run(CLUSTER, python(stopTimeout=2), [whole])
    eventually(lambda: lines(logs, task), bool, seconds=20)

    # When it is stopped, then its exit code is its own, or that of SIGKILL two seconds later
    aws.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])
    ended = aws.until(task, "STOPPED")
    assert ended["containers"][0]["exitCode"] == code
    assert code != 137 or (ended["stoppedAt"] - ended["stoppingAt"]).total_seconds() >= 2


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"image": "hybrid-etl:nobody-built-it"}, "CannotPullContainerError: hybrid-etl:nobody-built-it"),
        ({"entryPoint": ["no-such-program"]}, "CannotStartContainerError:"),
        ({"user": "nobody-of-that-name"}, "CannotStartContainerError:"),
    ],
)
def test_a_container_that_cannot_start_says_why(
    aws: Aws, python: Define, container: dict[str, Any], reason: str
) -> None:
    task = aws.until(aws.run(CLUSTER, python(**container), ["print(1)"]), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"].startswith(reason)
    assert "exitCode" not in task["containers"][0]


def test_a_cut_off_host_keeps_its_container_and_the_container_loses_aws(
    site: LocalSite, aws: Aws, python: Define
) -> None:
    # Given a container that ends when it has lost AWS and found it again
    program = """
import boto3, time
from botocore.config import Config
s3 = boto3.client('s3', config=Config(retries={'total_max_attempts': 1}, connect_timeout=1, read_timeout=1))
lost = False
while True:
    try:
        s3.list_buckets()
        if lost:
            break
    except Exception:
        lost = True
    time.sleep(0.1)
"""
    task = aws.until(aws.run(CLUSTER, python(), [program]), "RUNNING")

    # When its host is cut off and mended, then it was cut off as well
    site.cut("dock")
    with pytest.raises(AssertionError):
        eventually(lambda: aws.task(task)["lastStatus"], lambda status: status == "STOPPED", seconds=4)
    assert docker("inspect", "--format", "{{.State.Status}}", task["containers"][0]["runtimeId"]) == "running"
    site.mend("dock")
    assert aws.until(task, "STOPPED")["containers"][0]["exitCode"] == 0


def test_a_container_outlives_its_agent_and_is_found_again(site: LocalSite, aws: Aws, python: Define) -> None:
    # Given a container that needs AWS at its end
    program = "import boto3, sys, time; time.sleep(6); boto3.client('s3').list_buckets(); sys.exit(4)"
    task = aws.until(aws.run(CLUSTER, python(), [program]), "RUNNING")

    # When its agent is killed and starts again
    site.kill("dock")
    site.restart("dock")

    # Then the agent knows the container, and tells its end
    assert aws.until(task, "STOPPED")["containers"][0]["exitCode"] == 4
    assert docker("ps", "--all", "--quiet", "--filter", f"label=sandbox.task={task['taskArn']}") == ""


def test_a_database_beside_the_host_is_reached_by_name(
    aws: Aws, python: Define, logs: CloudWatchLogsClient
) -> None:
    program = "import socket; print(socket.gethostbyname('host.docker.internal'))"
    task = aws.until(aws.run(CLUSTER, python(), [program]), "STOPPED")
    assert lines(logs, task) == ["169.254.170.2"]
