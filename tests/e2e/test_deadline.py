"""A run that is late is told of while it goes on: by Airflow's own scheduler and triggerer."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from dag_runs import run_dag

from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(1200)  # with the demo, if it is the first that needs one
@pytest.mark.parametrize("demo", [Mode.PROCESS], indirect=True, ids=str)
def test_a_run_that_misses_its_deadline_is_counted_and_goes_on(demo: DemoEnvironment) -> None:
    # Given a DAG whose runs take longer than their deadline
    before = missed(demo)

    # When it runs
    failed = run_dag(demo.airflow().client(), "hurried-slow-regional")

    # Then the run has succeeded all the same, and the metric of the alarm has counted it
    assert failed == {}
    patience = time.monotonic() + 60
    while missed(demo) == before and time.monotonic() < patience:
        time.sleep(1)
    assert missed(demo) == before + 1


def missed(demo: DemoEnvironment) -> float:
    """Sum of the metric that sets off the alarm `DeadlineMissed`."""
    cloudwatch = boto3.client(
        "cloudwatch",
        endpoint_url=demo.emulator.endpoint_url,
        region_name=demo.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace="AmazonMWAA",
        MetricName="DeadlineMissed",
        Dimensions=[{"Name": "Environment", "Value": demo.names.airflow_environment}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))
