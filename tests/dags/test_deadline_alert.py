"""A run that is late is said in plain words, and counted where the alarm looks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from hybrid_airflow.aws import Clients
from hybrid_airflow.deadline import deadline_missed

CONTEXT = {"dag_run": {"dag_id": "acme-ledger-regional", "run_id": "scheduled__2026-11-22"}}
SAID = "Run 'scheduled__2026-11-22' of DAG 'acme-ledger-regional' has not ended 2 h after it was queued"
COUNTED = {
    "Namespace": "AmazonMWAA",
    "MetricData": [
        {
            "MetricName": "DeadlineMissed",
            "Dimensions": [{"Name": "Environment", "Value": "hybrid-acme"}],
            "Value": 1,
            "Unit": "Count",
        }
    ],
}


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """CloudWatch's own client, whose requests and answers are checked against its service model."""
    client: Any = Session().create_client(
        "cloudwatch", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    monkeypatch.setattr(Clients, "cloudwatch", client)
    return Stubber(client)


def miss() -> str:
    return asyncio.run(deadline_missed(estate="acme", region="eu-west-1", seconds=7200, context=CONTEXT))


def test_a_late_run_is_named_and_counted_where_the_alarm_looks(cloudwatch: Stubber) -> None:
    cloudwatch.add_response("put_metric_data", {}, COUNTED)
    with cloudwatch:
        assert miss().startswith(SAID)
    cloudwatch.assert_no_pending_responses()


def test_a_metric_that_is_refused_changes_nothing_about_what_is_said(cloudwatch: Stubber) -> None:
    cloudwatch.add_client_error("put_metric_data", "AccessDenied")
    with cloudwatch:
        assert miss().startswith(SAID)
