"""A trigger lives for a few seconds at least, or a good task is marked failed.

Seen on Airflow 3.3.1: a task that deferred, was triggered within its supervisor's heartbeat
interval, and succeeded, ended as failed ("task state changed externally").
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest
from airflow.configuration import conf

from hybrid_airflow import triggers


@pytest.mark.parametrize(("began_before", "least"), [(0.0, 0.5), (0.3, 0.2), (9.0, 0.0)])
def test_an_event_waits_until_the_trigger_has_lived_long_enough(
    monkeypatch: pytest.MonkeyPatch, began_before: float, least: float
) -> None:
    # Given a least life of half a second
    monkeypatch.setattr(triggers, "SETTLE_SECONDS", 0.5)

    # When a trigger that began some time ago is ready to fire
    async def fire() -> None:
        await triggers._settled(asyncio.get_running_loop().time() - began_before)

    start = time.monotonic()
    asyncio.run(fire())

    # Then it waits for the rest of that life, and no longer
    waited = time.monotonic() - start
    assert least - 0.05 <= waited < least + 0.4


def test_the_least_life_is_longer_than_the_supervisors_heartbeat() -> None:
    # Given the module as it is shipped, not as these tests have it
    source = Path(triggers.__file__).read_text()
    [declared] = re.findall(r"^SETTLE_SECONDS = ([0-9.]+)$", source, re.MULTILINE)

    assert float(declared) > conf.getint("workers", "min_heartbeat_interval")
