"""The looks of all runs of a triggerer go together: one DescribeTasks for a hundred containers."""

from __future__ import annotations

import asyncio

import pytest
from botocore.exceptions import ClientError
from scripted_aws import ARN, Fault, ScriptedAws

from hybrid_airflow.poller import poller

CLUSTER = "hybrid-acme-on-premises"
REQUEST = {"cluster": CLUSTER, "taskDefinition": "f", "launchType": "EXTERNAL",
           "overrides": {"containerOverrides": [{"name": "etl"}]}}  # fmt: skip


async def look_at_all(arns: list[str]) -> list[object]:
    looks = poller(aws_conn_id="aws_default", region="eu-west-1", cluster=CLUSTER)
    return await asyncio.gather(*(looks.look(arn) for arn in arns), return_exceptions=True)


def test_250_waiting_runs_cost_three_calls_a_beat(aws: ScriptedAws) -> None:
    arns = [aws.answer("RunTask", dict(REQUEST))["tasks"][0]["taskArn"] for _ in range(250)]
    found = asyncio.run(look_at_all(arns))
    assert [task.arn for task in found] == arns  # type: ignore[attr-defined]
    assert aws.count("DescribeTasks") == 3


def test_a_failed_look_is_told_to_each_who_asked_and_to_no_later_one(aws: ScriptedAws) -> None:
    aws.fail("DescribeTasks", Fault(code="AccessDeniedException"))

    async def twice() -> tuple[list[object], list[object]]:
        return await look_at_all([f"{ARN}:task/a", f"{ARN}:task/b"]), await look_at_all([f"{ARN}:task/a"])

    first, second = asyncio.run(twice())
    assert all(isinstance(error, ClientError) for error in first)
    assert second == [None]


def test_one_that_gave_up_waiting_does_not_disturb_the_others(aws: ScriptedAws) -> None:
    arn = aws.answer("RunTask", dict(REQUEST))["tasks"][0]["taskArn"]

    async def one_gives_up() -> object:
        looks = poller(aws_conn_id="aws_default", region="eu-west-1", cluster=CLUSTER)
        impatient, patient = asyncio.ensure_future(looks.look(arn)), asyncio.ensure_future(looks.look(arn))
        await asyncio.sleep(0.05)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        return await patient

    assert asyncio.run(one_gives_up()).arn == arn  # type: ignore[attr-defined]
