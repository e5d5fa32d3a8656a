"""The looks of all runs of a triggerer go together: one DescribeTasks for a hundred containers."""

from __future__ import annotations

import asyncio
import threading

import pytest
from botocore.exceptions import ClientError
from scripted_aws import ARN, Fault, ScriptedAws

from hybrid_airflow.poller import poller
from hybrid_airflow.triggers import SiteTrigger

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


def waiting(number: int, *, poll_seconds: float, until: str = "2999-01-01T00:00:00+00:00") -> SiteTrigger:
    return SiteTrigger(
        name="on-premises",
        cluster=CLUSTER,
        region="eu-west-1",
        aws_conn_id="aws_default",
        until=until,
        poll_seconds=poll_seconds,
        plan={"run": number},
    )


def test_a_hundred_runs_that_wait_for_a_site_cost_one_look_a_beat_and_all_hear_of_it(
    aws: ScriptedAws,
) -> None:
    # Given a hundred runs that wait for a site without a connected host, for five beats
    aws.instances[0]["agentConnected"] = False
    beat = 0.6

    async def wait() -> list[object]:
        events = [asyncio.ensure_future(anext(waiting(n, poll_seconds=beat).run())) for n in range(100)]
        await asyncio.sleep(5 * beat)
        aws.instances[0]["agentConnected"] = True
        return [event.payload for event in await asyncio.wait_for(asyncio.gather(*events), 20)]

    heard = asyncio.run(wait())
    # Then the site was looked at once a beat, whatever waits, and each run goes on with its own plan
    assert heard == [{"open": True, "sentence": "", "plan": {"run": number}} for number in range(100)]
    assert 2 <= aws.count("ListContainerInstances") <= 10


def test_a_site_that_has_no_host_when_the_wait_ends_is_told_as_closed(aws: ScriptedAws) -> None:
    # Given a site without a connected host, and a run whose wait is over
    aws.instances[0]["agentConnected"] = False
    trigger = waiting(7, poll_seconds=0.2, until="2000-01-01T00:00:00+00:00")

    # When it looks
    async def wait() -> object:
        return (await asyncio.wait_for(anext(trigger.run()), 20)).payload

    event = asyncio.run(wait())
    # Then the run hears that the site is closed, and why, and fails with that sentence
    assert isinstance(event, dict)
    assert (event["open"], event["plan"]) == (False, {"run": 7})
    assert "on-premises" in event["sentence"]


def test_looks_at_sites_take_no_thread_from_those_at_containers(aws: ScriptedAws) -> None:
    # Given sites whose looks do not come back, more than there are threads
    arn = aws.answer("RunTask", dict(REQUEST))["tasks"][0]["taskArn"]
    held = threading.Event()
    aws.hook = lambda operation, _: held.wait(20) if operation == "ListContainerInstances" else None

    async def look() -> object:
        places = [poller(aws_conn_id="aws_default", region="eu-west-1", cluster=f"c{n}") for n in range(12)]
        closed = [asyncio.ensure_future(one.look_at_site("there", fresh_seconds=1)) for one in places]
        await asyncio.sleep(0.2)
        try:
            [seen] = await asyncio.wait_for(look_at_all([arn]), 10)
        finally:
            held.set()
        await asyncio.gather(*closed)
        return seen

    assert asyncio.run(look()).arn == arn  # type: ignore[attr-defined]
