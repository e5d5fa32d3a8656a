"""DAGs of the tests of faults: two pipelines of the estate, looked at every second.

What `hybrid_pipelines.py` makes of the same pipelines looks at a container every ten seconds, and gives a
host that is cut off two and a half minutes to confirm that it stopped its container.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from hybrid_airflow.deadline import deadline_arguments
from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.operators import RunPipelineOperator

HERE = Path(__file__).parent
ESTATE = read_estate(HERE)

for name in ("customers-regional", "slow-regional"):
    pipeline = read_pipeline(HERE, name, estate=ESTATE)
    # A run of slow-regional takes fifteen seconds, and so misses its deadline; the other has none.
    seconds = 8 if name == "slow-regional" else None
    deadline = deadline_arguments(ESTATE, seconds, dag_id=f"hurried-{name}", pipelines=[pipeline])
    with DAG(dag_id=f"hurried-{name}", schedule=None, **deadline) as dag:
        RunPipelineOperator(
            task_id=name,
            estate=ESTATE,
            pipeline=pipeline.model_copy(update={"run_deadline_seconds": 45}),
            poll_seconds=1.0,
            grace_seconds=10.0,
        )
    globals()[dag.dag_id] = dag
