"""RunTask places on connected instances of the cluster only, and says truly why it does not."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.agent.capabilities import CAPABILITIES
from tests.sandbox.local.local_aws import Aws, Define, HostMaker, eventually


def failures(aws: Aws, cluster: str, family: str, **more: Any) -> list[tuple[str, str]]:
    answer = aws.ecs.run_task(cluster=cluster, taskDefinition=family, launchType="EXTERNAL", **more)
    assert answer["tasks"] == []
    return [(failure["arn"], failure["reason"]) for failure in answer["failures"]]


def refused(aws: Aws, **request: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        aws.ecs.run_task(**request)
    error = refusal.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_a_cluster_without_instances_takes_no_task(aws: Aws, cluster: str, define: Define) -> None:
    message = refused(aws, cluster=cluster, taskDefinition=define(), launchType="EXTERNAL")
    assert message == "InvalidParameterException: No Container Instances were found in your cluster."


def test_an_unknown_cluster_takes_no_task(aws: Aws, define: Define) -> None:
    message = refused(aws, cluster="nowhere", taskDefinition=define(), launchType="EXTERNAL")
    assert message == "ClusterNotFoundException: Cluster not found."


def test_an_unknown_definition_is_refused(aws: Aws, cluster: str) -> None:
    assert refused(aws, cluster=cluster, taskDefinition="nothing", launchType="EXTERNAL").startswith(
        "ClientException"
    )


def test_a_definition_runs_only_as_the_launch_type_it_is_for(aws: Aws, cluster: str, define: Define) -> None:
    # Given definitions for EXTERNAL and for FARGATE
    external, fargate = define(), define(compatibility="FARGATE")

    # When each is run as the other, then AWS's own sentence refuses it
    sentence = "InvalidParameterException: Task definition does not support launch_type"
    assert (
        refused(aws, cluster=cluster, taskDefinition=external, launchType="FARGATE") == f"{sentence} FARGATE."
    )
    assert (
        refused(aws, cluster=cluster, taskDefinition=fargate, launchType="EXTERNAL")
        == f"{sentence} EXTERNAL."
    )
    assert refused(aws, cluster=cluster, taskDefinition=external) == f"{sentence} EC2."


def test_fargate_needs_a_network_configuration_and_capacity(aws: Aws, cluster: str, define: Define) -> None:
    family = define(compatibility="FARGATE")
    without = refused(aws, cluster=cluster, taskDefinition=family, launchType="FARGATE")
    assert "Network Configuration must be provided" in without

    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    full = refused(
        aws, cluster=cluster, taskDefinition=family, launchType="FARGATE", networkConfiguration=network
    )
    assert full.startswith("ClientException: Capacity is unavailable")


def test_a_role_that_tasks_may_not_assume_is_refused(aws: Aws, cluster: str, define: Define) -> None:
    # Given a task role that does not exist (the emulator's STS would hand out its keys all the same)
    family = define(taskRoleArn="arn:aws:iam::000000000000:role/hybrid/acme/task/nobody")

    # When it is run, then ECS says that it cannot assume the role
    message = refused(aws, cluster=cluster, taskDefinition=family, launchType="EXTERNAL")
    assert message.startswith("ClientException: ECS was unable to assume the role")


def test_a_task_has_the_tags_of_its_definition_where_the_call_asks_for_them(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given a definition with tags
    quiet_host(cluster)
    family = define(tags=[{"key": "team", "value": "data"}, {"key": "cost-centre", "value": "1"}])

    # When one task is to have them, with one of its own, and another not
    own = [{"key": "cost-centre", "value": "2"}]
    with_tags = aws.run(cluster, family, propagateTags="TASK_DEFINITION", tags=own)
    without = aws.run(cluster, family)

    # Then the first has both, its own before the definition's
    tags = {tag["key"]: tag["value"] for tag in aws.task(with_tags)["tags"]}
    assert tags == {"team": "data", "cost-centre": "2"}
    assert aws.task(without)["tags"] == []
    assert refused(
        aws, cluster=cluster, taskDefinition=family, launchType="EXTERNAL", propagateTags="SERVICE"
    ).startswith("InvalidParameterException")


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        ({"dockerSecurityOptions": ["no-new-privileges"]}, ("selinux", "apparmor")),
        ({"privileged": True}, ("privileged-container",)),
        ({}, ("logging-driver.awslogs",)),
        ({}, ("task-iam-role",)),
        ({"linuxParameters": {"initProcessEnabled": True}}, ("docker-remote-api.1.25",)),
        ({}, ("docker-remote-api.1.19",)),
    ],
    ids=str,
)
def test_a_task_goes_where_the_agent_has_registered_what_its_definition_asks_for(
    aws: Aws,
    cluster: str,
    define: Define,
    quiet_host: HostMaker,
    asked: dict[str, Any],
    lacking: tuple[str, ...],
) -> None:
    # Given a host whose agent was set up without a capability, and a definition that asks for it
    capabilities = tuple(name for name in CAPABILITIES if not name.endswith(lacking))
    assert len(capabilities) == len(CAPABILITIES) - len(lacking)
    bare, family = quiet_host(cluster, capabilities=capabilities), define(container=asked)

    # When it is run, then the host's attributes are the reason that it is not
    assert failures(aws, cluster, family) == [(bare.arn, "ATTRIBUTE")]

    # And it goes to a host with the settings of the host kit; of alternatives, one will do
    whole = quiet_host(
        cluster, capabilities=(*capabilities, *(n for n in CAPABILITIES if n.endswith(lacking[:1])))
    )
    assert aws.run(cluster, family)["containerInstanceArn"] == whole.arn


def test_memory_is_counted_until_it_is_full_and_given_back(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given an instance of 512 MiB and tasks of 128
    host = quiet_host(cluster, memory=512)
    family = define()

    # When five are started at once
    answer = aws.ecs.run_task(cluster=cluster, taskDefinition=family, launchType="EXTERNAL", count=5)

    # Then four run, and the fifth failed for memory
    assert len(answer["tasks"]) == 4
    assert [(f["arn"], f["reason"]) for f in answer["failures"]] == [(host.arn, "RESOURCE:MEMORY")]
    described = aws.ecs.describe_container_instances(cluster=cluster, containerInstances=[host.arn])
    instance = described["containerInstances"][0]
    remaining = {r["name"]: r.get("integerValue") for r in instance["remainingResources"]}
    assert (remaining["MEMORY"], remaining["CPU"], instance["pendingTasksCount"]) == (0, 1024, 4)


def test_cpu_is_counted_too(aws: Aws, cluster: str, define: Define, quiet_host: HostMaker) -> None:
    host = quiet_host(cluster, cpu=1024)
    assert failures(aws, cluster, define(container={"cpu": 2048})) == [(host.arn, "RESOURCE:CPU")]


def test_an_attribute_constraint_finds_its_host_or_says_that_there_is_none(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given two hosts, one of them in the cage
    other, cage = quiet_host(cluster), quiet_host(cluster, attributes={"room": "cage"})
    family = define()

    def on(expression: str) -> dict[str, Any]:
        return {"placementConstraints": [{"type": "memberOf", "expression": expression}]}

    # When tasks ask for the room, then they run there or not at all
    for _ in range(2):
        assert aws.run(cluster, family, **on("attribute:room == cage"))["containerInstanceArn"] == cage.arn
    unsatisfied = "MemberOf placement constraint unsatisfied."
    assert sorted(failures(aws, cluster, family, **on("attribute:room == attic"))) == sorted(
        [
            (other.arn, unsatisfied),
            (cage.arn, unsatisfied),
        ]
    )

    # And a constraint of the definition itself counts as well
    bound = define(placementConstraints=[{"type": "memberOf", "expression": "attribute:room exists"}])
    assert aws.run(cluster, bound)["containerInstanceArn"] == cage.arn

    # And an attribute that is put later is as good
    aws.ecs.put_attributes(
        cluster=cluster, attributes=[{"name": "room", "value": "attic", "targetId": other.arn}]
    )
    assert (
        aws.run(cluster, family, **on("attribute:room in [attic, roof]"))["containerInstanceArn"] == other.arn
    )


def test_distinct_instances_take_one_task_each(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    hosts = {quiet_host(cluster).arn, quiet_host(cluster).arn}
    answer = aws.ecs.run_task(
        cluster=cluster, taskDefinition=define(), launchType="EXTERNAL", count=3,
        placementConstraints=[{"type": "distinctInstance"}],
    )  # fmt: skip
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == hosts
    assert {f["reason"] for f in answer["failures"]} == {"DistinctInstance placement constraint unsatisfied."}


@pytest.mark.slow
def test_a_silent_host_takes_nothing(aws: Aws, cluster: str, define: Define, quiet_host: HostMaker) -> None:
    # Given a host that fell silent
    host = quiet_host(cluster)
    host.fall_silent()
    eventually(
        lambda: aws.ecs.describe_container_instances(cluster=cluster, containerInstances=[host.arn]),
        lambda answer: not answer["containerInstances"][0]["agentConnected"],
    )

    # When a task is run, then the agent is the reason that it is not
    assert failures(aws, cluster, define()) == [(host.arn, "AGENT")]


def test_a_draining_instance_takes_nothing(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given one instance that drains
    host, family = quiet_host(cluster), define()
    aws.ecs.update_container_instances_state(
        cluster=cluster, containerInstances=[host.arn], status="DRAINING"
    )

    # When a task is run, then there is no instance for it, until it is active again
    assert "No Container Instances" in refused(
        aws, cluster=cluster, taskDefinition=family, launchType="EXTERNAL"
    )
    aws.ecs.update_container_instances_state(cluster=cluster, containerInstances=[host.arn], status="ACTIVE")
    aws.run(cluster, family)


def test_a_host_joins_only_with_the_keys_of_its_own_role(aws: Aws, cluster: str) -> None:
    # When an administrator's key registers a container instance, then it is refused: it is no managed node
    with pytest.raises(aws.ecs.exceptions.ClientException, match="managed node"):
        aws.ecs.register_container_instance(cluster=cluster)


def test_a_deregistered_instance_gives_its_tasks_up(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given an instance with a task
    host = quiet_host(cluster)
    task = aws.run(cluster, define())

    # When it is deregistered, then only by force, and the task is stopped for it
    with pytest.raises(aws.ecs.exceptions.InvalidParameterException, match="running tasks"):
        aws.ecs.deregister_container_instance(cluster=cluster, containerInstance=host.arn)
    aws.ecs.deregister_container_instance(cluster=cluster, containerInstance=host.arn, force=True)
    assert aws.task(task)["lastStatus"] == "STOPPED"
    assert aws.ecs.list_container_instances(cluster=cluster)["containerInstanceArns"] == []
