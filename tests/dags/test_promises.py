"""Changed columns and unexpected rows of a receipt: in the log, the XCom, the asset's event and a metric."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from hybrid_airflow.aws import Clients
from hybrid_airflow.promises import drift_of, tell, unexpected_of
from hybrid_airflow.receipt import Receipt

BODY = {
    "drift": {
        "changes": [
            {"column": "email", "change": "added", "before": None, "after": "string", "passed": True},
            {"column": "id", "change": "widened", "before": "int32", "after": "int64", "passed": True},
        ]
    },
    "expectations": [
        {"expectation": "rows.min", "passed": True, "said": "3 rows, and at least 1 are expected"},
        {"expectation": "unique.id", "passed": False, "said": "1 rows have a (id) that an earlier row has"},
    ],
}


def counted(metric: str) -> dict[str, Any]:
    return {
        "Namespace": "AmazonMWAA",
        "MetricData": [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "Environment", "Value": "hybrid-acme"}],
                "Value": 1,
                "Unit": "Count",
            }
        ],
    }


def test_both_are_said_and_counted_and_a_refused_metric_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Given CloudWatch's own client, whose requests are checked against its service model
    client: Any = Session().create_client(
        "cloudwatch", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    monkeypatch.setattr(Clients, "cloudwatch", client)
    stubber = Stubber(client)
    stubber.add_response("put_metric_data", {}, counted("SchemaDrift"))
    stubber.add_client_error("put_metric_data", "AccessDenied")
    # When
    with stubber, caplog.at_level(logging.WARNING):
        tell(
            logging.getLogger("told"), Clients(aws_conn_id=None, region="eu-west-1"), estate="acme",
            drift=drift_of(BODY), unexpected=unexpected_of(BODY),
        )  # fmt: skip
    # Then
    stubber.assert_no_pending_responses()
    assert "Columns changed: email (string) is new; id: int32 → int64." in caplog.text
    assert "Rows are not as expected: 1 rows have a (id)" in caplog.text
    assert "did not take the metric ExpectationFailed" in caplog.text


def test_a_receipt_of_an_older_container_says_nothing_and_an_older_xcom_is_read() -> None:
    assert drift_of({}) == unexpected_of({}) == ()
    old = {name: 0 for name in Receipt.__dataclass_fields__ if name not in ("drift", "unexpected")}
    assert Receipt.from_xcom(old).drift == ()
