"""Tasks of a host in process mode: exit codes, signals, credentials, logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sandbox.site import LocalSite
from tests.sandbox.local.local_aws import LOG_GROUP, Aws, Define, eventually

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

pytestmark = pytest.mark.slow

PATIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print('up')
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up')
time.sleep(60)
"""


def lines(logs: CloudWatchLogsClient, task: TaskTypeDef) -> list[str]:
    stream = f"crm/etl/{task['taskArn'].rsplit('/', 1)[-1]}"
    try:
        events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True)[
            "events"
        ]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_task_ends_with_the_exit_code_of_its_program(
    at_site: Aws, one_host: str, define: Define, code: int
) -> None:
    # When a program ends with a code
    task = at_site.run(one_host, define(), [f"import sys; sys.exit({code})"], startedBy="test")
    assert (task["lastStatus"], task["desiredStatus"], task["launchType"]) == (
        "PENDING",
        "RUNNING",
        "EXTERNAL",
    )

    # Then the task says so, with all that ECS says of a finished task
    ended = at_site.until(task, "STOPPED")
    assert ended["containers"][0]["exitCode"] == code
    assert (ended["stopCode"], ended["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert ended["createdAt"] <= ended["startedAt"] <= ended["stoppingAt"] <= ended["stoppedAt"]
    assert ended["startedBy"] == "test"


def test_the_program_has_the_keys_of_its_task_role_and_knows_its_task(
    at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a program that asks who it is, and what task it is
    program = (
        "import boto3, json, os, urllib.request\n"
        "url = os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task'\n"
        "who = boto3.client('sts').get_caller_identity()['Arn']\n"
        "task = json.load(urllib.request.urlopen(url))['TaskARN']\n"
        "print(json.dumps([who, task, 'AWS_ACCESS_KEY_ID' in os.environ]))"
    )

    # When it has run
    task = at_site.until(at_site.run(one_host, define(), [program]), "STOPPED")

    # Then it was the task role, in this very task, without a key in its environment
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    who, arn, has_key = json.loads(lines(logs, task)[-1])
    assert who == f"arn:aws:sts::000000000000:assumed-role/hybrid-acme-crm-task/{task_id}"
    assert (arn, has_key) == (task["taskArn"], False)


def test_lines_arrive_in_the_log_while_the_program_runs(
    at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a program that speaks and goes on
    task = at_site.run(
        one_host, define(), ["import sys, time; print('first'); print('é', file=sys.stderr); time.sleep(60)"]
    )

    # When it has spoken, then its lines are in the log, while it runs
    assert eventually(lambda: lines(logs, task), lambda seen: len(seen) == 2) == ["first", "é"]
    assert at_site.task(task)["lastStatus"] == "RUNNING"
    at_site.ecs.stop_task(cluster=one_host, task=task["taskArn"])
    at_site.until(task, "STOPPED")


def test_a_task_that_is_stopped_ends_as_it_answers_sigterm(
    at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a program that ends with 7 on SIGTERM
    task = at_site.run(one_host, define(), [PATIENT])
    eventually(lambda: lines(logs, task), bool)

    # When it is stopped
    stopping = at_site.ecs.stop_task(cluster=one_host, task=task["taskArn"], reason="enough")["task"]
    assert (stopping["desiredStatus"], stopping["lastStatus"]) == ("STOPPED", "RUNNING")

    # Then 7 is its exit code
    ended = at_site.until(task, "STOPPED")
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "enough")
    assert ended["containers"][0]["exitCode"] == 7


def test_a_program_that_is_deaf_to_sigterm_is_killed_after_its_stop_timeout(
    at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a program that ignores SIGTERM, with two seconds to stop
    task = at_site.run(one_host, define(container={"stopTimeout": 2}), [DEAF])
    eventually(lambda: lines(logs, task), bool)

    # When it is stopped, then it ends as killed, two seconds later
    at_site.ecs.stop_task(cluster=one_host, task=task["taskArn"])
    ended = at_site.until(task, "STOPPED")
    assert ended["containers"][0]["exitCode"] == 137
    assert (ended["stoppedAt"] - ended["stoppingAt"]).total_seconds() >= 2


def test_a_task_without_its_log_group_does_not_start(at_site: Aws, one_host: str, define: Define) -> None:
    # Given a definition that logs to a group that is not there
    options = {"awslogs-group": "/nowhere", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "crm"}
    family = define(container={"logConfiguration": {"logDriver": "awslogs", "options": options}})

    # When it is run, then it fails to start, with the driver's reason
    ended = at_site.until(at_site.run(one_host, family, ["print(1)"]), "STOPPED")
    assert ended["stopCode"] == "TaskFailedToStart"
    assert ended["containers"][0]["reason"].startswith(
        "CannotStartContainerError: failed to initialize logging"
    )
    assert "exitCode" not in ended["containers"][0]


def test_a_fargate_task_runs_on_the_providers_capacity(
    site: LocalSite, at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given Fargate capacity
    site.add_fargate()
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}

    # When a task is run there
    started = at_site.run(
        one_host, define(compatibility="FARGATE"), ["print('from the cloud')"], launchType="FARGATE",
        networkConfiguration=network,
    )  # fmt: skip
    assert started["lastStatus"] == "PROVISIONING"

    # Then it runs, on no instance of the cluster
    ended = at_site.until(started, "STOPPED")
    assert (ended["containers"][0]["exitCode"], ended["platformVersion"]) == (0, "1.4.0")
    assert "containerInstanceArn" not in ended
    assert lines(logs, ended) == ["from the cloud"]
    site.stop_host("fargate")


def test_a_task_without_role_gets_no_keys(
    at_site: Aws, one_host: str, define: Define, logs: CloudWatchLogsClient
) -> None:
    # Given a definition without a task role
    family = define(taskRoleArn="")

    # When it runs, then no address of credentials is in its environment
    program = "import os; print(sorted(name for name in os.environ if 'CREDENTIALS' in name))"
    ended = at_site.until(at_site.run(one_host, family, [program]), "STOPPED")
    assert lines(logs, ended) == ["[]"]
