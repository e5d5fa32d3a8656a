"""A few runs of the fault campaign; `python -m bench.campaign` runs it with hundreds."""

from __future__ import annotations

import pytest

from bench.campaign.campaign import campaign
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode

pytestmark = pytest.mark.e2e


# With the demo, if it is the first that needs one.
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("demo", [Mode.CONTAINER], indirect=True, ids=str)
def test_no_run_is_lost_doubled_or_falsely_green_whatever_is_killed(demo: DemoEnvironment) -> None:
    # Given runs that wait in the worker and in the triggerer, while everything is killed, cut and refused
    outcome = campaign(demo, runs=8, seed=4, timeout=420)

    # Then each lands its rows, by one container a try, and nothing runs on
    assert outcome.findings.is_good, outcome.findings
    assert outcome.hits.total() >= 3, "nothing was hit"
