"""What ECS has forgotten, an hour or more after its end, the lake still knows: the receipt is asked first."""

from __future__ import annotations

import asyncio
import time

import pytest
from airflow_runs import MODES, TaskInstance, context, defer, first_event, operator, run, trigger_of
from scripted_aws import Script, ScriptedAws
from test_run_survives_kills import run_and_be_killed

from hybrid_airflow.parts import RunPartOperator

pytestmark = pytest.mark.slow


def end_and_forget(aws: ScriptedAws) -> None:
    """Let all containers end, and ECS forget them."""
    time.sleep(0.3)
    for task in list(aws.tasks.values()):
        assert aws._view(task)["lastStatus"] == "STOPPED"
    aws.tasks.clear()


@pytest.mark.parametrize("mode", MODES)
def test_the_same_try_takes_the_receipt_of_a_container_that_ecs_has_forgotten(
    aws: ScriptedAws, mode: str
) -> None:
    # Given a try whose worker died, and whose container landed more than an hour ago
    aws.script = Script(running=0.1)
    run_and_be_killed(aws, mode=mode, at="RunTask")
    end_and_forget(aws)
    # When Airflow gives the try to another worker
    receipt = run(operator(mode=mode), context())
    # Then nothing is read again
    assert (receipt["rows"], aws.count("RunTask")) == (3, 1)


def test_a_trigger_that_comes_too_late_leads_to_the_receipt(aws: ScriptedAws) -> None:
    # Given a deferred run, and a triggerer that was down until ECS had forgotten its container
    aws.script = Script(running=0.1)
    task, ctx = operator(), context()
    deferred = defer(task, ctx)
    end_and_forget(aws)
    # When the trigger runs again
    event = asyncio.run(asyncio.wait_for(first_event(trigger_of(deferred)), 20))
    # Then the run has landed
    assert defer(task, ctx, deferred.method_name, event=event)["rows"] == 3
    assert aws.count("StopTask") == 0


def test_a_host_that_is_lost_after_the_receipt_was_written_has_landed(aws: ScriptedAws) -> None:
    # Given a container of which ECS never hears the exit code
    aws.script = Script(running=0.1, exit_code=0)
    task, ctx = operator(), context()
    deferred = defer(task, ctx)
    time.sleep(0.3)
    [one] = aws.tasks.values()
    assert aws._view(one)["lastStatus"] == "STOPPED"
    one.script = Script(running=0.1, exit_code=None, stopped_reason="Host EC2 (instance mi-1) terminated.")
    # When the trigger sees that
    event = asyncio.run(asyncio.wait_for(first_event(trigger_of(deferred)), 20))
    # Then the receipt decides
    assert defer(task, ctx, deferred.method_name, event=event)["rows"] == 3


def test_a_part_that_was_forgotten_is_asked_for_by_its_own_receipt(aws: ScriptedAws) -> None:
    aws.script = Script(running=0.1)
    task = operator("ledger-regional", kind=RunPartOperator, part=1)
    ctx = context(TaskInstance(task_id="ledger-regional.part", map_index=1))
    deferred = defer(task, ctx)
    end_and_forget(aws)
    event = asyncio.run(asyncio.wait_for(first_event(trigger_of(deferred)), 20))
    assert defer(task, ctx, deferred.method_name, event=event)["manifest"].endswith("/_part.json")


@pytest.mark.parametrize(("receipt", "of"), [(False, None), (True, "another")])
def test_what_was_forgotten_without_a_receipt_of_this_try_fails(
    aws: ScriptedAws, receipt: bool, of: str | None
) -> None:
    aws.script = Script(running=0.1, receipt=receipt, receipt_attempt=of)
    task, ctx = operator(), context()
    deferred = defer(task, ctx)
    end_and_forget(aws)
    event = asyncio.run(asyncio.wait_for(first_event(trigger_of(deferred)), 20))
    with pytest.raises(Exception, match="ECS has no task of this name any more"):
        defer(task, ctx, deferred.method_name, event=event)


def test_an_exit_code_is_believed_before_a_receipt(aws: ScriptedAws) -> None:
    # Given a container that failed, and a receipt of its try
    aws.script = Script(running=0.1)
    task, ctx = operator(), context()
    deferred = defer(task, ctx)
    time.sleep(0.3)
    [one] = aws.tasks.values()
    aws._view(one)
    one.script = Script(running=0.1, exit_code=1)
    event = asyncio.run(asyncio.wait_for(first_event(trigger_of(deferred)), 20))
    with pytest.raises(Exception, match="exit code 1"):
        defer(task, ctx, deferred.method_name, event=event)


def test_a_lake_that_does_not_answer_keeps_no_run_from_starting(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybrid_airflow.receipt.PATIENCE", 0.2)
    aws.lake_is_busy = 8
    aws.hook = lambda operation, _: setattr(aws, "lake_is_busy", 0) if operation == "RunTask" else None
    assert run(operator(), context())["rows"] == 3
