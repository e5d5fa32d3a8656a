"""What the tests of the Airflow layer share. They run in an environment with Airflow, and with nothing of
the CDK side; elsewhere they are skipped, and say so."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"
FIXTURES = Path(__file__).parent / "fixtures"

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-tests-"))
os.environ.update(
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    AWS_EC2_METADATA_DISABLED="true",
)
sys.path.insert(0, str(DAGS / "plugin"))

try:
    import airflow  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]
