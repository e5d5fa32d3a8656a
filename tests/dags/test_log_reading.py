"""How often a container's log is read."""

from __future__ import annotations

import boto3
import pytest
from scripted_aws import Script, ScriptedAws

from hybrid_airflow.logs import LogReader

pytestmark = pytest.mark.slow


def reader_of(aws: ScriptedAws, script: Script) -> LogReader:
    aws.script = script
    container = {"name": "etl", "command": ["run"]}
    answer = aws.answer(
        "RunTask",
        {
            "cluster": "site",
            "taskDefinition": "family",
            "overrides": {"containerOverrides": [container]},
        },
    )
    task = answer["tasks"][0]["taskArn"].rsplit("/", 1)[-1]
    return LogReader(boto3.client("logs"), group="site", stream=f"etl/{task}")


def test_a_silent_log_is_asked_less_and_less_often(aws: ScriptedAws) -> None:
    # Given a container that is silent for as long as it runs
    reader = reader_of(aws, Script(running=60, lines=[]))
    # When it is looked at thirty times
    for _ in range(30):
        assert reader.follow() == []
    # Then its log was read at the looks 1, 3, 7, 15 and 23
    assert aws.count("GetLogEvents") == 5


def test_a_log_that_speaks_again_is_read_at_every_look(aws: ScriptedAws) -> None:
    # Given a log that was silent, and has a line now
    lines: list[str] = []
    reader = reader_of(aws, Script(running=60, lines=lines))
    for _ in range(7):
        reader.follow()
    lines.append("back")
    # When it is looked at until it is read
    said = [line.message for _ in range(8) for line in reader.follow()]
    # Then nothing was missed, and the next look reads again
    assert said == ["back"]
    lines.append("again")
    assert [line.message for line in reader.follow()] == ["again"]
