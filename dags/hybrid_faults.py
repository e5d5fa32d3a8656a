"""Why a DAG of the estate is not there: what hybrid_pipelines.py left out, as an import error of this file.

Airflow takes away every DAG of a file with an import error, so the error is here, where no DAG is.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG  # noqa: F401  Airflow only reads files that say "airflow" and "DAG".

from hybrid_airflow.factory import refuse_faults
from hybrid_airflow.manifest import ManifestError

try:
    refuse_faults(Path(__file__).parent)
except ManifestError as error:
    raise ManifestError(str(error)) from None
