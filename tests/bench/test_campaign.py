"""The fault campaign's own parts: a schedule that its seed repeats, and findings that name what is wrong."""

from __future__ import annotations

from itertools import islice

from bench.campaign.observer import Seen
from bench.campaign.results import doubled
from bench.campaign.schedule import Kind, faults


def test_a_seed_repeats_its_schedule_and_another_gives_another() -> None:
    assert [*islice(faults(4), 100)] == [*islice(faults(4), 100)]
    assert [*islice(faults(4), 100)] != [*islice(faults(5), 100)]


def test_a_schedule_begins_with_every_kind_once() -> None:
    assert {fault.kind for fault in islice(faults(4), len(Kind))} == {*Kind}


def test_an_aim_hits_one_of_those_there_are() -> None:
    for fault in islice(faults(4), 100):
        assert fault.pick(["one", "two", "three"]) in {"one", "two", "three"}
        assert fault.pick([]) is None


def test_two_tasks_of_one_try_are_seen_as_doubled() -> None:
    seen = [Seen("task/1", "try-1", "STOPPED"), Seen("task/2", "try-2", "STOPPED")]
    assert doubled(seen) == []
    assert doubled([*seen, Seen("task/3", "try-1", "STOPPED")]) == ["try try-1: task/1, task/3"]


def test_a_container_that_was_started_twice_is_seen_as_doubled() -> None:
    assert doubled([Seen("task/1", "try-1", "STOPPED", starts=[1.0])]) == []
    assert doubled([Seen("task/1", "try-1", "STOPPED", starts=[1.0, 2.0])]) == ["task/1: started 2 times"]
