"""Which versions of a host are too old, where it is told, and what is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fleet_estate import DeployedEstate

from hybrid.fleet import versions
from hybrid.fleet.diagnosis import _of_versions
from hybrid.fleet.hosts import Host, HostState
from hybrid.fleet.versions import too_old

_HOST = Host(
    site="depot",
    node="mi-1",
    instance="i",
    name="rack-1",
    address="10.0.0.7",
    state=HostState.READY,
    connected=True,
    ping="Online",
    last_seen=datetime.now(UTC),
    registered=datetime.now(UTC),
    agent_version="1.105.1",
    ssm_version="3.3.987.0",
    docker_version="27.1.1",
    platform="Debian",
    running=0,
    pending=0,
    cpu=(0, 0),
    memory=(0, 0),
    attributes={},
    activation_id="activation",
)


@pytest.mark.parametrize(
    ("changes", "programs"),
    [
        ({}, []),
        ({"agent_version": "1.86.0"}, ["ECS agent"]),
        ({"agent_version": "1.86.1"}, []),
        ({"agent_version": "1.9.0"}, ["ECS agent"]),
        ({"ssm_version": "3.3.39.0"}, ["SSM agent"]),
        ({"ssm_version": "3.3.40.0"}, []),
        ({"docker_version": "19.03.15"}, ["Docker"]),
        ({"docker_version": "20.10.24+dfsg1"}, []),
        ({"agent_version": "", "ssm_version": "unknown", "docker_version": ""}, []),
    ],
)
def test_a_version_is_judged_by_its_numbers_and_what_is_not_told_is_not_judged(
    changes: dict[str, str], programs: list[str]
) -> None:
    host = replace(_HOST, **changes)  # type: ignore[arg-type]
    assert [one.program for one in too_old(host)] == programs


def test_the_doctor_says_what_does_not_work_with_it() -> None:
    (found,) = _of_versions(replace(_HOST, ssm_version="3.2.0.0"))
    assert found.level == "warning"
    assert found.problem.startswith(
        "SSM agent 3.2.0.0 is older than 3.3.40: below it, the agent calls ec2mess"
    )


def test_the_list_marks_it(depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions._LEAST, "Docker", ("99.0", "nothing works"))
    depot.host("rack-1")
    # When
    table = depot.run("hosts", "list").stdout
    assert "27.1.1 (too old)" in table
    (told,) = json.loads(depot.run("hosts", "list", "--json").stdout)
    assert [one["program"] for one in told["too_old"]] == ["Docker"]
    assert "Docker 27.1.1 is older than 99.0" in depot.run("hosts", "doctor").stdout
