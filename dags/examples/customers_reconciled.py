"""Example: when the customers of both worlds have landed, compare them and say what to load.

A TaskFlow DAG that is scheduled by assets and reads receipts, never rows: what an Airflow worker sees of the
data is where it is and how much of it there is. Copy it beside `hybrid_pipelines.py` and name pipelines of
your own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hybrid_airflow.factory import asset
from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.receipt import Receipt

HERE = Path(__file__).parent
ESTATE = read_estate(HERE)
LANDED = [
    asset(ESTATE, read_pipeline(HERE, name, estate=ESTATE))
    for name in ("customers-headquarters", "customers-regional")
]
#: Least share of the larger side that the smaller one must have.
SHARE = 0.5


@dag(
    dag_id="example-customers-reconciled",
    schedule=LANDED,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    doc_md=__doc__,
    tags=["example"],
)
def customers_reconciled() -> None:
    """Compare what landed, then name it for a loader."""

    @task
    def receipts(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """The latest receipt of each pipeline that made this run."""
        return [events[-1].extra for events in triggering_asset_events.values()]

    @task
    def compare(landed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Refuse to go on when one side is much smaller than the other."""
        rows = {receipt.pipeline: receipt.rows for receipt in map(Receipt.from_xcom, landed)}
        if min(rows.values()) < SHARE * max(rows.values()):
            said = ", ".join(f"{name} {count}" for name, count in sorted(rows.items()))
            raise ValueError(f"One side has less than {SHARE:.0%} of the rows of the other: {said}.")
        return landed

    @task
    def manifests(landed: list[dict[str, Any]]) -> list[str]:
        """What a loader (COPY, Athena, Spark) is given: the manifests, which name files and schema."""
        return [f"s3://{receipt.bucket}/{receipt.manifest}" for receipt in map(Receipt.from_xcom, landed)]

    manifests(compare(receipts()))


customers_reconciled()
