"""Thirteen faults of the stock EcsRunTaskOperator, as a table: what a run may expect, whose run meets it.

Each expectation is tried on ours, which must meet it, and on the stock operator of the provider version
that the table was made with, which must not: so no expectation is one that cannot fail.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import pytest
from airflow.configuration import conf
from airflow.providers.amazon.aws.operators import ecs as stock_module
from airflow.triggers.base import BaseTrigger
from airflow_runs import MODES, TaskInstance, context, defer, first_event, operator, run, trigger_of
from asgiref.sync import SyncToAsync
from scripted_aws import Fault, Script, ScriptedAws

from hybrid_airflow import triggers

pytestmark = pytest.mark.slow

#: The stock operator that the table is about.
STOCK = "9.34.0"
WORKER, TRIGGERER = MODES
#: Tests have triggers fire at once, but for the row that is about it.
AS_SHIPPED = triggers.SETTLE_SECONDS


class Ours:
    """A run by our operator."""

    def make(self, mode: str, **changes: Any) -> Any:
        changes.pop("container_name", None)
        changes.pop("reattach", None)
        return operator(mode=mode, **changes)


class Stock:
    """The same run by the stock operator, set up as well as it can be."""

    def make(self, mode: str, **changes: Any) -> Any:
        deadline = changes.pop("run_deadline_seconds", None)
        limits = {"waiter_max_attempts": deadline} if deadline else {}
        return stock_module.EcsRunTaskOperator(
            **{
                "task_id": "customers-regional",
                "cluster": "hybrid-acme-on-premises",
                "task_definition": "hybrid-acme-regional",
                "launch_type": "EXTERNAL",
                "container_name": "etl",
                "overrides": {"containerOverrides": [{"name": "etl", "command": ["run", "1" * 64]}]},
                "awslogs_group": "/hybrid/acme/on-premises",
                "awslogs_stream_prefix": "regional/etl",
                "awslogs_fetch_interval": timedelta(seconds=0.1),
                "region_name": "eu-west-1",
                "deferrable": mode == TRIGGERER,
                "waiter_delay": 1,
                **limits,
                **changes,
            }
        )


def works_without_aiobotocore(maker: Any, aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "aiobotocore"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "aiobotocore", None)
    monkeypatch.setitem(sys.modules, "aiobotocore.session", None)
    run(maker.make(TRIGGERER), context())


def loses_no_time_over_the_name_of_the_container(
    maker: Any, aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(stock_module, "sleep", slept.append, raising=False)
    run(maker.make(TRIGGERER, container_name=None), context())
    assert sum(slept) < 5, f"slept {sum(slept)} s"


def succeeds_without_a_log_stream(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.logs_missing = True
    run(maker.make(TRIGGERER), context())


def keeps_its_execution_timeout_while_deferred(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.script = Script(running=4)
    with pytest.raises(Exception, match="timeout"):
        run(maker.make(TRIGGERER, execution_timeout=timedelta(seconds=1)), context())
    assert not aws.running


def stops_the_container_of_a_run_that_is_marked_failed(
    maker: Any, aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415

    ti = TaskInstance()
    failed = {ti.run_id: {ti.task_id: "failed"}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: failed))
    aws.script = Script(running=60)
    trigger = trigger_of(defer(maker.make(TRIGGERER), context(ti)))
    trigger.task_instance = ti

    async def triggerer() -> None:
        waiting = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if hasattr(BaseTrigger, "on_kill") and hasattr(trigger, "on_kill"):
            await trigger.on_kill()

    asyncio.run(triggerer())
    assert aws.count("StopTask") == 1


def leaves_no_container_behind_when_its_time_is_up(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.script = Script(running=60)
    with pytest.raises(Exception, match=r"."):
        run(maker.make(TRIGGERER, run_deadline_seconds=2), context())
    time.sleep(0.2)
    assert not aws.running, "the container runs on"


def waits_out_throttling_of_run_task(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.fail("RunTask", *[Fault()] * 7)
    run(maker.make(WORKER), context())


def shows_the_last_lines_of_a_deferred_failure(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.script = Script(exit_code=1, lines=['{"level": "error", "message": "Table customers is not there."}'])
    with pytest.raises(Exception) as failed:  # noqa: PT011
        run(maker.make(TRIGGERER), context())
    assert "Table customers is not there" in str(failed.value)
    assert "{'" not in str(failed.value), "a dictionary is no sentence"


def takes_a_container_without_exit_code_for_failed(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.script = Script(
        exit_code=None, container_status="RUNNING", stopped_reason="Container instance was deregistered."
    )
    with pytest.raises(Exception, match=r"."):
        run(maker.make(WORKER), context())


def fails_with_an_error_that_can_be_pickled(maker: Any, aws: ScriptedAws, _: Any) -> None:
    aws.script = Script(
        exit_code=None, stop_code="TaskFailedToStart", stopped_reason="CannotPullContainerError"
    )
    with pytest.raises(Exception, match="CannotPull") as failed:
        run(maker.make(WORKER), context())
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)  # noqa: S301


def adopts_the_container_of_a_killed_worker(maker: Any, aws: ScriptedAws, _: Any) -> None:
    pid = os.fork()
    if pid == 0:
        SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)
        run(maker.make(WORKER, reattach=True), context())
        os._exit(99)
    aws.hook = lambda operation, _: os.kill(pid, signal.SIGKILL) if operation == "RunTask" else None
    os.waitpid(pid, 0)
    aws.hook = None
    time.sleep(0.3)
    run(maker.make(WORKER, reattach=True), context())
    assert len(aws.tasks) == 1, f"{len(aws.tasks)} containers for one try"


def waits_no_longer_than_a_day_unless_told_to(maker: Any, aws: ScriptedAws, _: Any) -> None:
    task = maker.make(WORKER) if isinstance(maker, Ours) else maker.make(WORKER, waiter_delay=6)
    longest = (
        task.pipeline.run_deadline_seconds
        if isinstance(maker, Ours)
        else task.waiter_delay * task.waiter_max_attempts
    )
    assert longest <= 24 * 3600, f"waits {longest / 86400:.0f} days"


def lets_the_supervisor_notice_the_deferral_first(
    maker: Any, aws: ScriptedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A trigger that fires before lets the task run again first, and then the scheduler takes the late end of
    # its first stretch for the second's, and marks a good task failed.
    run(maker.make(TRIGGERER), context())  # so that imports are no part of what is timed
    monkeypatch.setattr(triggers, "SETTLE_SECONDS", AS_SHIPPED)
    trigger = trigger_of(defer(maker.make(TRIGGERER), context(TaskInstance(try_number=2))))
    time.sleep(0.2)

    async def fires_within(seconds: float) -> bool:
        try:
            await asyncio.wait_for(first_event(trigger), seconds)
        except TimeoutError:
            return False
        return True

    heartbeat = conf.getint("workers", "min_heartbeat_interval")
    assert not asyncio.run(fires_within(heartbeat)), f"the trigger fired within {heartbeat} s of the deferral"


TABLE: list[tuple[int, str, Callable[..., None]]] = [
    (1, "a deferred run needs no package that MWAA may lack", works_without_aiobotocore),
    (2, "the container's name costs no time", loses_no_time_over_the_name_of_the_container),
    (3, "a missing log stream fails no successful run", succeeds_without_a_log_stream),
    (4, "execution_timeout holds while deferred", keeps_its_execution_timeout_while_deferred),
    (
        5,
        "a deferred run marked failed stops its container",
        stops_the_container_of_a_run_that_is_marked_failed,
    ),
    (6, "a deferred run out of time stops its container", leaves_no_container_behind_when_its_time_is_up),
    (7, "throttling of RunTask is waited out", waits_out_throttling_of_run_task),
    (8, "a deferred failure shows the last lines", shows_the_last_lines_of_a_deferred_failure),
    (9, "no exit code is no success", takes_a_container_without_exit_code_for_failed),
    (10, "a failure to start can be pickled", fails_with_an_error_that_can_be_pickled),
    (11, "a killed worker starts nothing twice", adopts_the_container_of_a_killed_worker),
    (12, "no wait is longer than a day by default", waits_no_longer_than_a_day_unless_told_to),
    (13, "a container that ends at once fails no run", lets_the_supervisor_notice_the_deferral_first),
]
ROWS = pytest.mark.parametrize(
    ("number", "expectation", "try_on"), TABLE, ids=[f"{n}-{said}" for n, said, _ in TABLE]
)


@ROWS
def test_ours_meets_it(
    aws: ScriptedAws,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expectation: str,
    try_on: Callable[..., None],
) -> None:
    try_on(Ours(), aws, monkeypatch)


@ROWS
@pytest.mark.skipif(
    version("apache-airflow-providers-amazon") != STOCK,
    reason=f"the table is about the stock operator of {STOCK}",
)
def test_the_stock_operator_does_not(
    aws: ScriptedAws,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expectation: str,
    try_on: Callable[..., None],
) -> None:
    try:
        try_on(Stock(), aws, monkeypatch)
    except (Exception, pytest.fail.Exception) as missed:  # noqa: BLE001
        print(f"stock {STOCK}, fault {number}: {type(missed).__name__}: {str(missed)[:300]}")
        return
    pytest.fail(f"The stock operator meets expectation {number}: '{expectation}'. Take it off the table.")
