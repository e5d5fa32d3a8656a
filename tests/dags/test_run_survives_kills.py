"""Killed at any point, a try still has one container; a later try never runs beside an earlier one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow_runs import MODES, TaskInstance, context, defer, operator, run, trigger_of
from asgiref.sync import SyncToAsync
from scripted_aws import Fault, Script, ScriptedAws

from hybrid_airflow import launch

pytestmark = pytest.mark.slow

#: Calls of a run, in order, that a worker may be killed in: ECS has done what was asked, and nobody hears.
CALLS = (
    "ListTasks",
    "ListContainerInstances",
    "DescribeContainerInstances",
    "RunTask",
    "DescribeTasks",
    "GetLogEvents",
)


def run_and_be_killed(aws: ScriptedAws, *, mode: str, at: str) -> None:
    """Run in a process that is killed (SIGKILL) right after AWS did its first call named `at`."""
    pid = os.fork()
    if pid == 0:
        # A forked process has no threads: asgiref's is made anew.
        SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)
        try:
            run(operator(mode=mode), context())
        finally:
            os._exit(99)
    killed = False

    def kill(operation: str, _: str) -> None:
        nonlocal killed
        if operation == at and not killed:
            killed = True
            os.kill(pid, signal.SIGKILL)

    aws.hook = kill
    _, status = os.waitpid(pid, 0)
    aws.hook = None
    assert os.WIFSIGNALED(status), f"The run came to its end before any {at}"
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at", CALLS)
def test_a_process_killed_at_any_call_leaves_one_container_for_the_try(
    aws: ScriptedAws, mode: str, at: str
) -> None:
    # Given a run whose process is killed
    aws.script = Script(running=0.5)
    run_and_be_killed(aws, mode=mode, at=at)
    # When Airflow gives the same try to another process
    receipt = run(operator(mode=mode), context())
    # Then there was one container, and its result is the run's
    assert len(aws.tasks) == 1
    assert receipt["rows"] == 3


@pytest.mark.parametrize("mode", MODES)
def test_a_container_that_ended_unwatched_is_adopted(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(running=0.1)
    run_and_be_killed(aws, mode=mode, at="RunTask")
    time.sleep(0.4)
    receipt = run(operator(mode=mode), context())
    assert (len(aws.tasks), receipt["rows"]) == (1, 3)


@pytest.mark.parametrize("mode", MODES)
def test_a_later_try_stops_the_container_of_an_earlier_one_first(aws: ScriptedAws, mode: str) -> None:
    # Given a first try whose worker died, and whose container runs on
    aws.scripts.extend([Script(running=60, killed_exit_code=137), Script()])
    run_and_be_killed(aws, mode=mode, at="RunTask")
    # When the second try runs
    receipt = run(operator(mode=mode), context(TaskInstance(try_number=2)))
    # Then the first container was told to stop, and had stopped, before the second was started
    order = [call.operation for call in aws.calls if call.operation in {"StopTask", "RunTask"}]
    assert order == ["RunTask", "StopTask", "RunTask"]
    assert aws.running == []
    assert receipt["rows"] == 3


@pytest.mark.parametrize("mode", MODES)
def test_a_later_try_waits_for_a_container_that_takes_its_time_to_stop(aws: ScriptedAws, mode: str) -> None:
    # Given a first try whose container goes on for two seconds after it was told to stop
    aws.scripts.extend([Script(running=60, stopping=2.0, killed_exit_code=137), Script()])
    run_and_be_killed(aws, mode=mode, at="RunTask")
    beside: list[str] = []
    first = next(iter(aws.tasks))
    aws.hook = lambda operation, _: beside.extend(
        one for one in aws.running if operation == "RunTask" and one == first
    )
    # When the second try runs
    receipt = run(operator(mode=mode), context(TaskInstance(try_number=2)))
    # Then it was not started beside the first
    assert (receipt["rows"], beside) == (3, [])


def test_a_later_try_waits_for_longer_than_a_container_has_to_stop() -> None:
    # Given the source's task definition, as it is deployed
    source = (Path(__file__).parents[2] / "constructs" / "hybrid_constructs" / "etl_source.py").read_text()
    [stop_timeout] = re.findall(r"stop_timeout=Duration\.seconds\((\d+)\)", source)

    assert int(stop_timeout) + 20 <= launch.SETTLE


@pytest.mark.parametrize("connected", [True, False])
def test_a_later_try_starts_beside_an_earlier_one_only_where_the_host_is_cut_off(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    # Given a container that does not end when it is told to
    monkeypatch.setattr(launch, "SETTLE", 2.0)
    aws.scripts.extend([Script(running=60, cut_off=True), Script()])
    run_and_be_killed(aws, mode=MODES[0], at="RunTask")
    aws.add_host("mi-0c2d", "erp-2")
    aws.instances[0]["agentConnected"] = connected
    # When the second try runs
    second = operator(mode=MODES[0]), context(TaskInstance(try_number=2))
    if connected:
        with pytest.raises(Exception, match=r"of an earlier try was told to stop and has not ended in 2 s"):
            run(*second)
    else:
        assert run(*second)["rows"] == 3
    # Then there are two at once only where nobody can stop the first
    assert aws.count("RunTask") == (1 if connected else 2)


def test_a_run_that_was_deleted_and_made_again_adopts_nothing(aws: ScriptedAws) -> None:
    # Given a run, and a new one of the same names and try number, as after deleting a DAG run
    first = run(operator(), context())

    class Again(TaskInstance):
        @property
        def id(self) -> Any:
            return "another"

    second = run(operator(), context(Again()))
    # Then each had its own container
    assert (len(aws.tasks), first["attempt"] != second["attempt"]) == (2, True)


def test_a_triggerer_that_goes_down_leaves_the_container_and_the_next_goes_on(aws: ScriptedAws) -> None:
    aws.script = Script(running=1.0)
    task, ctx = operator(), context()
    deferred = defer(task, ctx)

    async def first_triggerer() -> None:
        waiting = asyncio.ensure_future(anext(trigger_of(deferred).run()))
        await asyncio.sleep(0.4)
        waiting.cancel("EOF - shutting down")
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(first_triggerer())
    assert aws.count("StopTask") == 0
    event = asyncio.run(anext(trigger_of(deferred).run())).payload
    assert defer(task, ctx, deferred.method_name, event=event, **(deferred.kwargs or {}))["rows"] == 3
    assert len(aws.tasks) == 1


@pytest.mark.parametrize(
    ("state", "stopped"), [("failed", True), (None, True), ("removed", True), ("deferred", False)]
)
def test_a_person_who_ends_a_deferred_run_ends_its_container(
    aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch, state: str | None, stopped: bool
) -> None:
    # Given a deferred run, whose task instance a person then marked, cleared or deleted;
    # or which was only handed to another triggerer, and is still deferred
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415

    ti = TaskInstance()
    states = {} if state == "removed" else {ti.run_id: {ti.task_id: state}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: states))
    aws.script = Script(running=60)
    trigger = trigger_of(defer(operator(), context(ti)))
    trigger.task_instance = ti

    # When the triggerer tells the trigger
    async def triggerer() -> None:
        waiting = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(0.3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if hasattr(type(trigger).__mro__[1], "on_kill"):
            await trigger.on_kill()

    asyncio.run(triggerer())
    # Then the container is told to stop only in the first case
    assert aws.count("StopTask") == int(stopped)


def test_a_kill_in_the_worker_stops_the_container_even_while_it_is_being_started(aws: ScriptedAws) -> None:
    # Given a worker that is told to end while RunTask is on its way
    aws.script = Script(running=60)
    task = operator(mode=MODES[0])
    aws.hook = lambda operation, _: task.on_kill() if operation == "RunTask" else None
    # When it runs
    with pytest.raises(Exception, match="the run was ended in Airflow"):
        run(task, context())
    # Then the container was found and stopped
    assert aws.running == []


def test_a_run_that_an_earlier_release_deferred_goes_on(aws: ScriptedAws) -> None:
    # Given a run that deferred before its plan came back with the event
    aws.script = Script(running=0.3)
    task, ctx = operator(), context()
    deferred = defer(task, ctx)
    trigger = trigger_of(deferred)
    plan, trigger.plan = trigger.plan, None
    # When its container has ended
    event = asyncio.run(anext(trigger.run())).payload
    # Then it lands by the plan that it deferred with
    assert defer(task, ctx, deferred.method_name, event=event, plan=plan)["rows"] == 3


def test_a_token_that_is_used_up_leads_to_the_container_it_started(aws: ScriptedAws) -> None:
    # Given ECS forgets to list a fresh container, and its specification has changed in between
    aws.script = Script(running=0.5)
    run_and_be_killed(aws, mode=MODES[0], at="RunTask")
    aws.fail("ListTasks", *[Fault(answer={"taskArns": []})] * 2)
    # When the same try asks again
    receipt = run(operator(mode=MODES[0], specification="2" * 64), context())
    # Then it is that container, and no second one
    assert (len(aws.tasks), receipt["specification"]) == (1, "1" * 64)
