"""A site without a connected host is waited for, then given up with a sentence for whoever is on duty."""

from __future__ import annotations

import threading
import time

import boto3
import pytest
from airflow_runs import MODES, context, operator, run
from scripted_aws import ARN, Fault, ScriptedAws

from hybrid_airflow.site import look

pytestmark = pytest.mark.slow

RESOURCE = Fault(
    answer={"tasks": [], "failures": [{"arn": f"{ARN}:container-instance/x", "reason": "RESOURCE:MEMORY"}]}
)


def disconnect(aws: ScriptedAws) -> None:
    aws.instances[0]["agentConnected"] = False
    aws.nodes[0]["PingStatus"] = "ConnectionLost"


@pytest.mark.parametrize("mode", MODES)
def test_a_site_that_stays_down_fails_with_its_hosts_and_what_to_do(aws: ScriptedAws, mode: str) -> None:
    # Given a site whose one host lost its connection
    disconnect(aws)
    # When a run waits for it as long as it may
    with pytest.raises(Exception) as failed:  # noqa: PT011
        run(operator(mode=mode, start_deadline_seconds=1), context())
    # Then nothing was started, and the failure names the host, since when, and what to do
    assert aws.count("RunTask") == 0
    assert str(failed.value) == (
        "No host of site 'on-premises' is connected. erp-1 (mi-0a1b): ECS agent disconnected, "
        "SSM says ConnectionLost since 2026-11-22 03:12 UTC. Check power and network of the site "
        "(outbound 443), and on the host "
        "'systemctl status ecs amazon-ssm-agent'; then clear this task."
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_site_that_comes_back_runs_what_waited(aws: ScriptedAws, mode: str) -> None:
    disconnect(aws)

    def come_back() -> None:
        time.sleep(3)
        aws.instances[0]["agentConnected"] = True

    threading.Thread(target=come_back).start()
    assert run(operator(mode=mode), context())["rows"] == 3


@pytest.mark.parametrize("mode", MODES)
def test_a_site_without_room_is_asked_again_until_there_is_room(aws: ScriptedAws, mode: str) -> None:
    aws.fail("RunTask", RESOURCE, RESOURCE)
    assert run(operator(mode=mode), context())["rows"] == 3
    assert (aws.count("RunTask"), len(aws.tasks)) == (3, 1)


@pytest.mark.parametrize(
    "message",
    [
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        "You've reached the limit on the number of tasks you can run concurrently",
    ],
)
def test_fargate_without_capacity_is_asked_again(aws: ScriptedAws, message: str) -> None:
    # Given a cloud that has no capacity for now, which ECS says as an error
    aws.fail("RunTask", Fault(code="ClientException", message=message))

    # Then the run waits for it
    assert run(operator(), context())["rows"] == 3
    assert (aws.count("RunTask"), len(aws.tasks)) == (2, 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_site_without_room_to_the_end_says_what_is_short(aws: ScriptedAws, mode: str) -> None:
    aws.fail("RunTask", *[RESOURCE] * 500)
    with pytest.raises(
        Exception, match="no connected host has enough free memory: wait for running pipelines"
    ):
        run(operator(mode=mode, start_deadline_seconds=1), context())


@pytest.mark.parametrize("reason", ["MISSING", "LOCATION", "ATTRIBUTE"])
def test_what_no_waiting_mends_fails_at_once(aws: ScriptedAws, reason: str) -> None:
    aws.fail("RunTask", Fault(answer={"tasks": [], "failures": [{"arn": "a", "reason": reason}]}))
    with pytest.raises(Exception, match=f"ECS: {reason}") as failed:
        run(operator(), context())
    assert type(failed.value).__name__ == "AirflowFailException"
    assert aws.count("RunTask") == 1


def test_a_site_that_cannot_be_looked_at_is_tried_all_the_same(aws: ScriptedAws) -> None:
    aws.fail("ListContainerInstances", *[Fault(code="AccessDeniedException")] * 5)
    assert run(operator(), context())["rows"] == 3


def test_a_site_without_hosts_says_how_to_register_one(aws: ScriptedAws) -> None:
    aws.instances.clear()
    ecs, ssm = boto3.client("ecs"), boto3.client("ssm")
    state = look("on-premises", cluster="hybrid-acme-on-premises", ecs=ecs, ssm=ssm)
    assert not state.open
    assert "has no registered host" in state.sentence()
