"""Which interval a run reads, and what its directory in the lake is called."""

from __future__ import annotations

from datetime import UTC, datetime, timezone
from types import SimpleNamespace

import pytest
from airflow_runs import context, operator, run
from scripted_aws import ScriptedAws

from hybrid_airflow.interval import Interval, IntervalError, choose, directory

DAY = (datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
GIVEN = ("2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+01:00")


def receipt(start: str, end: str) -> dict[str, object]:
    return {"interval": {"from": f"{start}T00:00:00+00:00", "to": f"{end}T00:00:00+00:00"}}


def test_what_is_asked_for_comes_first() -> None:
    [chosen] = choose(given=GIVEN, landed=[receipt("2026-11-05", "2026-11-06")], scheduled=DAY)
    assert chosen.arguments == ("--from", "2026-11-01T00:00:00+00:00", "--to", "2026-11-01T23:00:00+00:00")


def test_then_what_landed_upstream_each_by_itself() -> None:
    landed = [receipt("2026-11-05", "2026-11-06"), {"interval": None}, receipt("2026-11-03", "2026-11-04")]
    chosen = choose(given=(None, None), landed=landed, scheduled=DAY)
    assert [(one.start.day, one.end.day) for one in chosen] == [(5, 6), (3, 4)]


def test_then_the_data_interval() -> None:
    assert choose(given=(None, None), landed=[], scheduled=DAY) == [Interval(start=DAY[0], end=DAY[1])]


@pytest.mark.parametrize(
    ("given", "scheduled", "said"),
    [
        ((None, None), (None, None), "this run has none. Trigger it with 'from' and 'to'"),
        ((None, None), (DAY[0], DAY[0]), "this run has none"),
        ((GIVEN[0], None), DAY, "Only one of 'from' and 'to'"),
        ((GIVEN[1], GIVEN[0]), DAY, "is empty"),
        (("2026-11-01", "2026-11-02"), DAY, "has no time zone"),
        (("yesterday", "today"), DAY, "'yesterday' is not an ISO 8601 time"),
    ],
)
def test_no_interval_is_guessed(
    given: tuple[str, str], scheduled: tuple[datetime, datetime], said: str
) -> None:
    with pytest.raises(IntervalError) as refused:
        choose(given=given, landed=[], scheduled=scheduled)
    assert said in str(refused.value)


def test_directories_are_in_utc_whatever_the_zone() -> None:
    assert directory(Interval.parse(*GIVEN)) == "interval=20261101T000000Z-20261101T230000Z"
    assert directory(None) == "interval=full"


def test_a_run_after_others_reads_the_interval_that_they_landed(aws: ScriptedAws) -> None:
    event = SimpleNamespace(extra=receipt("2026-11-03", "2026-11-04"))
    found = run(operator("orders-regional"), context(triggering_asset_events={"orders": [event]}))
    assert found["interval"] == {"from": "2026-11-03T00:00:00+00:00", "to": "2026-11-04T00:00:00+00:00"}


def test_a_run_that_has_no_interval_fails_before_anything_starts(aws: ScriptedAws) -> None:
    nothing = {"data_interval_start": None, "data_interval_end": None}
    with pytest.raises(Exception, match="Trigger it with 'from' and 'to'"):
        run(operator("orders-regional"), context(**nothing))
    assert aws.calls == []


@pytest.mark.parametrize("zones", [(None, None), (UTC, None), (None, UTC)])
def test_an_interval_needs_both_zones(zones: tuple[timezone | None, timezone | None]) -> None:
    start, end = zones
    with pytest.raises(IntervalError, match="needs a time zone"):
        Interval(start=datetime(2026, 1, 1, tzinfo=start), end=datetime(2026, 1, 2, tzinfo=end))


def test_an_interval_has_a_length() -> None:
    with pytest.raises(IntervalError, match="is empty"):
        Interval(start=DAY[0], end=DAY[0])


def test_directories_have_fractions_and_years_as_the_container_writes_them() -> None:
    found = Interval.parse("0950-11-01T00:00:00.500000+00:00", "2026-11-02T00:00:00+00:00")
    assert found.directory == "interval=09501101T000000.500000Z-20261102T000000Z"
