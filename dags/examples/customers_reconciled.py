"""Example: when the customers of both worlds have landed, compare them and say which files to load.

A TaskFlow DAG that is scheduled by assets and reads receipts, never rows: what an Airflow worker sees of the
data is where it is and how much of it there is. Copy it beside `hybrid_pipelines.py` and name pipelines of
your own.

No loader reads our receipts, so the last task makes of each what Amazon Redshift's COPY does read: a manifest
of exactly the files of the run. Put it where your cluster reads it, with a connection that may write there:

    S3CreateObjectOperator.partial(task_id="put", s3_bucket="my-bucket", replace=True).expand_kwargs(...)
    copy customers from 's3://my-bucket/customers-regional.json' iam_role '…' format parquet manifest

Spark and pyarrow take the list of its `url`s as it is. A path with a wildcard would load the files of failed
and replaced runs too.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hybrid_airflow.aws import Clients
from hybrid_airflow.factory import asset
from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.receipt import Receipt, named_files

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
    """Compare what landed, then name its files for a loader."""

    @task
    def receipts(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """What landed since the run before. Airflow puts the events that wait together; of one interval the
        last counts."""
        landed = {
            event.extra["manifest"]: event.extra
            for events in triggering_asset_events.values()
            for event in events
        }
        return list(landed.values())

    @task
    def compare(landed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Refuse to go on when one side is much smaller than the other."""
        rows: Counter[str] = Counter()
        for receipt in map(Receipt.from_xcom, landed):
            rows[receipt.pipeline] += receipt.rows
        if min(rows.values()) < SHARE * max(rows.values()):
            said = ", ".join(f"{name} {count}" for name, count in sorted(rows.items()))
            raise ValueError(f"One side has less than {SHARE:.0%} of the rows of the other: {said}.")
        return landed

    @task
    def copy_manifests(landed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """By pipeline, what COPY takes (Redshift Developer Guide, "Using a manifest to specify data files").

        `meta.content_length` is needed for Parquet; `mandatory` ends the load where a file is missing.
        """
        s3 = Clients(aws_conn_id="aws_default", region=ESTATE.region).s3
        manifests: dict[str, dict[str, Any]] = {}
        for receipt in map(Receipt.from_xcom, landed):
            manifests.setdefault(receipt.pipeline, {"entries": []})["entries"] += [
                {
                    "url": f"s3://{receipt.bucket}/{file['key']}",
                    "mandatory": True,
                    "meta": {"content_length": file["bytes"]},
                }
                for file in named_files(s3, receipt)
            ]
        return manifests

    copy_manifests(compare(receipts()))


customers_reconciled()
