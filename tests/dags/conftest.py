"""What the tests of the Airflow layer share. They run in an environment with Airflow, and with nothing of
the CDK side; elsewhere they are skipped, and say so."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.loaders
import botocore.session
import pytest
from botocore.retries.standard import ExponentialBackoff
from tenacity import wait_random

if TYPE_CHECKING:
    from scripted_aws import ScriptedAws

DAGS = Path(__file__).parents[2] / "dags"
FIXTURES = Path(__file__).parent / "fixtures"

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-tests-"))
os.environ.update(
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(DAGS / "plugin"),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
    AWS_EC2_METADATA_DISABLED="true",
)
sys.path[:0] = [str(DAGS / "plugin"), str(Path(__file__).parent)]

# A client costs a few tenths of a second, nearly all of it for reading service models. They do not change
# between tests, so every session reads them through one loader, which keeps them.
botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)

try:
    import airflow  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def _triggers_fire_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler watches here, so nothing is gained by letting a trigger live for seconds."""
    monkeypatch.setattr("hybrid_airflow.triggers.SETTLE_SECONDS", 0.0)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAws]:
    """Scripted AWS, and an Airflow connection that leads there. Long waits gain nothing: log lines are there
    at once, and a fault is over after as many calls as the test says."""
    from scripted_aws import REGION, scripted_aws  # noqa: PLC0415

    from hybrid_airflow import logs, retrying  # noqa: PLC0415

    monkeypatch.setattr(logs, "FLUSH", 0.0)
    monkeypatch.setattr(retrying, "wait_random_exponential", lambda **_: wait_random(0, 0.05))
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    with scripted_aws() as stand_in:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", '{"conn_type": "aws"}')
        monkeypatch.setenv("AWS_ENDPOINT_URL", stand_in.url)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            monkeypatch.setenv(name, value)
        yield stand_in
