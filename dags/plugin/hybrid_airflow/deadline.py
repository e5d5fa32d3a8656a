"""The alert of a run that has not ended in time: a line in plain words, and a metric with an alarm on it.

Airflow has deadline alerts since 3.1; before, a DAG has none, and the estate file is refused with one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version
from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow.aws import Clients
from hybrid_airflow.compat import AsyncCallback, DeadlineAlert, DeadlineReference
from hybrid_airflow.manifest import Estate, Pipeline
from hybrid_airflow.poller import in_thread
from hybrid_airflow.retrying import plain
from hybrid_airflow.watch import span

log = logging.getLogger(__name__)

#: Namespace in which the role of an MWAA environment may put metrics, and the metric of missed deadlines:
#: hybrid_constructs/airflow_alarms.py has the alarm.
NAMESPACE, METRIC = "AmazonMWAA", "DeadlineMissed"


def deadline_arguments(
    estate: Estate,
    seconds: int | None,
    *,
    dag_id: str,
    pipelines: Sequence[Pipeline],
    after: Sequence[Any] = (),
) -> dict[str, Any]:
    """Arguments of a DAG whose runs should end within so many seconds of their queuing; none without.

    Args:
        dag_id: of the DAG.
        pipelines: All that it is made of.
        after: The assets that it waits for, or references to them.
    """
    if seconds is None or DeadlineAlert is None:
        return {}
    return {
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(seconds=seconds),
            callback=AsyncCallback(
                deadline_missed,
                kwargs={
                    "estate": estate.estate,
                    "region": estate.region,
                    "seconds": seconds,
                    "of_dag": _digest(estate, dag_id, pipelines, after),
                },
            ),
        )
    }


def _digest(estate: Estate, dag_id: str, pipelines: Sequence[Pipeline], after: Sequence[Any]) -> str:
    """Digest of all that a DAG is made of.

    Airflow stores the alert of a DAG's first version alone: where a later version is another DAG with the
    same alert, its runs have no deadline (apache/airflow#68732, #72471; mended in 3.3.2). So the alert
    of each version is another.
    """
    name = dag_id.removeprefix(f"{estate.estate}-")
    parts = [
        _code(),
        dag_id,
        estate.dags[name].model_dump_json() if name in estate.dags else "",
        *(f"{one.name} {getattr(one, 'uri', '')}" for one in after),
        *(pipeline.model_dump_json() for pipeline in pipelines),
        *(estate.of_site(pipeline.site).model_dump_json() for pipeline in pipelines),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def _code() -> str:
    """Digest of this package and of Airflow's version, by which the same manifest becomes another DAG."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    content = b"\0".join(file.read_bytes() for file in files)
    return f"{airflow_version} {hashlib.sha256(content).hexdigest()}"


async def deadline_missed(
    *,
    estate: str,
    region: str,
    seconds: int,
    of_dag: str = "",  # noqa: ARG001  makes the alert of each version of a DAG another
    aws_conn_id: str | None = "aws_default",
    context: Mapping[str, Any] | None = None,
) -> str:
    """Say which run is late, and count it; Airflow calls this in the triggerer. Returns what it said.

    The run goes on: a deadline tells somebody, and `run_deadline` ends a container.
    """
    run = (context or {}).get("dag_run") or {}
    said = (
        f"Run '{run.get('run_id', 'unknown')}' of DAG '{run.get('dag_id', 'unknown')}' has not ended "
        f"{span(seconds)} after it was queued, and goes on. Look at its tasks: which waits, and for what."
    )
    log.error("%s", said)
    try:
        await in_thread(_count, Clients(aws_conn_id=aws_conn_id, region=region), estate)
    except (ClientError, BotoCoreError) as error:
        log.warning("CloudWatch did not take the metric, so no alarm tells of it: %s", plain(error))
    return said


def _count(clients: Clients, estate: str) -> None:
    dimensions = [{"Name": "Environment", "Value": f"hybrid-{estate}"}]
    clients.cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[{"MetricName": METRIC, "Dimensions": dimensions, "Value": 1, "Unit": "Count"}],
    )
