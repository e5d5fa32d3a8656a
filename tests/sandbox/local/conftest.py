"""A real emulator, the real endpoint in front of it, and hosts that register like any other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.launching import Processes
from sandbox.services.emulator import Emulator
from sandbox.site import LocalSite
from tests.sandbox.local.local_aws import (
    LOG_GROUP,
    PYTHON,
    REGION,
    Aws,
    Define,
    HostMaker,
    QuietHost,
    Roles,
    client,
    free_port,
    make_roles,
)
from workspace import environments

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


@pytest.fixture(scope="session")
def emulator_python() -> Path:
    try:
        return environments.EMULATOR.ensure().python
    except environments.EnvironmentFailure as failure:
        pytest.skip(f"the emulator's environment cannot be made here: {failure}")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory, emulator_python: Path) -> Iterator[Emulator]:
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(directory, port=free_port(), python=emulator_python, region=REGION) as running:
        yield running


@pytest.fixture(scope="session")
def roles(emulator: Emulator) -> Roles:
    url = emulator.endpoint_url
    client("logs", url).create_log_group(logGroupName=LOG_GROUP)
    return make_roles(url)


@pytest.fixture(scope="session")
def logs(emulator: Emulator) -> CloudWatchLogsClient:
    found: CloudWatchLogsClient = client("logs", emulator.endpoint_url)
    return found


@pytest.fixture
def cluster(emulator: Emulator) -> str:
    name = f"hybrid-acme-{uuid.uuid4().hex[:8]}"
    client("ecs", emulator.endpoint_url).create_cluster(clusterName=name)
    return name


@pytest.fixture
def define(emulator: Emulator, roles: Roles) -> Define:
    """Register a task definition as the stacks do; returns its family."""
    ecs = client("ecs", emulator.endpoint_url)

    def register(
        *, compatibility: str = "EXTERNAL", container: dict[str, Any] | None = None, **more: Any
    ) -> str:
        family = f"hybrid-acme-{uuid.uuid4().hex[:8]}"
        fargate = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
        etl = {
            "name": "etl",
            "image": "hybrid-etl:none",
            "memory": 128,
            "environment": [{"name": "AWS_DEFAULT_REGION", "value": REGION}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": LOG_GROUP,
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": "crm",
                },
            },
        }
        definition = {
            "family": family,
            "requiresCompatibilities": [compatibility],
            "taskRoleArn": roles.task,
            "executionRoleArn": roles.execution,
            "containerDefinitions": [etl | (container or {})],
            **(fargate if compatibility == "FARGATE" else {"networkMode": "bridge"}),
            **more,
        }
        ecs.register_task_definition(**definition)
        return family

    return register


@pytest.fixture(scope="session")
def endpoint(
    emulator: Emulator, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    state = tmp_path_factory.mktemp("endpoint") / "site.json"
    running = Endpoint(port=0, state_file=state, emulator_url=emulator.endpoint_url, region=REGION, silence=3)
    yield running
    running.close()


@pytest.fixture(scope="session")
def aws(endpoint: Endpoint) -> Aws:
    return Aws(client("ecs", endpoint.url), client("ssm", endpoint.url), endpoint.url)


@pytest.fixture
def quiet_host(aws: Aws, tmp_path: Path) -> Iterator[HostMaker]:
    made: list[QuietHost] = []

    def join(cluster: str, **more: Any) -> QuietHost:
        activation = more.pop("activation", None) or aws.activation()
        made.append(QuietHost(aws.url, cluster, activation, tmp_path, **more))
        return made[-1]

    yield join
    for host in made:
        host.leave()


@pytest.fixture(scope="session")
def site(emulator: Emulator, roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSite]:
    """Endpoint and hosts as processes, tasks as processes."""
    made = LocalSite(
        tmp_path_factory.mktemp("site"),
        emulator_url=emulator.endpoint_url,
        runner=Processes(PYTHON),
        silence=3,
    )
    with made:
        yield made


@pytest.fixture(scope="session")
def at_site(site: LocalSite) -> Aws:
    return Aws(client("ecs", site.url), client("ssm", site.url), site.url)


@pytest.fixture(scope="session")
def one_host(site: LocalSite, at_site: Aws, emulator: Emulator) -> str:
    """A cluster with one host, `one`, that runs processes; returns the cluster."""
    client("ecs", emulator.endpoint_url).create_cluster(clusterName="hybrid-acme-on-premises")
    site.add_host("one", cluster="hybrid-acme-on-premises", activation=at_site.activation())
    return "hybrid-acme-on-premises"
