"""A pipeline that runs after others: which intervals a run reads, and what it makes of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from airflow_runs import ESTATE, TaskInstance, context, operator, run
from scripted_aws import ScriptedAws

from hybrid_airflow import upstream
from hybrid_airflow.manifest import read_estate, read_pipeline
from hybrid_airflow.parts import CommitPartsOperator
from hybrid_airflow.upstream import UpstreamIntervalsOperator

TOLD = datetime(2026, 11, 22, 12, tzinfo=UTC)


def day(number: int, *, minute: float = -60.0, last: int | None = None, full: bool = False) -> Any:
    """The event of a day of November that landed so many minutes after the last that a run was told of."""
    begin = "1000-01-01" if full else f"2026-11-{number:02d}"
    extra = {
        "interval": {
            "from": f"{begin}T00:00:00+00:00",
            "to": f"2026-11-{last or number + 1:02d}T00:00:00+00:00",
        },
        "prefix": f"regional/orders/interval={'full' if full else number}",
    }
    return SimpleNamespace(extra=extra, timestamp=TOLD + timedelta(minutes=minute))


def intervals(
    *told: Any, later: tuple[Any, ...] = (), here: tuple[Any, ...] = (), **more: Any
) -> list[tuple[str, str, bool]]:
    """What a run reads that was told of some events, while there are others upstream and of its own."""
    estate = read_estate(ESTATE)
    task = UpstreamIntervalsOperator(
        task_id="intervals",
        pipeline=read_pipeline(ESTATE, "orders-report", estate=estate),
        after=["orders"],
        lands="report",
    )
    ctx = context(
        triggering_asset_events={"orders": list(told)} if told else {},
        inlet_events=[[*told, *later], list(here)],
        dag_run=SimpleNamespace(run_after=TOLD, start_date=TOLD + timedelta(minutes=5)),
        **{"data_interval_start": None, "data_interval_end": None, **more},
    )
    return [(one["from"][:10], one["to"][:10], one["full"]) for one in task.execute(ctx)]


def test_each_interval_is_read_by_itself_in_order() -> None:
    assert intervals(day(9), day(2), day(4), day(3), day(2)) == [
        ("2026-11-02", "2026-11-03", False),
        ("2026-11-03", "2026-11-04", False),
        ("2026-11-04", "2026-11-05", False),
        ("2026-11-09", "2026-11-10", False),
    ]


def test_intervals_that_share_moments_are_read_as_one() -> None:
    assert intervals(day(2), day(1, last=8), day(9)) == [
        ("2026-11-01", "2026-11-08", False),
        ("2026-11-09", "2026-11-10", False),
    ]


def test_after_a_full_refresh_comes_a_full_refresh() -> None:
    assert intervals(day(8, full=True, last=8), day(3), day(8)) == [
        ("1000-01-01", "2026-11-08", True),
        ("2026-11-08", "2026-11-09", False),
    ]


def test_what_landed_before_the_run_began_and_was_not_told_to_it_is_read_too() -> None:
    # Given an event after the last that the run was told of, and one after the run began, of another run
    assert intervals(day(2), later=(day(3, minute=2), day(4, minute=7))) == [
        ("2026-11-02", "2026-11-03", False),
        ("2026-11-03", "2026-11-04", False),
    ]


def test_a_run_that_is_cleared_later_reads_nothing_that_others_have_read_since() -> None:
    # Given a day that was not told to the run, and has landed here since by another
    later = (day(3, minute=1), day(4, minute=2))
    assert intervals(day(2), later=later, here=(day(3, minute=30),)) == [
        ("2026-11-02", "2026-11-03", False),
        ("2026-11-04", "2026-11-05", False),
    ]
    # But not what landed here before the day came again
    assert len(intervals(day(2), later=later, here=(day(3, minute=0.5),))) == 3


def test_by_hand_it_is_what_was_asked_for() -> None:
    asked = {"from": "2026-11-01T00:00:00+00:00", "to": "2026-11-06T00:00:00+00:00"}
    assert intervals(params=asked) == [("2026-11-01", "2026-11-06", False)]
    with pytest.raises(Exception, match=r"this run has none\. Trigger it with 'from' and 'to'"):
        intervals()
    with pytest.raises(Exception, match="this run has none"):
        intervals(SimpleNamespace(extra={}, timestamp=TOLD))


def test_more_than_airflow_maps_become_longer_ones_but_over_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MOST", 3)
    assert intervals(day(2), day(3), day(4), day(9)) == [
        ("2026-11-02", "2026-11-05", False),
        ("2026-11-09", "2026-11-10", False),
    ]


def test_a_task_of_ones_own_that_is_not_mapped_refuses_more_than_one(aws: ScriptedAws) -> None:
    with pytest.raises(Exception, match="This run is to read 2 intervals, and a task reads one"):
        run(operator("orders-regional"), context(triggering_asset_events={"orders": [day(2), day(4)]}))
    assert aws.calls == []


@pytest.mark.parametrize("full", [True, False])
def test_a_mapped_task_reads_its_own_interval(aws: ScriptedAws, full: bool) -> None:
    interval = {"from": "2026-11-02T00:00:00+00:00", "to": "2026-11-03T00:00:00+00:00", "full": full}
    receipt = run(operator("orders-regional", interval=interval), context())
    name = "full" if full else "20261102T000000Z-20261103T000000Z"
    assert receipt["prefix"].endswith(f"interval={name}")


def test_a_commit_names_the_parts_of_its_own_interval(aws: ScriptedAws) -> None:
    # Given the parts of two intervals
    times = [f"2026-11-{number:02d}T00:00:00+00:00" for number in (2, 3, 4)]
    spans = [dict(zip(("from", "to"), pair, strict=True)) for pair in pairwise(times)]
    receipts = [
        {"attempt": f"part-{number}-{which}", "interval": span, "prefix": "regional/ledger/interval=…"}
        for number in range(3)
        for which, span in enumerate(spans)
    ]
    # When the second interval is committed
    task = operator("ledger-regional", kind=CommitPartsOperator, receipts=receipts, interval=spans[1])
    run(task, context(TaskInstance(task_id="ledger-regional.commit", map_index=1)))
    # Then those of the first are not among them
    [asked] = aws.params("RunTask")
    command = asked["overrides"]["containerOverrides"][0]["command"]
    assert command[command.index("--parts") + 1] == "part-0-1,part-1-1,part-2-1"
