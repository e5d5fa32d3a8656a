"""The intervals that a run of a DAG is to read, from what Airflow's context has of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hybrid_airflow.interval import Interval, choose
from hybrid_airflow.manifest import Pipeline
from hybrid_airflow.timetables import data_interval


def landed_upstream(context: Any) -> list[Mapping[str, Any]]:
    """The receipts of the events that triggered the run, oldest first for each pipeline."""
    events = context.get("triggering_asset_events") or {}
    return [event.extra or {} for batch in events.values() for event in batch]


def asked_for(
    context: Any,
    pipeline: Pipeline,
    *,
    given: tuple[str | None, str | None] = (None, None),
    landed: Iterable[Mapping[str, Any]] | None = None,
) -> list[Interval]:
    """The intervals of the run, as `hybrid_airflow.interval.choose` finds them.

    Args:
        given: Begin and end by the operator's arguments, None for those of the DAG's parameters.
        landed: Receipts of what landed upstream; None for those of the run's events.

    Raises:
        IntervalError: There is none; the message says how to give one.
    """
    params = context["params"]
    full = bool(params.get("full_refresh"))
    scheduled = (context.get("data_interval_start"), context.get("data_interval_end"))
    return choose(
        given=(given[0] or params.get("from"), given[1] or params.get("to")),
        landed=landed_upstream(context) if landed is None else landed,
        scheduled=data_interval(pipeline, scheduled) if full else scheduled,
        full=full,
    )
