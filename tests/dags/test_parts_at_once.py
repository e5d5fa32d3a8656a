"""However an Airflow counts its tasks, a source is read by no more containers at once than it bears."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow_server import airflow_server
from scripted_aws import Script, ScriptedAws

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_as_many_parts_are_read_at_once_as_the_source_bears(aws: ScriptedAws, tmp_path: Path) -> None:
    # Given a pipeline of four key ranges, of which two may be read at once, at a site with more room
    most = 0

    def count(operation: str, _: str) -> None:
        nonlocal most
        if operation == "RunTask":
            most = max(most, len(aws.running))

    aws.hook, aws.script = count, Script(running=8.0)
    parts = {"ledger-regional": {"parts": 4, "parts_at_once": 2, "deadline_seconds": None}}
    with airflow_server(tmp_path / "home", parts=parts, aws=aws) as server:
        # When it runs
        conf = {"from": "2026-11-20T00:00:00+00:00", "to": "2026-11-21T00:00:00+00:00"}
        server.command("dags", "trigger", "acme-ledger-regional", "--conf", json.dumps(conf), "-r", "parts")
        [ended] = server.until(
            lambda: [one for one in server.runs("acme-ledger-regional") if one in {"success", "failed"}],
            seconds=300,
            what="the run in parts",
        )
    # Then two ran at once, never more, and all have landed
    assert (ended, most) == ("success", 2)
