"""Requests and answers are AWS's: shapes, pages, errors, tokens; and faults when a test wants them."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.expressions import parse
from sandbox.endpoint.model import ModelViolation, ServiceModel
from tests.sandbox.local.local_aws import Aws, Define, HostMaker, client


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "taskDefinition"),
        ({"taskDefinition": "a", "launchType": "Fargate"}, "enum"),
        ({"taskDefinition": "a", "count": "2"}, "Invalid type"),
        ({"taskDefinition": "a", "colour": "red"}, "Unknown parameter"),
        ({"taskDefinition": "a", "tags": [{"key": "k" * 129}]}, "length"),
    ],
)
def test_a_malformed_request_is_refused_by_the_service_model(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(ServiceError, match=problem) as refusal:
        ServiceModel("ecs", violation="InvalidParameterException").check_request("RunTask", params)
    assert refusal.value.code == "InvalidParameterException"


@pytest.mark.parametrize("answer", [{"tasks": [{"TaskArn": "x"}]}, {"tasks": "none"}, {"task": []}])
def test_an_answer_of_another_shape_never_leaves(answer: dict[str, Any]) -> None:
    with pytest.raises(ModelViolation):
        ServiceModel("ecs", violation="InvalidParameterException").check_answer("RunTask", answer)


def test_an_error_that_the_operation_does_not_have_never_leaves() -> None:
    model = ServiceModel("ssm", violation="ValidationException")
    model.check_error("DeregisterManagedInstance", ServiceError("InvalidInstanceId", "gone"))
    with pytest.raises(ModelViolation, match="AddTagsToResource has no InvalidInstanceId"):
        model.check_error("AddTagsToResource", ServiceError("InvalidInstanceId", "gone"))


def test_a_client_that_checks_nothing_itself_is_checked_here(aws: Aws) -> None:
    # Given a request that boto3 would not let pass
    target = {
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.RunTask",
        "Authorization": "AWS4-HMAC-SHA256",
    }

    # When it is sent all the same, then the answer is AWS's error in AWS's protocol
    answer = urllib3.request("POST", aws.url, json={"launchType": "EXTERNAL"}, headers=target)
    assert (answer.status, answer.json()["__type"]) == (400, "InvalidParameterException")

    # And without a signature there is no answer at all
    unsigned = urllib3.request("POST", aws.url, json={}, headers={"X-Amz-Target": target["X-Amz-Target"]})
    assert unsigned.json()["__type"] == "MissingAuthenticationTokenException"


def test_one_client_token_starts_tasks_once(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given a task that was started with a token
    quiet_host(cluster)
    family = define()
    first = aws.run(cluster, family, clientToken="run-1")

    # When the same call comes again, then the same task is the answer
    assert aws.run(cluster, family, clientToken="run-1")["taskArn"] == first["taskArn"]
    assert len(aws.ecs.list_tasks(cluster=cluster)["taskArns"]) == 1

    # And another call with that token is a conflict
    with pytest.raises(aws.ecs.exceptions.ConflictException):
        aws.run(cluster, family, clientToken="run-1", startedBy="someone")


def test_a_lost_answer_and_its_repetition_make_one_task(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given that the answer of the next RunTask is lost after it took effect
    quiet_host(cluster)
    family = define()
    lost = {
        "operation": "RunTask",
        "code": "ServerException",
        "message": "lost",
        "status": 500,
        "after": True,
    }
    urllib3.request("POST", f"{aws.url}/_site/faults", json=lost)

    # When boto3 repeats the call by itself, which it does with one client token
    aws.run(cluster, family)

    # Then one task was started
    assert len(aws.ecs.list_tasks(cluster=cluster)["taskArns"]) == 1


def test_faults_hit_as_often_as_they_were_asked_for(aws: Aws, cluster: str) -> None:
    # Given that DescribeTasks fails once, without boto3's own repetition in the way
    fault = {"operation": "DescribeTasks", "times": 1, "code": "AccessDeniedException", "message": "no"}
    urllib3.request("POST", f"{aws.url}/_site/faults", json=fault)

    # When it is called twice, then the first call fails and the second does not
    with pytest.raises(ClientError, match="AccessDeniedException"):
        aws.ecs.describe_tasks(cluster=cluster, tasks=["x"])
    assert aws.ecs.describe_tasks(cluster=cluster, tasks=["x"])["failures"][0]["reason"] == "MISSING"


def test_a_service_behind_the_endpoint_fails_in_its_own_words(aws: Aws) -> None:
    # Given that S3 and Logs, which the emulator answers, fail once, beyond what boto3 repeats by itself
    s3, logs = client("s3", aws.url), client("logs", aws.url)
    for operation, code in (("s3:GET", "SlowDown"), ("DescribeLogGroups", "AccessDeniedException")):
        fault = {"operation": operation, "times": 5, "code": code, "message": "<not now>", "status": 400}
        urllib3.request("POST", f"{aws.url}/_site/faults", json=fault)

    # When they are called, then boto3 understands the refusal
    with pytest.raises(ClientError, match=r"\(SlowDown\).*<not now>"):
        s3.list_buckets()
    with pytest.raises(ClientError, match="AccessDeniedException"):
        logs.describe_log_groups()

    # And afterwards both answer
    urllib3.request("DELETE", f"{aws.url}/_site/faults")
    assert "Buckets" in s3.list_buckets()
    assert "logGroups" in logs.describe_log_groups()


def test_the_clock_of_ecs_can_be_wrong(aws: Aws, cluster: str, define: Define, quiet_host: HostMaker) -> None:
    # Given a task
    quiet_host(cluster)
    task = aws.run(cluster, define())
    told = aws.task(task)["createdAt"]

    # When the clock of ECS is an hour ahead, then its times are, and only as long as it is
    urllib3.request("POST", f"{aws.url}/_site/clock", json={"ahead": 3600})
    assert (aws.task(task)["createdAt"] - told).total_seconds() == pytest.approx(3600)
    urllib3.request("POST", f"{aws.url}/_site/clock", json={"ahead": 0})
    assert aws.task(task)["createdAt"] == told


def test_more_than_a_page_of_tasks_is_listed_whole(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given 120 tasks
    quiet_host(cluster, memory=128 * 120)
    family = define()
    for _ in range(12):
        aws.ecs.run_task(cluster=cluster, taskDefinition=family, launchType="EXTERNAL", count=10)

    # When they are listed, then in pages of a hundred, each once
    first = aws.ecs.list_tasks(cluster=cluster)
    second = aws.ecs.list_tasks(cluster=cluster, nextToken=first["nextToken"])
    assert (len(first["taskArns"]), len(second["taskArns"])) == (100, 20)
    assert len({*first["taskArns"], *second["taskArns"]}) == 120
    assert "nextToken" not in second

    # And a token from elsewhere, or more than a hundred to describe, is refused
    with pytest.raises(aws.ecs.exceptions.InvalidParameterException):
        aws.ecs.list_tasks(cluster=cluster, nextToken="elsewhere")
    with pytest.raises(aws.ecs.exceptions.InvalidParameterException):
        aws.ecs.describe_tasks(cluster=cluster, tasks=[str(n) for n in range(101)])

    # And the cluster, described by the emulator, counts what runs here
    counts = aws.ecs.describe_clusters(clusters=[cluster])["clusters"][0]
    assert (counts["registeredContainerInstancesCount"], counts["pendingTasksCount"]) == (1, 120)


def test_eleven_tasks_in_one_call_are_too_many(aws: Aws, cluster: str, define: Define) -> None:
    with pytest.raises(aws.ecs.exceptions.InvalidParameterException, match="10"):
        aws.ecs.run_task(cluster=cluster, taskDefinition=define(), launchType="EXTERNAL", count=11)


def test_overrides_end_at_8192_characters(aws: Aws, cluster: str, define: Define) -> None:
    overrides = {"containerOverrides": [{"name": "etl", "command": ["x" * 8200]}]}
    with pytest.raises(aws.ecs.exceptions.InvalidParameterException, match="8192"):
        aws.ecs.run_task(
            cluster=cluster,
            taskDefinition=define(),
            launchType="EXTERNAL",
            overrides=overrides,  # type: ignore[arg-type]
        )


def test_tags_are_kept_where_the_resource_is(
    aws: Aws, cluster: str, define: Define, quiet_host: HostMaker
) -> None:
    # Given a task with a tag
    quiet_host(cluster)
    task = aws.run(cluster, define(), tags=[{"key": "run", "value": "1"}], startedBy="someone")

    # When one is added and one removed, then what is left is listed, and described when asked for
    aws.ecs.tag_resource(resourceArn=task["taskArn"], tags=[{"key": "pipeline", "value": "customers"}])
    aws.ecs.untag_resource(resourceArn=task["taskArn"], tagKeys=["run"])
    left = [{"key": "pipeline", "value": "customers"}]
    assert aws.ecs.list_tags_for_resource(resourceArn=task["taskArn"])["tags"] == left
    assert aws.task(task)["tags"] == left
    assert aws.ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"][0]["tags"] == []

    # And the tags of a cluster are the emulator's
    arn = task["clusterArn"]
    aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": "estate", "value": "acme"}])
    assert aws.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "estate", "value": "acme"}]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("attribute:room == cage", True),
        ("attribute:room != cage", False),
        ("attribute:room == 'cage' and attribute:gpu exists", True),
        ("attribute:room in [attic, cage]", True),
        ("attribute:room !in [attic]", True),
        ("attribute:room not_in [cage]", False),
        ("attribute:fan !exists", True),
        ("not (attribute:room =~ ca.*)", False),
        ("runningTasksCount < 3 || attribute:room == attic", True),
        ("runningTasksCount >= 3", False),
        ("attribute:room == attic or attribute:gpu exists and agentConnected == true", True),
    ],
)
def test_the_cluster_query_language_means_what_aws_says(expression: str, holds: bool) -> None:
    host = {"attribute:room": "cage", "attribute:gpu": "", "runningTasksCount": "2", "agentConnected": "true"}
    assert parse(expression)(host) is holds


@pytest.mark.parametrize(
    "expression", ["attribute:room", "attribute:room ==", "a in b", "(a == b", "a == b c"]
)
def test_an_expression_that_does_not_parse_is_refused(expression: str) -> None:
    with pytest.raises(ServiceError, match="Invalid expression"):
        parse(expression)
