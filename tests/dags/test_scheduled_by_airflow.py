"""What only Airflow's own scheduler shows: events put together, slots of pools, deadlines after an edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow_server import AirflowServer, airflow_server, edit
from scripted_aws import Script, ScriptedAws, scripted_aws

from hybrid_airflow.compat import DeadlineAlert

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
        "customers-headquarters": {"deadline_seconds": 3600},
    }
    home = tmp_path_factory.mktemp("airflow") / "home"
    with airflow_server(home, parts=parts, aws=aws) as running:
        yield running


def land(server: AirflowServer, day: int) -> None:
    """Run orders-regional of a day of November."""
    conf = {"from": f"2026-11-{day:02d}T00:00:00+00:00", "to": f"2026-11-{day + 1:02d}T00:00:00+00:00"}
    server.command("dags", "trigger", "acme-orders-regional", "--conf", json.dumps(conf), "-r", f"day-{day}")


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
    server.until(lambda: server.runs("acme-orders-report") == ["running"], what="the first report")
    for day in (3, 4, 9):
        land(server, day)
    server.until(lambda: server.runs("acme-orders-regional") == ["success"] * 4, what="the days have landed")
    # When it ends, and nothing else lands
    slow.running = 1.0
    wanted = [f"interval=202611{day:02d}T000000Z-202611{day + 1:02d}T000000Z" for day in (2, 3, 4, 9)]
    server.until(lambda: len(reports(aws)) >= 4, seconds=240, what="the other reports")

    # Then each day is a report of its own, and no report reaches over the gap
    assert reports(aws) == wanted
    assert server.runs("acme-orders-regional") == ["success"] * 4


def task_state(server: AirflowServer, dag: str, run: str) -> str | None:
    [row] = server.rows("select state from task_instance where dag_id = ? and run_id = ?", dag, run) or [
        (None,)
    ]
    state: str | None = row[0]
    return state


def test_a_run_whose_container_has_ended_does_not_wait_for_those_that_are_yet_to_start(
    server: AirflowServer, aws: ScriptedAws
) -> None:
    # Given a site of one slot, a container in it, and a run of an older date that waits for the slot
    server.command("pools", "set", "site-on-premises", "1", "for a test", "--include-deferred")
    first = aws.script = Script(running=900.0)
    server.command("dags", "trigger", "acme-customers-regional", "-r", "first")
    server.until(
        lambda: task_state(server, "acme-customers-regional", "first") == "deferred", what="the container"
    )
    second = aws.script = Script(running=900.0)
    conf = {"from": "2026-11-20T00:00:00+00:00", "to": "2026-11-21T00:00:00+00:00"}
    older = ("--logical-date", "2026-01-02T00:00:00+00:00", "--conf", json.dumps(conf))
    server.command("dags", "trigger", "acme-orders-regional", "-r", "second", *older)
    server.until(
        lambda: task_state(server, "acme-orders-regional", "second") == "scheduled", what="the second run"
    )
    # When the container ends
    first.running = 1.0
    # Then its result is there before the other's container is
    server.until(
        lambda: task_state(server, "acme-customers-regional", "first") == "success", what="the result"
    )
    # And the slot is the other's from then on
    server.until(lambda: task_state(server, "acme-orders-regional", "second") == "deferred", what="the slot")
    second.running = 1.0
    server.until(lambda: task_state(server, "acme-orders-regional", "second") == "success", what="its end")


@pytest.mark.skipif(DeadlineAlert is None, reason="Airflow before 3.1 has no deadline alerts")
def test_a_run_has_its_deadline_whatever_of_the_dag_was_edited(
    server: AirflowServer, aws: ScriptedAws
) -> None:
    # Given a DAG with a deadline that has run
    dag = "acme-customers-headquarters"
    aws.script = Script(running=1.0)

    def deadlines() -> list[str]:
        return [
            run
            for (run,) in server.rows(
                "select r.run_id from deadline d join dag_run r on r.id = d.dagrun_id where r.dag_id = ?", dag
            )
        ]

    def versions() -> int:
        [[count]] = server.rows("select count(*) from dag_version where dag_id = ?", dag)
        return int(count)

    part = server.home / "dags" / "manifest" / "customers-headquarters.json"
    edits: list[dict[str, Any]] = [
        {"description": "Customers of headquarters, all of them."},
        {"tags": ["finance"]},
        {"deadline_seconds": 7200},
    ]
    aws.by_family["hybrid-acme-headquarters"] = Script(running=900.0)
    for number, changes in enumerate([{}, *edits]):
        before = versions()
        if changes:
            # When it is edited
            edit(part, **changes)
            server.until(lambda before=before: versions() > before, what=f"the version with {changes}")
        server.command("dags", "trigger", dag, "-r", f"run-{number}")
        # Then the next run has its deadline, too
        server.until(
            lambda number=number: f"run-{number}" in deadlines(),
            seconds=30,
            what=f"a deadline after {changes}",
        )
        aws.by_family["hybrid-acme-headquarters"].running = 1.0
        server.until(
            lambda number=number: task_state(server, dag, f"run-{number}") in {"success", "failed"},
            what="its end",
        )


def test_the_days_of_a_calendar_are_none_of_the_schedulers(server: AirflowServer) -> None:
    # Given a pipeline whose calendar closes all days from yesterday to the fourth from now
    today = datetime.now(UTC).date()
    closed = [(today + timedelta(days=ahead)).isoformat() for ahead in range(-1, 5)]
    part = server.home / "dags" / "manifest" / "ledger-regional.json"
    # When it gets a daily schedule
    edit(part, schedule="@daily", uses_interval=True, closed_days=closed)

    def due() -> list[str]:
        [[begin, end]] = server.rows(
            "select next_dagrun_data_interval_start, next_dagrun_data_interval_end from dag where dag_id = ?",
            "acme-ledger-regional",
        )
        return [str(begin)[:10], str(end)[:10]]

    # Then the next interval reaches over them
    expected = [(today + timedelta(days=ahead)).isoformat() for ahead in (-2, 5)]
    server.until(lambda: due() == expected, what=f"the interval from {expected[0]} to {expected[1]}")


def test_a_function_of_the_team_is_called_when_a_run_has_ended(
    server: AirflowServer, aws: ScriptedAws
) -> None:
    # Given a module beside the DAG files
    told = server.home / "told"
    package = server.home / "dags" / "sales_team"
    package.mkdir()
    (package / "calls.py").write_text(
        f"def tell(context):\n    open({str(told)!r}, 'a').write(context['dag_run'].run_id + '\\n')\n"
    )
    dag = "acme-customers-regional"
    part = server.home / "dags" / "manifest" / "customers-regional.json"
    edit(part, on_success="sales_team.calls:tell", on_failure="sales_team.calls:tell", prefix="regional/none")
    server.until(
        lambda: server.rows(
            "select 1 from serialized_dag where dag_id = ? and data like '%has_on_failure_callback%'", dag
        ),
        what="the version with its functions",
    )
    # When a run fails, for the container lands elsewhere
    aws.script = Script(running=1.0)
    server.command("dags", "trigger", dag, "-r", "told")
    # Then Airflow calls it
    server.until(lambda: told.exists() and told.read_text() == "told\n", what="the call")
