"""Example: fetch a span of days again, one container for each day, a few at a time.

A hand-written DAG with the operator and dynamic task mapping. Trigger it with `first` and `last`; each day
replaces what landed for it before. Copy it beside `hybrid_pipelines.py` and name a pipeline of your own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.operators import RunPipelineOperator

HERE = Path(__file__).parent
ESTATE = read_estate(HERE)
ORDERS = read_pipeline(HERE, "orders-regional", estate=ESTATE)


@task
def days(params: dict[str, Any]) -> list[dict[str, str]]:
    """The intervals from the first day to the last, in order."""
    first, last = (datetime.fromisoformat(params[end]).replace(tzinfo=UTC) for end in ("first", "last"))
    if last < first:
        raise ValueError(f"The last day ({last:%Y-%m-%d}) is before the first ({first:%Y-%m-%d}).")
    begins = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    return [
        {"interval_from": begin.isoformat(), "interval_to": (begin + timedelta(days=1)).isoformat()}
        for begin in begins
    ]


@task
def total(receipts: list[dict[str, Any]]) -> int:
    """Rows that landed in all days together."""
    return sum(receipt["rows"] for receipt in receipts)


with DAG(
    dag_id="example-orders-by-day",
    schedule=None,
    params={
        "first": Param("2026-11-01", type="string", format="date", title="First day"),
        "last": Param("2026-11-02", type="string", format="date", title="Last day"),
    },
    doc_md=__doc__,
    tags=["example"],
) as dag:
    landed = RunPipelineOperator.partial(
        task_id="orders", estate=ESTATE, pipeline=ORDERS, pool="site-on-premises", max_active_tis_per_dagrun=4
    ).expand_kwargs(days())
    total(landed.output)
