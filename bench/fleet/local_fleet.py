"""A local AWS with a fleet in it, and AWS's published rates in front of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import boto3

from hybrid.fleet.sites import AnywhereSiteNames
from sandbox.endpoint import Endpoint
from sandbox.endpoint.faults import Faults
from sandbox.endpoint.shapes import HostRecord, Instance, InstanceState, ManagedInstance, Resource
from sandbox.services.emulator import Emulator
from sandbox.wire import Fault
from workspace.environments import EMULATOR

REGION = "eu-west-1"

#: Operations → (burst, sustained calls a second). Source for ECS: Amazon ECS API Reference, "Request
#: throttling for the Amazon ECS API". AWS publishes no rates for these operations of Systems Manager: the
#: numbers here are an assumption, on the careful side.
RATES: dict[frozenset[str], tuple[int, float]] = {
    frozenset({"DescribeClusters", "ListClusters"}): (50, 20),
    frozenset({"DescribeContainerInstances", "ListContainerInstances", "DescribeTasks", "ListTasks"}): (
        100,
        20,
    ),
    frozenset({"DescribeInstanceInformation"}): (20, 10),
    frozenset({"DescribeActivations", "CreateActivation", "DeleteActivation"}): (20, 10),
}


class Rates(Faults):
    """Token buckets, one for each group of operations; what exceeds them is a ThrottlingException."""

    def __init__(self) -> None:
        super().__init__()
        self.throttled: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._left = {group: float(burst) for group, (burst, _) in RATES.items()}
        self._at = dict.fromkeys(RATES, time.monotonic())

    def take(self, operation: str) -> Fault | None:
        with self._guard:
            for group, (burst, rate) in RATES.items():
                if operation in group:
                    now = time.monotonic()
                    self._left[group] = min(burst, self._left[group] + (now - self._at[group]) * rate)
                    self._at[group] = now
                    if self._left[group] >= 1:
                        self._left[group] -= 1
                        return None
                    self.throttled[operation] += 1
                    return Fault(operation=operation)
        return None


@contextmanager
def emulator(directory: Path, port: int) -> Iterator[str]:
    """MiniStack, with the environment of clients set to it."""
    with Emulator(directory, port=port, python=EMULATOR.ensure().python) as running:
        os.environ.update(running.client_environment())
        yield running.endpoint_url


@dataclass(frozen=True)
class RemoteEndpoint:
    """The ECS and SSM endpoint in a process of its own, as AWS is: client and server share no interpreter."""

    line: Connection

    def throttled(self) -> Counter[str]:
        """How often each operation was throttled since this was asked last."""
        self.line.send("throttled")
        counted: Counter[str] = self.line.recv()
        return counted


@contextmanager
def endpoint(directory: Path, url: str, *, limited: bool) -> Iterator[RemoteEndpoint]:
    """The endpoint, with AWS's rates in front of it where it is limited; clients find it by variables."""
    spawned = multiprocessing.get_context("spawn")
    line, far = spawned.Pipe()
    process = spawned.Process(target=_serve, args=(directory, url, limited, far), daemon=True)
    process.start()
    served = line.recv()
    os.environ |= {"AWS_ENDPOINT_URL_ECS": served, "AWS_ENDPOINT_URL_SSM": served}
    try:
        yield RemoteEndpoint(line)
    finally:
        line.send("stop")
        process.join()


def _serve(directory: Path, url: str, limited: bool, line: Connection) -> None:
    made = Endpoint(port=0, state_file=directory / "site.json", emulator_url=url, region=REGION, silence=1e9)
    rates = Rates()
    if limited:
        made._api._faults = rates
    line.send(made.url)
    while line.recv() == "throttled":
        line.send(rates.throttled.copy())
        rates.throttled.clear()
    made.close()


def deploy(sites: list[AnywhereSiteNames]) -> None:
    """The stacks of sites: cluster, role, secret."""
    stacks = boto3.client("cloudformation", region_name=REGION)
    principal = {"Service": "ssm.amazonaws.com"}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    for site in sites:
        resources = {
            "C": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": site.cluster}},
            "R": {"Type": "AWS::IAM::Role", "Properties": {
                "RoleName": site.names.anywhere_role(site.site), "Path": site.names.role_path("anywhere"),
                "AssumeRolePolicyDocument": trust}},
            "S": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": site.secret}},
        }  # fmt: skip
        stacks.create_stack(StackName=site.stack, TemplateBody=json.dumps({"Resources": resources}))
    last = sites[-1].stack
    stacks.get_waiter("stack_create_complete").wait(
        StackName=last, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def fill(directory: Path, sites: list[AnywhereSiteNames], hosts: int) -> None:
    """Hosts of every site, as the endpoint's state file would hold them after they joined."""
    state, now = InstanceState(), time.time()
    room = [Resource(name=name, type="INTEGER", integer_value=4096) for name in ("CPU", "MEMORY")]
    for site in sites:
        tags = [{"Key": key, "Value": value} for key, value in site.tags.items()]
        for number in range(hosts):
            node = f"mi-{secrets.token_hex(9)[:17]}"
            state.hosts[node] = HostRecord(
                host=node,
                role_arn=None,
                tags=tags,
                last_ping=now,
                node=ManagedInstance(
                    instance_id=node,
                    activation_id="00000000-0000-0000-0000-000000000000",
                    iam_role=site.role,
                    registration_date=now,
                    computer_name=f"{site.site}-{number}",
                ),
            )
            account = f"arn:aws:ecs:{REGION}:000000000000"
            arn = f"{account}:container-instance/{site.cluster}/{secrets.token_hex(16)}"
            state.instances[arn] = Instance(
                container_instance_arn=arn,
                ec2_instance_id=node,
                cluster_arn=f"{account}:cluster/{site.cluster}",
                registered_resources=room,
            )
    (directory / "site.json").write_text(state.model_dump_json())
