"""How long a host may be on its way before it counts as stuck."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hybrid.fleet.diagnosis import _of_host
from hybrid.fleet.hosts import Host, HostState


@pytest.mark.parametrize(("minutes", "is_stuck"), [(14.5, False), (15.5, True)])
def test_a_host_has_a_quarter_of_an_hour_from_systems_manager_to_ecs(minutes: float, is_stuck: bool) -> None:
    # Given a host that Systems Manager has known for a while, and ECS not yet
    registered = datetime.now(UTC) - timedelta(minutes=minutes)
    host = Host(
        site="depot",
        node="mi-1",
        instance=None,
        name="rack-1",
        address="10.0.0.7",
        state=HostState.HALF_REGISTERED,
        connected=False,
        ping="Online",
        last_seen=datetime.now(UTC),
        registered=registered,
        agent_version="",
        ssm_version="3",
        docker_version="",
        platform="Debian",
        running=0,
        pending=0,
        cpu=(0, 0),
        memory=(0, 0),
        attributes={},
        activation_id="activation",
    )

    # Then it is a finding after a quarter of an hour, which installing Docker and the agent may take
    assert ["its ECS agent never came up" in found.problem for found in _of_host(host)] == [True] * is_stuck
