"""An estate of a test's own, deployed to a local AWS, and what a host and a fault do to it."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import boto3
from typer.testing import Result

from hybrid.estate import Estate
from hybrid.estate.naming import Names
from sandbox.agent.control import ControlPlane
from sandbox.agent.identity import HostIdentity
from sandbox.agent.systems_manager import SystemsManager

REGION = "eu-west-1"


@dataclass
class LocalAws:
    """Where the emulator and the endpoint answer.

    Attributes:
        emulator: URL of the emulator.
        endpoint: URL of the ECS and SSM endpoint.
        variables: environment of clients.
        state: file of the endpoint.
    """

    emulator: str
    endpoint: str
    variables: dict[str, str]
    state: Path

    def client(self, service: str) -> Any:
        url = self.endpoint if service in ("ecs", "ssm") else self.emulator
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def fault(
        self,
        operation: str,
        *,
        code: str,
        times: int = 1,
        message: str = "",
        status: int = 400,
        after: bool = False,
    ) -> None:
        fault = {"operation": operation, "code": code, "message": message or code, "status": status}
        body = fault | {"times": times, "after": after}
        self._switch("POST", "faults", body)

    def clear_faults(self) -> None:
        self._switch("DELETE", "faults", {})

    def join(self, document: dict[str, str], *, name: str = "rack-1") -> HostIdentity:
        """What a host does: SSM's registration, with a code."""
        manager = SystemsManager(self.endpoint, document["region"])
        identity = manager.register(
            activation_id=document["activation_id"], activation_code=document["activation_code"]
        )
        manager.tell_of_host(identity, name=name, address="10.0.0.7")
        return identity

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        return self._switch("POST", path, body, headers)

    def cut(self, host: str) -> None:
        self._switch("POST", f"hosts/{host}/cut", {})

    def _switch(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint}/_site/{path}",
            data=json.dumps(body).encode(),
            method=method,
            headers=headers or {},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")


@dataclass
class RegisteredHost:
    """A host that joined, and its line to the control plane."""

    name: str
    node: str
    plane: ControlPlane
    identity: HostIdentity
    instance: str = ""

    def report(self, task: str, status: Literal["RUNNING", "STOPPED"]) -> None:
        container = {"containerName": "etl", "status": status} | (
            {"exitCode": 0} if status == "STOPPED" else {}
        )
        cluster = task.rsplit("/", 2)[-2]
        self.plane.call(
            "submit_task_state_change", cluster=cluster, task=task, status=status, containers=[container]
        )


@dataclass
class DeployedEstate:
    """An estate file with the AWS side of its sites."""

    file: Path
    estate: Estate
    aws: LocalAws
    run: Callable[..., Result]
    joined: list[RegisteredHost] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.estate.environment.name

    @property
    def names(self) -> Names:
        return Names(self.name)

    def secret_value(self, site: str = "depot") -> dict[str, str]:
        value = self.aws.client("secretsmanager").get_secret_value(
            SecretId=self.names.activation_secret(site)
        )
        return json.loads(value["SecretString"])

    def host(self, name: str = "rack-1", *, site: str = "depot", in_ecs: bool = True) -> RegisteredHost:
        """A host joins with a fresh code in a file of its own, as the demo's hosts do."""
        code = self.file.with_name(f"{name}-{uuid.uuid4().hex}.json")
        made = self.run("sites", "activate", site, "--to-file", str(code))
        assert made.exit_code == 0, made.output
        identity = self.aws.join(json.loads(code.read_text()), name=name)
        plane = ControlPlane(self.aws.endpoint, identity, region=REGION)
        joined = RegisteredHost(name, identity.instance_id, plane, identity)
        if in_ecs:
            joined.instance = self.register_again(joined, site=site)
        return joined

    def register_again(self, host: RegisteredHost, *, site: str = "depot") -> str:
        """A new container instance of a host, as its agent registers one that has no data; its id."""
        answer = host.plane.call(
            "register_container_instance",
            cluster=self.names.cluster(site),
            totalResources=[
                {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
                {"name": "MEMORY", "type": "INTEGER", "integerValue": 4096},
            ],
            versionInfo={"agentVersion": "1.99.0", "dockerVersion": "DockerVersion: 27.1.1"},
            # As the agent has them, of those that a task definition here asks for.
            attributes=[
                {"name": "rack", "value": "b1"},
                {"name": "com.amazonaws.ecs.capability.ecr-auth"},
                {"name": "ecs.capability.execution-role-ecr-pull"},
            ],
        )
        return str(answer["containerInstance"]["containerInstanceArn"].rsplit("/", 1)[-1])

    def start_task(self, *, site: str = "depot") -> str:
        """A task of source `ledger`, placed on a host of the site; its ARN."""
        ecs = self.aws.client("ecs")
        ecs.register_task_definition(
            family=self.names.family("ledger"),
            requiresCompatibilities=["EXTERNAL"],
            containerDefinitions=[{"name": "etl", "image": "etl", "memory": 256, "essential": True}],
        )
        answer = ecs.run_task(
            cluster=self.names.cluster(site),
            taskDefinition=self.names.family("ledger"),
            launchType="EXTERNAL",
        )
        assert answer["tasks"], answer["failures"]
        return answer["tasks"][0]["taskArn"]

    def pulls(
        self,
        host: RegisteredHost,
        *,
        site: str = "depot",
        digest: str | None = None,
        seconds: float | None = None,
        exit_code: int | None = 0,
        reason: str | None = None,
    ) -> threading.Thread:
        """Let a host end the first task that it gets, as its agent reports the end of a container.

        Args:
            host: the host.
            site: of the host.
            digest: of the image, as the agent tells it.
            seconds: that a pull took; None where nothing is pulled.
            exit_code: of the container.
            reason: of the container.
        """
        ecs, cluster = self.aws.client("ecs"), self.names.cluster(site)

        def end() -> None:
            deadline = time.monotonic() + 30
            tasks: list[str] = []
            while not tasks and time.monotonic() < deadline:
                time.sleep(0.05)
                tasks = ecs.list_tasks(cluster=cluster, containerInstance=host.instance)["taskArns"]
            now = time.time()
            container = {
                "containerName": "etl",
                "status": "STOPPED",
                "exitCode": exit_code,
                "reason": reason,
                "imageDigest": digest,
            }
            times = {} if seconds is None else {"pullStartedAt": now - seconds, "pullStoppedAt": now}
            host.plane.call(
                "submit_task_state_change",
                cluster=cluster,
                task=tasks[0],
                status="STOPPED",
                containers=[{key: value for key, value in container.items() if value is not None}],
                **times,
            )

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        return thread

    def deploy_storage(self, *, repository: str) -> None:
        """A storage stack of which only the output is there that says where images go."""
        name, stacks = self.names.stack("storage"), self.aws.client("cloudformation")
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {"RepositoryUri": {"Value": repository}},
        }
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
        stacks.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )

    def activations(self) -> list[dict[str, Any]]:
        pages = self.aws.client("ssm").get_paginator("describe_activations").paginate()
        return [
            one for page in pages for one in page["ActivationList"]
            if one.get("DefaultInstanceName", "").startswith(f"hybrid-{self.name}-")
        ]  # fmt: skip


def estate_text(name: str, anywhere: list[str]) -> str:
    sites = "".join(f"  {site}: {{kind: anywhere}}\n" for site in anywhere)
    return (
        f"environment: {{name: {name}, region: {REGION}}}\n"
        "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n"
        f"sites:\n  cloudy: {{kind: cloud}}\n{sites}"
        f"sources:\n  ledger: {{site: {anywhere[0]}, engine: postgresql}}\n"
    )


def site_template(names: Names, site: str, sources: list[str]) -> str:
    """The part of a site's stack that the fleet works on, under the names of the contract."""
    principal = {"Service": "ssm.amazonaws.com"}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    secrets = [names.activation_secret(site), *(names.source_secret(source) for source in sources)]
    resources: dict[str, Any] = {
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": names.cluster(site)}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": names.anywhere_role(site), "Path": names.role_path("anywhere"),
            "AssumeRolePolicyDocument": trust}},
    }  # fmt: skip
    tasks = {"Statement": [{**trust["Statement"][0], "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}
    resources["ExecutionRole"] = {"Type": "AWS::IAM::Role", "Properties": {
        "RoleName": names.execution_role(site), "Path": names.role_path("execution"),
        "AssumeRolePolicyDocument": tasks}}  # fmt: skip
    for number, secret in enumerate(secrets):
        resources[f"Secret{number}"] = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": secret}}
    return json.dumps({"Resources": resources})


def empty(aws: LocalAws, secrets: list[str]) -> None:
    """As AWS makes a secret that was given no value: without a current version. The emulator makes one."""
    client = aws.client("secretsmanager")
    for secret in secrets:
        for version in client.describe_secret(SecretId=secret)["VersionIdsToStages"]:
            client.update_secret_version_stage(
                SecretId=secret, VersionStage="AWSCURRENT", RemoveFromVersionId=version
            )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
