"""What only Airflow's own scheduler shows: events put together, slots of pools, deadlines after an edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_server import AirflowServer, airflow_server
from scripted_aws import REGION, Script, ScriptedAws, scripted_aws

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Where the stand-in's containers land what the report's specification says.
REPORT = "headquarters/orders-headquarters"


@pytest.fixture(scope="module")
def aws() -> Iterator[ScriptedAws]:
    with scripted_aws() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def server(aws: ScriptedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    parts: dict[str, dict[str, Any]] = {
        "orders-report": {"schedule": "after", "after": ["orders-regional"], "prefix": REPORT},
        "orders-regional": {"max_active_runs": 4},
    }
    more = {
        "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws"}',
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    home = tmp_path_factory.mktemp("airflow") / "home"
    with airflow_server(home, parts=parts, more=more) as running:
        running.until(
            lambda: len(running.rows("select dag_id from dag where not is_stale")) == 6, what="the DAGs"
        )
        yield running


def land(server: AirflowServer, day: int) -> None:
    """Run orders-regional of a day of November."""
    conf = {"from": f"2026-11-{day:02d}T00:00:00+00:00", "to": f"2026-11-{day + 1:02d}T00:00:00+00:00"}
    server.command("dags", "trigger", "acme-orders-regional", "--conf", json.dumps(conf), "-r", f"day-{day}")


def states(server: AirflowServer, dag: str) -> list[str]:
    return [row[0] for row in server.rows("select state from dag_run where dag_id = ? order by id", dag)]


def reports(aws: ScriptedAws) -> list[str]:
    """The days that the report has landed, by the names of their intervals."""
    return sorted(key.split("/")[-2] for key in list(aws.objects) if f"/{REPORT}/" in key)


def test_each_interval_that_lands_upstream_is_read_by_itself_and_none_is_forgotten(
    server: AirflowServer, aws: ScriptedAws
) -> None:
    # Given a report that is under way when three more days land, with a gap between them
    aws.script = Script(running=1.0)
    slow = aws.by_family["hybrid-acme-headquarters"] = Script(running=900.0)
    land(server, 2)
    server.until(lambda: states(server, "acme-orders-report") == ["running"], what="the first report")
    for day in (3, 4, 9):
        land(server, day)
    server.until(
        lambda: states(server, "acme-orders-regional") == ["success"] * 4, what="the days have landed"
    )
    # When it ends, and nothing else lands
    slow.running = 1.0
    wanted = [f"interval=202611{day:02d}T000000Z-202611{day + 1:02d}T000000Z" for day in (2, 3, 4, 9)]
    server.until(lambda: len(reports(aws)) >= 4, seconds=240, what="the other reports")

    # Then each day is a report of its own, and no report reaches over the gap
    assert reports(aws) == wanted
    assert states(server, "acme-orders-regional") == ["success"] * 4
