"""A container that a look did not show is left alone: throttled, an error, or not known for a moment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow_runs import MODES, TaskInstance, context, defer, operator, run, trigger_of
from scripted_aws import Fault, Script, ScriptedAws

from hybrid_airflow import triggers
from hybrid_airflow.ecs_task import TaskSnapshot, read_task
from hybrid_airflow.watch import Deadlines, Ended, Stop, Wait, Watch

BEGAN = datetime(2026, 11, 27, tzinfo=UTC)
#: What shows nothing at the first looks of a trigger made anew.
BLIND = {
    "throttled": [Fault()] * 5,
    "an error of ECS": [Fault(code="ServerException", status=500)] * 5,
    "refused": [Fault(code="AccessDeniedException", message="not authorized")],
    "missing": [Fault(answer={"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]})] * 2,
}


def task(status: str, *, created: datetime, started: datetime | None = None) -> TaskSnapshot:
    return read_task(
        {
            "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/site/1",
            "lastStatus": status,
            "createdAt": created,
            "startedAt": started,
        }
    )


def after(**since_then: float) -> datetime:
    return BEGAN + timedelta(**since_then)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", BLIND)
def test_a_trigger_made_anew_leaves_a_container_alone_that_its_first_looks_do_not_show(
    aws: ScriptedAws, trouble: str
) -> None:
    # Given a container that began two hours ago and runs, and a triggerer that has died
    aws.script = Script(running=1.5)
    worker, ctx = operator(start_deadline_seconds=900), context()
    deferred = defer(worker, ctx)
    anew = trigger_of(deferred)
    anew.since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    # When the first looks of the next triggerer show nothing
    aws.fail("DescribeTasks", *BLIND[trouble])
    event = asyncio.run(asyncio.wait_for(anext(anew.run()), 30)).payload
    # Then the container ends by itself, and the run has landed
    assert aws.count("StopTask") == 0
    assert defer(worker, ctx, deferred.method_name, event=event, **(deferred.kwargs or {}))["rows"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("trouble", BLIND)
def test_looks_that_show_nothing_for_longer_than_the_start_deadline_stop_nothing(
    aws: ScriptedAws, mode: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a start deadline of a second, and a container that starts within it
    aws.script = Script(pending=0.2, running=2.5)
    worker = operator(mode=mode, start_deadline_seconds=1, poll_seconds=0.3)
    # When no look shows it until the deadline is over
    aws.hook = lambda operation, _: (
        aws.fail("DescribeTasks", *BLIND[trouble]) if operation == "RunTask" else None
    )
    monkeypatch.setattr("hybrid_airflow.watch._MISSES", 20)
    landed = run(worker, context(), seconds=60)
    # Then nothing is stopped
    assert (landed["rows"], aws.count("StopTask")) == (3, 0)


@pytest.mark.parametrize("first", ["refused", "missing"])
def test_a_first_look_that_shows_nothing_says_nothing_about_deadlines(first: str) -> None:
    # Given a watch made anew, two hours after the try began
    watched = Watch(Deadlines(900, 14400), since=BEGAN)
    # When its first looks show nothing
    said: Any = [
        watched.refused("throttled", after(hours=2, seconds=n), passes=True)
        if first == "refused"
        else watched.observe(None, after(hours=2, seconds=n))
        for n in range(4)
    ]
    # Then it waits, and keeps the deadlines by what a look then shows
    assert said == [Wait()] * 4
    running = task("RUNNING", created=BEGAN, started=after(minutes=1))
    assert watched.observe(running, after(hours=2, minutes=1)) == Wait()
    assert isinstance(watched.observe(running, after(hours=4, minutes=1)), Stop)


def test_a_container_last_seen_as_waiting_may_have_started_since() -> None:
    watched = Watch(Deadlines(900, 14400), since=BEGAN)
    assert watched.observe(task("PENDING", created=BEGAN), after(minutes=14)) == Wait()
    assert watched.refused("throttled", after(minutes=16), passes=True) == Wait()
    started = task("RUNNING", created=BEGAN, started=after(minutes=15))
    assert watched.observe(started, after(minutes=17)) == Wait()
    # Whereas one that a look shows still waiting is over its deadline
    late = Watch(Deadlines(900, 14400), since=BEGAN)
    assert isinstance(late.observe(task("PENDING", created=BEGAN), after(minutes=15)), Stop)


def test_a_stop_that_is_decided_is_told_again_and_blames_no_host_unseen() -> None:
    # Given a container that a look showed beyond its run deadline
    watched = Watch(Deadlines(900, 3600), since=BEGAN)
    running = task("RUNNING", created=BEGAN, started=BEGAN)
    told = watched.observe(running, after(hours=1))
    assert isinstance(told, Stop)
    # When ECS answers no look for longer than the grace
    again = watched.refused("throttled", after(hours=2), passes=True)
    # Then it is told again; only a look that shows it running says that its host did not obey
    assert again == told
    assert isinstance(watched.observe(running, after(hours=2)), Ended)


def test_an_execution_timeout_holds_whatever_is_seen() -> None:
    watched = Watch(Deadlines(900, 14400, end_by=after(hours=1)), since=BEGAN)
    assert watched.refused("throttled", after(minutes=59), passes=True) == Wait()
    assert isinstance(watched.refused("throttled", after(hours=1), passes=True), Stop)
    assert isinstance(watched.refused("throttled", after(hours=1, minutes=3), passes=True), Ended)


@pytest.mark.slow
@pytest.mark.parametrize("known", ["never", "at the second question"])
def test_a_state_that_cannot_be_read_leaves_the_container_alone(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    # Given a deferred run, and an API server that does not answer whether a person ended it
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415

    asked = 0

    def states(**_: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if known == "never" or asked == 1:
            raise ConnectionError("the API server does not answer")
        return {ti.run_id: {ti.task_id: "failed"}}

    ti = TaskInstance()
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(states))
    monkeypatch.setattr(triggers, "_STATE_SECONDS", 0.5)
    aws.script = Script(running=60)
    trigger = trigger_of(defer(operator(), context(ti)))
    trigger.task_instance = ti
    # When the triggerer cancels the trigger, as it does for a person and for one that was handed over
    asyncio.run(trigger.on_kill())
    # Then the container is stopped only when the answer comes in the end
    assert aws.count("StopTask") == (0 if known == "never" else 1)
