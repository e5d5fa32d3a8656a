"""Hybrid activations: limits, expiry, and that a host is what it registered as."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from sandbox.agent.errors import Refused
from sandbox.agent.identity import HostIdentity
from sandbox.agent.systems_manager import SystemsManager
from sandbox.site import Activation
from tests.sandbox.local.local_aws import ANYWHERE_ROLE, REGION, Aws, HostMaker, eventually


def register(aws: Aws, activation: Activation) -> HostIdentity:
    manager = SystemsManager(aws.url, REGION)
    return manager.register(activation_id=activation.id, activation_code=activation.code)


def test_an_activation_of_three_registers_three_hosts_even_when_ten_come_at_once(aws: Aws) -> None:
    # Given an activation for three hosts
    activation = aws.activation(limit=3)

    # When ten hosts register at the same time
    def attempt(_: int) -> str | None:
        try:
            return register(aws, activation).instance_id
        except Refused:
            return None

    with ThreadPoolExecutor(10) as pool:
        nodes = [node for node in pool.map(attempt, range(10)) if node]

    # Then three are managed nodes, and the activation says so
    assert len(set(nodes)) == 3
    assert all(node.startswith("mi-") and len(node) == 20 for node in nodes)
    described = aws.ssm.describe_activations(
        Filters=[{"FilterKey": "ActivationIds", "FilterValues": [activation.id]}]
    )["ActivationList"]
    assert [(a["RegistrationsCount"], a["RegistrationLimit"], a["Expired"]) for a in described] == [
        (3, 3, False)
    ]
    assert "ActivationCode" not in described[0]


def test_an_activation_that_has_expired_registers_nobody(aws: Aws) -> None:
    # Given an activation that ends in a moment
    activation = aws.activation(ExpirationDate=datetime.now(UTC) + timedelta(seconds=1))
    found = eventually(
        lambda: aws.ssm.describe_activations(
            Filters=[{"FilterKey": "ActivationIds", "FilterValues": [activation.id]}]
        )["ActivationList"][0],
        lambda activation: activation["Expired"],
    )
    assert found["RegistrationsCount"] == 0

    # When a host comes too late, then it is refused
    with pytest.raises(Refused, match="expired"):
        register(aws, activation)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda a: Activation(a.id, "wrong-code"), "not valid"),
        (lambda a: Activation("0" * 8, a.code), "not valid"),
    ],
    ids=["wrong code", "unknown id"],
)
def test_a_host_registers_only_with_id_and_code(aws: Aws, spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    # Given an activation
    activation = aws.activation()

    # When one of the two is wrong, then the host is refused and the activation not used up
    with pytest.raises(Refused, match=reason):
        register(aws, spoil(activation))
    assert register(aws, activation).instance_id.startswith("mi-")


def test_a_deleted_activation_registers_nobody_and_leaves_its_nodes(aws: Aws) -> None:
    # Given an activation with one node
    activation = aws.activation(limit=2)
    node = register(aws, activation).instance_id

    # When it is deleted
    aws.ssm.delete_activation(ActivationId=activation.id)

    # Then nobody registers with it any more, its node stays, and it cannot be deleted twice
    with pytest.raises(Refused, match="not valid"):
        register(aws, activation)
    nodes = aws.ssm.describe_instance_information(
        Filters=[{"Key": "ActivationIds", "Values": [activation.id]}]
    )
    assert [n["InstanceId"] for n in nodes["InstanceInformationList"]] == [node]
    with pytest.raises(aws.ssm.exceptions.InvalidActivation):
        aws.ssm.delete_activation(ActivationId=activation.id)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"IamRole": "hybrid/acme/anywhere/nobody"}, "ValidationException"),
        ({"IamRole": "hybrid/acme/task/hybrid-acme-crm-task"}, "ValidationException"),
        ({"IamRole": "x" * 65}, "ValidationException"),
        ({"IamRole": ANYWHERE_ROLE, "RegistrationLimit": 1001}, "ValidationException"),
        (
            {"IamRole": ANYWHERE_ROLE, "ExpirationDate": datetime.now(UTC) + timedelta(days=31)},
            "ValidationException",
        ),
    ],
    ids=[
        "no such role",
        "role that trusts ecs-tasks",
        "role name too long",
        "limit over 1000",
        "over 30 days",
    ],
)
def test_an_activation_beyond_the_rules_is_refused(aws: Aws, request_: dict[str, object], code: str) -> None:
    # When an activation is asked for that AWS would refuse, then it is refused by its error
    with pytest.raises(ClientError) as refusal:
        aws.ssm.create_activation(**request_)  # type: ignore[arg-type]
    assert refusal.value.response["Error"]["Code"] == code


def test_a_node_carries_the_tags_of_its_activation_and_leaves_by_deregistration(aws: Aws) -> None:
    # Given a node whose activation had tags
    activation = aws.activation(Tags=[{"Key": "hybrid:site", "Value": "on-premises"}])
    node = register(aws, activation)
    by_tag = [
        {"Key": "tag:hybrid:site", "Values": ["on-premises"]},
        {"Key": "InstanceIds", "Values": [node.instance_id]},
    ]
    found = aws.ssm.describe_instance_information(Filters=by_tag)["InstanceInformationList"]  # type: ignore[arg-type]
    assert [(n["PingStatus"], n["IamRole"]) for n in found] == [("Online", ANYWHERE_ROLE)]

    # When it is deregistered
    aws.ssm.deregister_managed_instance(InstanceId=node.instance_id)

    # Then it is gone, and its secret opens nothing any more
    assert aws.ssm.describe_instance_information(Filters=by_tag)["InstanceInformationList"] == []  # type: ignore[arg-type]
    with pytest.raises(Refused, match="Not existing InstanceId"):
        SystemsManager(aws.url, REGION).role_keys(node)


def test_a_parameter_is_answered_by_the_emulator_behind(aws: Aws) -> None:
    # Given a parameter written through the endpoint, when it is read, then it is the emulator that answers
    aws.ssm.put_parameter(Name="/hybrid/acme", Value="there", Type="String")
    assert aws.ssm.get_parameter(Name="/hybrid/acme")["Parameter"]["Value"] == "there"


def test_activations_come_in_pages(aws: Aws) -> None:
    # Given three activations of one name
    ids = {aws.activation(DefaultInstanceName="paged").id for _ in range(3)}

    # When they are read two at a time
    pages = aws.ssm.get_paginator("describe_activations").paginate(
        Filters=[{"FilterKey": "DefaultInstanceName", "FilterValues": ["paged"]}],
        PaginationConfig={"PageSize": 2},
    )
    sizes = [[a["ActivationId"] for a in page["ActivationList"]] for page in pages]

    # Then there are two pages with all of them
    assert [len(size) for size in sizes] == [2, 1]
    assert {i for size in sizes for i in size} == ids


@pytest.mark.slow
def test_a_host_that_falls_silent_loses_its_connection(aws: Aws, quiet_host: HostMaker, cluster: str) -> None:
    # Given a host that polls
    host = quiet_host(cluster)
    node = [{"Key": "InstanceIds", "Values": [host.identity.instance_id]}]

    def ping() -> str:
        return aws.ssm.describe_instance_information(Filters=node)["InstanceInformationList"][0]["PingStatus"]  # type: ignore[arg-type]

    assert ping() == "Online"

    # When it falls silent, then Systems Manager says so
    host.fall_silent()
    eventually(ping, lambda status: status == "ConnectionLost")
