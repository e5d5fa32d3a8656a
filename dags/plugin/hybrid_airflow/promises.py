"""What a receipt says of columns that changed and rows that are not as expected, where Airflow shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow.aws import Clients
from hybrid_airflow.deadline import NAMESPACE
from hybrid_airflow.retrying import plain

#: Metrics with the dimension Environment: runs that landed with other columns, or with rows not as expected.
DRIFT, UNEXPECTED = "SchemaDrift", "ExpectationFailed"

_SAYING = {
    "added": "{column} ({after}) is new",
    "removed": "{column} ({before}) is gone",
    "moved": "the order of the columns is another from {column} on",
}


def drift_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The changes of columns in a receipt, a few words each; none in a receipt of an older container."""
    changes = (body.get("drift") or {}).get("changes") or ()
    return tuple(_SAYING.get(one["change"], "{column}: {before} → {after}").format(**one) for one in changes)


def unexpected_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What was not as expected and landed all the same (`on_failure: warn`), a sentence each."""
    return tuple(str(one["said"]) for one in body.get("expectations") or () if not one["passed"])


def tell(
    log: Any, clients: Clients, *, estate: str, drift: tuple[str, ...], unexpected: tuple[str, ...]
) -> None:
    """Say it in the task's log and count it in CloudWatch; a metric that is refused changes nothing.

    Args:
        log: the task's logger, of a kind of Airflow's own.
    """
    for said, metric in ((drift, DRIFT), (unexpected, UNEXPECTED)):
        if not said:
            continue
        what = "Columns changed" if metric == DRIFT else "Rows are not as expected"
        log.warning("%s: %s.", what, "; ".join(said))
        try:
            clients.cloudwatch.put_metric_data(
                Namespace=NAMESPACE,
                MetricData=[
                    {
                        "MetricName": metric,
                        "Dimensions": [{"Name": "Environment", "Value": f"hybrid-{estate}"}],
                        "Value": 1,
                        "Unit": "Count",
                    }
                ],
            )
        except (ClientError, BotoCoreError) as error:
            log.warning("CloudWatch did not take the metric %s: %s", metric, plain(error))
