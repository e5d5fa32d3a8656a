"""DAGs of the fault campaign: its two pipelines, waiting in the worker and waiting in the triggerer.

What `hybrid_pipelines.py` makes of the same pipelines looks at a container every ten seconds; these look
every second, so that many short runs take less time.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.operators import RunPipelineOperator

HERE = Path(__file__).parent
ESTATE = read_estate(HERE)

for name in ("campaign-headquarters", "campaign-regional"):
    pipeline = read_pipeline(HERE, name, estate=ESTATE)
    for where in ("worker", "triggerer"):
        with DAG(dag_id=f"{name}-in-the-{where}", schedule=None, max_active_runs=6) as dag:
            RunPipelineOperator(
                task_id=name,
                estate=ESTATE,
                pipeline=pipeline,
                interval_from="{{ dag_run.conf['from'] }}",
                interval_to="{{ dag_run.conf['to'] }}",
                deferrable=where == "triggerer",
                poll_seconds=1.0,
                grace_seconds=30.0,
                retry_delay=timedelta(seconds=2),
            )
        globals()[dag.dag_id] = dag
