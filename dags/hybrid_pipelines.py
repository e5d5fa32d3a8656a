"""The DAGs of the estate: one per pipeline, one per entry of `dags`, from the manifest beside this file."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG  # noqa: F401  Airflow only reads files that say "airflow" and "DAG".

from hybrid_airflow.factory import build_dags
from hybrid_airflow.manifest import ManifestError

try:
    globals().update(build_dags(Path(__file__).parent))
except ManifestError as error:
    raise ManifestError(str(error)) from None
