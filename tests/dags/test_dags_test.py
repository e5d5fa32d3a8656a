"""`airflow dags test`, the first thing that the author of a DAG runs, runs a DAG to its end."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from airflow_home import airflow, make_home
from scripted_aws import Script, ScriptedAws

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_home(tmp_path_factory.mktemp("airflow"))
    # A try that fails is the end of it, where it would be tried again after minutes
    for part in (home / "dags" / "manifest").iterdir():
        part.write_text(json.dumps({**json.loads(part.read_text()), "retries": 0}))
    return home


def states(home: Path, dag: str) -> list[tuple[str, str]]:
    """The states of the last run's tasks, by their ids."""
    with sqlite3.connect(home / "airflow.db") as database:
        return database.execute(
            "select task_id, state from task_instance where run_id = (select run_id from dag_run "
            "where dag_id = ? order by id desc limit 1) and dag_id = ? order by task_id, map_index",
            (dag, dag),
        ).fetchall()


def test_a_pipeline_in_parts_with_a_deadline_lands(aws: ScriptedAws, home: Path) -> None:
    aws.script = Script(running=0.5)
    airflow(home, "dags", "test", "acme-ledger-regional", "2026-11-22")
    found = states(home, "acme-ledger-regional")
    assert [state for _, state in found] == ["success"] * 4
    assert found[0] == ("ledger-regional.commit", "success")


def test_a_pipeline_that_waits_for_its_site_lands(aws: ScriptedAws, home: Path) -> None:
    # Given a site whose host connects after a while, and a container that runs for longer than a look
    aws.script = Script(running=2.0)
    aws.instances[0]["agentConnected"] = False
    looks = 0

    def connect(operation: str, _: str) -> None:
        nonlocal looks
        looks += operation == "DescribeContainerInstances"
        aws.instances[0]["agentConnected"] = looks >= 2

    aws.hook = connect
    airflow(home, "dags", "test", "acme-customers-regional")
    # Then it has run to its end, by one container
    assert states(home, "acme-customers-regional") == [("customers-regional", "success")]
    assert len(aws.tasks) == 1
