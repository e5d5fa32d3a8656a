"""Runs an operator as Airflow does: `execute`, then triggers and what comes after them, in both modes."""

from __future__ import annotations

import asyncio
import importlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.operators import RunPipelineOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

ESTATE = Path(__file__).parent / "fixtures" / "estate"
#: Each fault meets a run that waits in the worker, and one that waits in the triggerer.
MODES = ("in the worker", "in the triggerer")


@dataclass
class TaskInstance:
    """One try of a task instance, as the operator's context has it."""

    dag_id: str = "acme-customers-regional"
    task_id: str = "customers-regional"
    run_id: str = "manual__2026-11-22T00:00:00+00:00"
    map_index: int = -1
    try_number: int = 1
    pushed: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        return uuid5(
            UUID(int=0), f"{self.dag_id}{self.run_id}{self.task_id}{self.map_index}{self.try_number}"
        )

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def context(ti: TaskInstance | None = None, **more: Any) -> dict[str, Any]:
    return {
        "ti": ti or TaskInstance(),
        "params": {},
        "outlet_events": defaultdict(SimpleNamespace),
        "triggering_asset_events": {},
        "data_interval_start": datetime(2026, 11, 21, tzinfo=UTC),
        "data_interval_end": datetime(2026, 11, 22, tzinfo=UTC),
        **more,
    }


def operator(
    pipeline: str = "customers-regional",
    *,
    mode: str = MODES[1],
    kind: type[RunPipelineOperator] = RunPipelineOperator,
    **changes: Any,
) -> RunPipelineOperator:
    """Our operator for a pipeline of the sample estate, with `changes` to the pipeline's part or its own."""
    estate = read_estate(ESTATE)
    part = read_pipeline(ESTATE, pipeline, estate=estate)
    own = {key: changes.pop(key) for key in list(changes) if key in type(part).model_fields}
    return kind(
        task_id=pipeline,
        estate=estate,
        pipeline=part.model_copy(update=own),
        deferrable=mode == MODES[1],
        **{"poll_seconds": 0.05, "grace_seconds": 0.3, **changes},
    )


def defer(task: Any, context: dict[str, Any], method: str = "execute", **arguments: Any) -> Any:
    """One step in the worker: its result, or what it defers to."""
    run = getattr(type(task), method)
    run = getattr(run, "__wrapped__", run)
    try:
        return run(task, context, **arguments)
    except TaskDeferred as deferred:
        return deferred


def trigger_of(deferred: Any) -> Any:
    """The trigger, made anew from its class path and arguments as a triggerer makes it."""
    path, arguments = deferred.trigger.serialize()
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


async def first_event(trigger: Any) -> Any:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("The trigger ended without an event")


def run(task: Any, context: dict[str, Any], *, seconds: float = 20.0) -> Any:
    """The task's result, through all of its deferrals."""
    result = defer(task, context)
    while isinstance(result, TaskDeferred):
        event = asyncio.run(asyncio.wait_for(first_event(trigger_of(result)), seconds))
        result = defer(task, context, result.method_name, event=event, **(result.kwargs or {}))
    return result
