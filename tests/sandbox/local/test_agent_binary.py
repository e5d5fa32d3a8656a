"""The real ECS agent registers with the local endpoint, runs its tasks and tells their ends.

Skipped without `HYBRID_TEST_ECS_AGENT`, the path of an amazon-ecs-agent: no package registry has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from sandbox.agent.capabilities import CAPABILITIES
from sandbox.endpoint import Endpoint
from sandbox.services.emulator import Emulator
from sandbox.site import docker_available
from tests.sandbox.local.agent_binary import TASK_SERVICES, AgentBinary
from tests.sandbox.local.local_aws import LOG_GROUP, REGION, Aws, Define, Roles, client, eventually

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

BINARY = os.environ.get("HYBRID_TEST_ECS_AGENT", "")

pytestmark = [
    pytest.mark.containers,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not BINARY, reason="HYBRID_TEST_ECS_AGENT names no amazon-ecs-agent"),
]

IMAGE = "base:local"

#: Seconds after which a running task gets new keys.
RENEWED_AFTER = 5.0


@pytest.fixture(scope="module")
def aws(emulator: Emulator, roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    if not docker_available():
        pytest.skip("no Docker engine answers")
    running = Endpoint(
        port=0,
        state_file=tmp_path_factory.mktemp("real") / "site.json",
        emulator_url=emulator.endpoint_url,
        region=REGION,
        silence=6,
        credentials_renewed_after=RENEWED_AFTER,
    )
    yield Aws(client("ecs", running.url), client("ssm", running.url), running.url)
    running.close()


@pytest.fixture
def agent(aws: Aws, cluster: str, tmp_path: Path) -> Iterator[AgentBinary]:
    made = AgentBinary(BINARY, aws, cluster=cluster, directory=tmp_path)
    made.start()
    yield made
    made.stop()
    # The agent itself removes a container three hours after its end.
    for container in _containers(f"com.amazonaws.ecs.cluster={cluster}"):
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)


@pytest.fixture
def python(define: Define) -> Define:
    """A definition whose container runs a program text, as the product's: no capability, a read-only root."""

    def register(**container: Any) -> str:
        etl = {
            "image": IMAGE,
            "entryPoint": ["python3", "-c", "import sys; exec(sys.argv[1])"],
            "logConfiguration": {"logDriver": "json-file"},
            "readonlyRootFilesystem": True,
            "user": "10001:10001",
            "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
            "dockerSecurityOptions": ["no-new-privileges"],
        }
        return define(container=etl | container)

    return register


def test_it_registers_with_what_tasks_are_placed_by(agent: AgentBinary) -> None:
    # Given the agent with the settings of the host kit, when it has joined
    (instance,) = agent.instances()

    # Then it is connected, told its versions when it opened its line, and brought its capabilities
    assert instance["ec2InstanceId"] == agent.identity.instance_id
    assert instance["versionInfo"]["agentVersion"]
    assert instance["versionInfo"]["dockerVersion"]
    attributes = {a["name"]: a.get("value") for a in instance["attributes"]}
    assert attributes["rack"] == "b2"
    assert set(CAPABILITIES) <= set(attributes)


def test_a_task_runs_as_its_definition_says_and_ends_with_its_code(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    # Given a program that ends with 3 where it is who the definition says, and may write nowhere
    program = """
import os, pathlib, sys
try:
    pathlib.Path('/probe').write_text('x')
except OSError:
    status = pathlib.Path('/proc/self/status').read_text()
    bare = 'CapBnd:\\t0000000000000000' in status and 'NoNewPrivs:\\t1' in status
    sys.exit(3 if (os.getuid(), os.getpid() == 1, bare) == (10001, False, True) else 4)
"""
    # When it runs
    ended = aws.until(aws.run(cluster, python(), [program]), "STOPPED")

    # Then the agent tells its code
    assert ended["containers"][0]["exitCode"] == 3
    assert ended["stopCode"] == "EssentialContainerExited"
    assert ended["createdAt"] <= ended["startedAt"] <= ended["stoppedAt"]


def test_a_task_that_is_stopped_ends_as_it_answers_sigterm(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    # Given a program that ends with 7 on SIGTERM
    program = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); time.sleep(120)"
    task = aws.until(aws.run(cluster, python(stopTimeout=20), [program]), "RUNNING")
    time.sleep(1)

    # When it is stopped, then 7 is its code
    aws.ecs.stop_task(cluster=cluster, task=task["taskArn"], reason="enough")
    ended = aws.until(task, "STOPPED")
    assert (ended["containers"][0]["exitCode"], ended["stoppedReason"]) == (7, "enough")


def test_a_container_that_takes_more_memory_than_it_has_is_killed_for_it(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    task = aws.run(cluster, python(memory=64), ["x = bytearray(512 * 2**20)"])
    container = aws.until(task, "STOPPED")["containers"][0]
    assert container["exitCode"] == 137
    assert container["reason"].startswith("OutOfMemoryError")


def test_a_container_that_cannot_start_says_why(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    task = aws.until(aws.run(cluster, python(user="nobody-of-that-name"), ["x"]), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"].startswith("CannotStartContainerError")
    assert "exitCode" not in task["containers"][0]


def test_a_killed_agent_finds_its_container_again(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    # Given a running task
    before = [instance["containerInstanceArn"] for instance in agent.instances()]
    program = "import sys, time; time.sleep(12); sys.exit(4)"
    task = aws.until(aws.run(cluster, python(), [program]), "RUNNING")
    # The agent writes down what it knows of a container some time after it has told ECS.
    time.sleep(2)

    # When the agent is killed, then it is disconnected, and the task as it was last heard of
    agent.kill()
    eventually(lambda: agent.instances()[0]["agentConnected"], lambda there: not there)
    assert aws.task(task)["lastStatus"] == "RUNNING"

    # When it starts again, then it is the same instance, and tells the end of the container
    agent.start()
    (container,) = aws.until(task, "STOPPED", seconds=90)["containers"]
    assert container.get("exitCode") == 4, container
    assert [instance["containerInstanceArn"] for instance in agent.instances()] == before


def test_a_task_has_its_roles_keys_and_gets_new_ones(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    # Given a running task
    task = aws.until(aws.run(cluster, python(), ["import time; time.sleep(120)"]), "RUNNING")
    variables = _environment(task)

    # When its keys are asked for where its environment says
    url = TASK_SERVICES + variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    first = _fetched(url)
    assert first["RoleArn"].endswith("/hybrid-acme-crm-task")

    # Then they are others some time later, before the first have ended
    renewed = eventually(
        lambda: _fetched(url), lambda now: now["AccessKeyId"] != first["AccessKeyId"], seconds=30
    )
    assert renewed["Expiration"] > first["Expiration"]
    assert first["Expiration"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    aws.ecs.stop_task(cluster=cluster, task=task["taskArn"])
    aws.until(task, "STOPPED", seconds=90)


def test_what_a_task_writes_is_in_its_log_stream(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a host whose rules bring the address of task credentials to the agent, as the host kit's do
    first = aws.until(aws.run(cluster, python(), ["import time; time.sleep(5)"]), "RUNNING")
    path = _environment(first)["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    try:
        _fetched(f"http://169.254.170.2{path}")
    except OSError:
        pytest.skip("no rule of this machine brings 169.254.170.2:80 to 127.0.0.1:51679")
    options = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "crm"}
    family = python(logConfiguration={"logDriver": "awslogs", "options": options})

    # When a program has written
    task = aws.until(aws.run(cluster, family, ["print('from the real one')"]), "STOPPED")

    # Then it is there, sent with the keys of the execution role
    container = task["containers"][0]
    assert container.get("exitCode") == 0, container.get("reason")
    stream = f"crm/etl/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["from the real one"]


def test_a_deregistered_host_is_told_so_once_and_waits(agent: AgentBinary, aws: Aws, cluster: str) -> None:
    # Given a connected agent
    (instance,) = agent.instances()

    # When its instance is deregistered
    aws.ecs.deregister_container_instance(
        cluster=cluster, containerInstance=instance["containerInstanceArn"], force=True
    )

    # Then the agent learns it from a refused handshake, and does not knock again and again
    eventually(agent.log, lambda text: "Container instance is deregistered" in text, seconds=30)
    time.sleep(5)
    assert agent.log().count("Container instance is deregistered") == 1


def test_a_cut_line_leaves_the_task_alone_and_its_end_is_told_when_it_is_mended(
    agent: AgentBinary, aws: Aws, cluster: str, python: Define
) -> None:
    # Given a running task
    task = aws.until(aws.run(cluster, python(), ["import sys, time; time.sleep(4); sys.exit(5)"]), "RUNNING")

    # When the line is cut until after its end
    urllib3.request("POST", f"{aws.url}/_site/hosts/real/cut")
    assert not agent.instances()[0]["agentConnected"]
    time.sleep(6)
    assert aws.task(task)["lastStatus"] == "RUNNING"

    # Then the end is told when the line is mended, with its code
    urllib3.request("POST", f"{aws.url}/_site/hosts/real/mend")
    assert aws.until(task, "STOPPED", seconds=120)["containers"][0]["exitCode"] == 5


def _containers(label: str) -> list[str]:
    done = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", f"label={label}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def _environment(task: TaskTypeDef) -> dict[str, str]:
    (container,) = _containers(f"com.amazonaws.ecs.task-arn={task['taskArn']}")
    done = subprocess.run(
        ["docker", "inspect", "--format", "{{json .Config.Env}}", container],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(variable.split("=", 1) for variable in json.loads(done.stdout))


def _fetched(url: str) -> dict[str, str]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        document: dict[str, str] = json.load(answer)
    return document
