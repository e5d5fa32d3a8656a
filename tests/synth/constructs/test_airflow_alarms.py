"""Alarms: what stops pipelines is told to somebody."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid_constructs import AirflowAlarms


@pytest.fixture
def alarms(bench: Any) -> dict[str, dict[str, Any]]:
    AirflowAlarms(
        bench.stack, "Alarms", environment_name="hybrid-acme", key=bench.buckets.key, email="duty@example.org"
    )
    found = bench.template().find_resources("AWS::CloudWatch::Alarm")
    return {name.removeprefix("Alarms")[:-8]: alarm["Properties"] for name, alarm in found.items()}


def test_what_stops_pipelines_is_watched(alarms: dict[str, dict[str, Any]]) -> None:
    assert set(alarms) == {
        "SchedulerHeartbeat",
        "QueuedTasks",
        "ImportErrors",
        "OrphanedTasksCleared",
        "DeadlineMissed",
        "SchedulerCpu",
        "WorkerCpu",
        "WorkerMemory",
        "DatabaseCpu",
    }
    for alarm in alarms.values():
        assert {"Name": "Environment", "Value": "hybrid-acme"} in alarm["Dimensions"]
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert "Metrics" not in alarm, "an alarm on one metric, without mathematics"


def test_a_scheduler_that_says_nothing_is_an_alarm(alarms: dict[str, dict[str, Any]]) -> None:
    heartbeat = alarms["SchedulerHeartbeat"]

    assert heartbeat["TreatMissingData"] == "breaching"
    assert heartbeat["ComparisonOperator"] == "LessThanThreshold"
    assert heartbeat["Threshold"] == 1
    assert heartbeat["Period"] * heartbeat["EvaluationPeriods"] == 15 * 60


def test_the_topic_is_encrypted_and_speaks_tls_to_alarms_of_this_account_only(
    bench: Any, alarms: dict[str, dict[str, Any]]
) -> None:
    topic = bench.only("AWS::SNS::Topic")
    assert topic["KmsMasterKeyId"] == "arn:aws:kms:eu-west-1:111122223333:key/estate"
    statements = {
        statement["Sid"]: statement
        for statement in bench.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    }
    assert statements["AlarmsOfThisAccount"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statements["AlarmsOfThisAccount"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*"},
    }
    (denial,) = [statement for statement in statements.values() if statement["Effect"] == "Deny"]
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_person_on_duty_is_subscribed(bench: Any, alarms: dict[str, dict[str, Any]]) -> None:
    subscription = bench.only("AWS::SNS::Subscription")

    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "duty@example.org")
