"""The protocol of the agents, as a client sees it that is neither the demo's agent nor the real one."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sandbox import acs, node_signature
from sandbox.agent.capabilities import CAPABILITIES
from sandbox.agent.control import ControlPlane, Line
from sandbox.agent.errors import Refused, Unreachable
from sandbox.agent.identity import HostIdentity
from sandbox.agent.systems_manager import SystemsManager
from sandbox.endpoint import Endpoint, agents
from sandbox.services.emulator import Emulator
from tests.sandbox.local.local_aws import REGION, Aws, Define, HostMaker, Roles, client, eventually

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerInstanceTypeDef

CPU_AND_MEMORY = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 1024},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 512},
]


@pytest.fixture
def host(aws: Aws) -> HostIdentity:
    """A managed node that has joined no cluster yet."""
    activation = aws.activation()
    manager = SystemsManager(aws.url, REGION)
    identity = manager.register(activation_id=activation.id, activation_code=activation.code)
    manager.tell_of_host(identity, name="plain")
    return identity


@pytest.fixture
def plane(aws: Aws, host: HostIdentity) -> ControlPlane:
    return ControlPlane(aws.url, host, region=REGION)


@pytest.fixture
def joined(plane: ControlPlane, cluster: str) -> ContainerInstanceTypeDef:
    return join(plane, cluster)


def join(plane: ControlPlane, cluster: str) -> ContainerInstanceTypeDef:
    answer = plane.call(
        "register_container_instance",
        cluster=cluster,
        totalResources=CPU_AND_MEMORY,
        attributes=[{"name": name} for name in CAPABILITIES],
    )
    instance: ContainerInstanceTypeDef = answer["containerInstance"]
    return instance


@contextmanager
def opened(plane: ControlPlane, instance: ContainerInstanceTypeDef, cluster: str) -> Iterator[Line]:
    arn = instance["containerInstanceArn"]
    with plane.line(container_instance_arn=arn, cluster_arn=cluster, docker_version="27") as line:
        yield line


def message(line: Line, kind: type[Any], *, seconds: float = 10) -> Any:
    """The next message of a kind; heartbeats are answered on the way."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = line.receive(seconds=0.2)
        if isinstance(found, acs.HeartbeatMessage):
            line.send(acs.HeartbeatAckRequest(message_id=found.message_id))
        if isinstance(found, kind):
            return found
    raise AssertionError(f"no {kind.__name__} in {seconds:g} s")


def listen_silently(line: Line, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        line.receive(seconds=0.5)


def acknowledge(line: Line, payload: acs.PayloadMessage) -> None:
    line.send(
        acs.AckRequest(
            cluster=payload.cluster_arn,
            container_instance=payload.container_instance_arn,
            message_id=payload.message_id,
        )
    )


def test_a_task_is_told_with_its_roles_keys_and_dockers_settings_as_text(
    aws: Aws,
    plane: ControlPlane,
    joined: ContainerInstanceTypeDef,
    cluster: str,
    define: Define,
    roles: Roles,
) -> None:
    # Given a definition with what Docker has words for
    family = define(
        volumes=[{"name": "in", "host": {"sourcePath": "/srv/in"}}],
        container={
            "user": "10001",
            "readonlyRootFilesystem": True,
            "entryPoint": ["run"],
            "mountPoints": [{"sourceVolume": "in", "containerPath": "/in", "readOnly": True}],
            "linuxParameters": {
                "initProcessEnabled": True,
                "capabilities": {"drop": ["ALL"]},
                "tmpfs": [{"containerPath": "/work", "size": 16, "mountOptions": ["noexec"]}],
            },
        },
    )

    # When a task of it is placed on a host that listens
    with opened(plane, joined, cluster) as line:
        task = aws.run(cluster, family, ["--now"])
        told: acs.Task = message(line, acs.PayloadMessage).tasks[0]

    # Then the host is told all that, in the spelling of the agent's model
    assert (told.arn, told.desired_status, told.family) == (task["taskArn"], "RUNNING", family)
    assert told.container.entry_point == ("run",)
    assert told.container.command == ("--now",)
    assert told.container.logs_auth_strategy == "ExecutionRole"
    assert told.container.container_arn == task["containers"][0]["containerArn"]
    assert [(v.name, v.host.source_path) for v in told.volumes] == [("in", "/srv/in")]
    assert json.loads(told.container.docker_config.config) == {"User": "10001"}
    host_config = json.loads(told.container.docker_config.host_config)
    log = host_config.pop("LogConfig")
    assert host_config == {
        "ReadonlyRootfs": True,
        "Init": True,
        "CapDrop": ["ALL"],
        "Tmpfs": {"/work": "size=16m,noexec"},
    }
    assert log["Type"] == "awslogs"
    assert log["Config"]["awslogs-stream"] == f"crm/etl/{task['taskArn'].rsplit('/', 1)[-1]}"
    assert told.role_credentials
    assert told.execution_role_credentials
    keys = (told.role_credentials, told.execution_role_credentials)
    assert [k.role_arn for k in keys] == [roles.task, roles.execution]


def test_what_is_not_acknowledged_is_told_again_and_what_is_never(
    aws: Aws,
    plane: ControlPlane,
    joined: ContainerInstanceTypeDef,
    cluster: str,
    define: Define,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a host that was told a task, and says nothing
    monkeypatch.setattr(agents, "REPEAT_SECONDS", 1.0)
    with opened(plane, joined, cluster) as line:
        task = aws.run(cluster, define(), ["x"])
        first: acs.PayloadMessage = message(line, acs.PayloadMessage)

        # When time passes, then it is told again, as a later message
        second: acs.PayloadMessage = message(line, acs.PayloadMessage, seconds=4)
        assert [t.arn for t in second.tasks] == [task["taskArn"]]
        assert second.seq_num > first.seq_num

        # When it acknowledges, then it is told no more, until the task is to stop
        acknowledge(line, second)
        with pytest.raises(AssertionError, match="no PayloadMessage"):
            message(line, acs.PayloadMessage, seconds=3)
        aws.ecs.stop_task(cluster=cluster, task=task["taskArn"])
        third: acs.PayloadMessage = message(line, acs.PayloadMessage)
        assert [(t.arn, t.desired_status) for t in third.tasks] == [(task["taskArn"], "STOPPED")]
        acknowledge(line, third)


def test_a_host_that_comes_back_is_told_all_that_has_not_stopped(
    aws: Aws, plane: ControlPlane, joined: ContainerInstanceTypeDef, cluster: str, define: Define
) -> None:
    # Given a host that took over two tasks, and told the end of one
    with opened(plane, joined, cluster) as line:
        tasks = [aws.run(cluster, define(), ["x"]) for _ in range(2)]
        told: set[str] = set()
        while len(told) < 2:
            payload: acs.PayloadMessage = message(line, acs.PayloadMessage)
            acknowledge(line, payload)
            told |= {task.arn for task in payload.tasks}
    ended = {"containerName": "etl", "exitCode": 0}
    answer = plane.call(
        "submit_task_state_change",
        cluster=cluster,
        task=tasks[0]["taskArn"],
        status="STOPPED",
        containers=[ended],
    )
    assert answer["acknowledgment"]

    # When it connects anew, then it is told the other
    with opened(plane, joined, cluster) as line:
        again: acs.PayloadMessage = message(line, acs.PayloadMessage)
    assert [task.arn for task in again.tasks] == [tasks[1]["taskArn"]]


def test_a_task_that_runs_gets_new_keys_under_the_same_identifier(
    emulator: Emulator, roles: Roles, cluster: str, define: Define, tmp_path: Path
) -> None:
    # Given a site that renews keys after two seconds, and a host that took over a task
    endpoint = Endpoint(
        port=0, state_file=tmp_path / "site.json", emulator_url=emulator.endpoint_url, region=REGION,
        credentials_renewed_after=2,
    )  # fmt: skip
    aws = Aws(client("ecs", endpoint.url), client("ssm", endpoint.url), endpoint.url)
    activation = aws.activation()
    host = SystemsManager(aws.url, REGION).register(
        activation_id=activation.id, activation_code=activation.code
    )
    plane = ControlPlane(aws.url, host, region=REGION)
    instance = join(plane, cluster)
    family = define(executionRoleArn="", container={"logConfiguration": {"logDriver": "json-file"}})
    with opened(plane, instance, cluster) as line:
        task = aws.run(cluster, family, ["x"])
        payload: acs.PayloadMessage = message(line, acs.PayloadMessage)
        acknowledge(line, payload)
        first = payload.tasks[0].role_credentials
        assert first

        # When they are two seconds old, then others come before they end
        renewed: acs.IAMRoleCredentialsMessage = message(line, acs.IAMRoleCredentialsMessage)
        assert (renewed.task_arn, renewed.role_type) == (task["taskArn"], "TaskApplication")
        assert renewed.role_credentials.credentials_id == first.credentials_id
        assert renewed.role_credentials.access_key_id != first.access_key_id
        assert renewed.role_credentials.expiration > first.expiration
    endpoint.close()


@pytest.mark.slow
def test_a_host_that_answers_no_heartbeat_loses_its_line(
    aws: Aws, plane: ControlPlane, joined: ContainerInstanceTypeDef, cluster: str
) -> None:
    # Given a host that listens, when it says nothing for longer than the site's silence of three seconds
    with opened(plane, joined, cluster) as line, pytest.raises(Unreachable):
        listen_silently(line, seconds=10)

    # Then its line is ended
    described = aws.ecs.describe_container_instances(
        cluster=cluster, containerInstances=[joined["containerInstanceArn"]]
    )
    assert described["containerInstances"][0]["agentConnected"] is False


def test_a_line_that_ends_after_the_next_was_opened_does_not_count(
    aws: Aws, plane: ControlPlane, joined: ContainerInstanceTypeDef, cluster: str
) -> None:
    def connected() -> bool:
        described = aws.ecs.describe_container_instances(
            cluster=cluster, containerInstances=[joined["containerInstanceArn"]]
        )
        return described["containerInstances"][0]["agentConnected"]

    # Given a host that opens a line while its old one is not known to be dead
    with opened(plane, joined, cluster) as first:
        message(first, acs.HeartbeatMessage)
        with opened(plane, joined, cluster) as second:
            message(second, acs.HeartbeatMessage)

            # When the old one ends, then the host is there
            first.close()
            time.sleep(0.5)
            assert connected()

    # And when the new one ends, it is not, at once
    eventually(connected, lambda there: not there, seconds=2)


def test_a_deregistered_instance_is_refused_before_the_upgrade(
    aws: Aws, plane: ControlPlane, joined: ContainerInstanceTypeDef, cluster: str
) -> None:
    # Given a host that listens
    with opened(plane, joined, cluster) as line:
        message(line, acs.HeartbeatMessage)

        # When its instance is deregistered, then its line ends
        arn = joined["containerInstanceArn"]
        aws.ecs.deregister_container_instance(cluster=cluster, containerInstance=arn, force=True)
        with pytest.raises(Unreachable):
            message(line, acs.PayloadMessage, seconds=5)

    # And the next handshake is an HTTP error, whose body has the name that the agent looks for
    with pytest.raises(Refused, match="InactiveInstanceException"), opened(plane, joined, cluster):
        pass


def test_a_handshake_that_no_host_signed_is_refused(
    aws: Aws, plane: ControlPlane, joined: ContainerInstanceTypeDef
) -> None:
    found = plane.call("discover_poll_endpoint", containerInstance=joined["containerInstanceArn"])
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    answer = urllib3.request("GET", f"{found['endpoint']}ws", headers=handshake, retries=False)
    assert (answer.status, list(answer.json())) == (403, ["AccessDeniedException"])


def test_what_the_real_agent_sends_to_register_is_taken(
    aws: Aws, plane: ControlPlane, host: HostIdentity, cluster: str
) -> None:
    # Given the members of amazon-ecs-agent 1.105: a client token, empty documents, no versions
    body = {
        "cluster": cluster,
        "clientToken": str(uuid.uuid4()),
        "instanceIdentityDocument": "",
        "instanceIdentityDocumentSignature": "",
        "attributes": [{"name": "rack", "value": "b2"}, {"name": "ecs.capability.external"}],
        "totalResources": [
            *CPU_AND_MEMORY,
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "51678"]},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
        ],
    }

    # When it asks twice, its first answer lost on the way
    arns = {_signed(aws, host, "RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"]
            for _ in range(2)}  # fmt: skip

    # Then there is one instance
    assert set(aws.ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]) == arns
    assert len(arns) == 1


def test_only_the_holder_of_a_nodes_key_gets_the_keys_of_its_role(aws: Aws, host: HostIdentity) -> None:
    # Given a node
    manager = SystemsManager(aws.url, REGION)
    assert manager.role_keys(host)["access_key"]

    # When another node's key signs in its name, then it is refused
    activation = aws.activation()
    other = manager.register(activation_id=activation.id, activation_code=activation.code)
    forged = host.model_copy(update={"private_key": other.private_key})
    with pytest.raises(Refused, match="Not existing InstanceId"):
        manager.role_keys(forged)


def test_nobody_reports_the_task_of_another_host(
    aws: Aws, quiet_host: HostMaker, plane: ControlPlane, cluster: str, define: Define
) -> None:
    # Given a task on one host
    quiet_host(cluster)
    eventually(
        lambda: aws.ecs.describe_clusters(clusters=[cluster])["clusters"][0],
        lambda found: found["registeredContainerInstancesCount"] == 1,
    )
    task = aws.run(cluster, define(), ["x"])

    # When another says that it has stopped, then it goes on
    plane.call("submit_task_state_change", cluster=cluster, task=task["taskArn"], status="STOPPED")
    assert aws.task(task)["lastStatus"] == "PENDING"

    # And who is no host of the site may not report at all
    with pytest.raises(ClientError, match="not of a host"):
        aws.ecs.submit_task_state_change(cluster=cluster, task=task["taskArn"], status="STOPPED")


@pytest.mark.parametrize("operation", ["list_clusters", "deregister_container_instance", "run_task"])
def test_a_host_may_do_what_its_role_allows_and_no_more(
    plane: ControlPlane, joined: ContainerInstanceTypeDef, cluster: str, operation: str
) -> None:
    # Given the keys of a host, when they sign what the Anywhere role does not allow
    members: dict[str, dict[str, Any]] = {
        "deregister_container_instance": {"containerInstance": joined["containerInstanceArn"]},
        "run_task": {"cluster": cluster, "taskDefinition": "any"},
    }
    # Then it is denied, whether the endpoint would answer it itself or pass it on
    with pytest.raises(Refused, match=r"AccessDeniedException: mi-.* is not authorized to perform: ecs:"):
        plane.call(operation, **members.get(operation, {}))


def test_a_body_in_chunks_is_read_whole(aws: Aws) -> None:
    # Given a request of the SSM agent, which it sends in chunks
    activation = aws.activation()
    key = node_signature.public_part(node_signature.new_key())
    said = {"ActivationId": activation.id, "ActivationCode": activation.code, "PublicKey": key}
    body = json.dumps(said).encode()
    headers = {"X-Amz-Target": "AmazonSSM.RegisterManagedInstance"}

    # When it comes so twice on one connection
    with urllib3.HTTPConnectionPool("127.0.0.1", int(aws.url.rpartition(":")[2]), maxsize=1) as pool:
        first, second = (
            pool.urlopen("POST", "/", body=iter([body[:9], body[9:]]), headers=headers, chunked=True).json()
            for _ in range(2)
        )

    # Then both are read whole: the first registers, and the second comes too late
    assert first["InstanceId"].startswith("mi-")
    assert "reached its limit" in second["message"]


def _signed(aws: Aws, host: HostIdentity, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """A call that boto3 would refuse to make: its public model lacks members that agents send."""
    keys = SystemsManager(aws.url, REGION).role_keys(host)
    headers = {
        "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = AWSRequest(method="POST", url=f"{aws.url}/", headers=headers, data=json.dumps(body).encode())
    credentials = Credentials(keys["access_key"], keys["secret_key"], keys["token"])
    SigV4Auth(credentials, "ecs", REGION).add_auth(request)
    answer = urllib3.request("POST", f"{aws.url}/", body=request.data, headers=dict(request.headers.items()))
    assert answer.status == 200, answer.data
    found: dict[str, Any] = answer.json()
    return found
