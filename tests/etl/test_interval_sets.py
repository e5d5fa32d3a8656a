"""The algebra of intervals, against sets of hours, the contract's cases, and what a reader sees of runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.lake.reading import Stored, visible
from hybrid_etl.errors import UserError
from hybrid_etl.interval import Interval, directory_of, named
from hybrid_etl.interval_sets import Relation, relation, remainder
from hybrid_etl.neighbours import Neighbours
from hybrid_etl.settings import Settings

_ALL = json.loads((Path(__file__).resolve().parents[2] / "contracts/cases/interval_sets.json").read_text())
_FIRST = datetime(2026, 11, 1, tzinfo=UTC)
_HOURS = 12
_PREFIX = "shop/orders"


def _of(times: list[str]) -> Interval:
    found = Interval.parse(*times)
    assert found is not None
    return found


def _hourly(begin: int, length: int, *, full: bool = False) -> Interval:
    start, end = (_FIRST + timedelta(hours=hour) for hour in (begin, begin + length))
    return Interval(start=datetime(1000, 1, 1, tzinfo=UTC) if full else start, end=end, full=full)


def _hours(interval: Interval) -> set[int]:
    return {
        hour for hour in range(2 * _HOURS) if interval.start <= _FIRST + timedelta(hours=hour) < interval.end
    }


_INTERVALS = st.builds(_hourly, st.integers(0, _HOURS), st.integers(1, 6))
_RUNS = st.builds(
    _hourly, st.integers(0, _HOURS), st.integers(1, 6), full=st.sampled_from([False] * 5 + [True])
)


@pytest.mark.parametrize("case", [case for case in _ALL if "relation" in case], ids=str)
def test_two_intervals_lie_as_the_contract_says(case: dict[str, Any]) -> None:
    assert relation(_of(case["one"]), _of(case["other"])) is Relation(case["relation"])


@pytest.mark.parametrize("case", [case for case in _ALL if "remainder" in case], ids=str)
def test_gaps_are_what_the_contract_says(case: dict[str, Any]) -> None:
    found = remainder(_of(case["of"]), [_of(other) for other in case["without"]])
    assert found == [_of(gap) for gap in case["remainder"]]


@given(_INTERVALS, _INTERVALS)
def test_a_relation_is_that_of_the_sets(one: Interval, other: Interval) -> None:
    ours, theirs = _hours(one), _hours(other)
    said = {
        Relation.APART: not ours & theirs,
        Relation.EQUAL: ours == theirs,
        Relation.COVERS: ours > theirs,
        Relation.WITHIN: ours < theirs,
    }
    expected = next((name for name, holds in said.items() if holds), Relation.OVERLAPS)
    assert relation(one, other) is expected


@given(_INTERVALS, st.lists(_INTERVALS, max_size=6))
def test_a_remainder_is_the_difference_of_the_sets(interval: Interval, others: list[Interval]) -> None:
    gaps = remainder(interval, others)
    hours = [hour for gap in gaps for hour in sorted(_hours(gap))]
    assert hours == sorted(_hours(interval) - set().union(*map(_hours, others)))
    assert all(one.end < after.start for one, after in pairwise(gaps))


@given(st.integers(0, _HOURS), st.integers(1, 6))
def test_an_interval_is_found_again_by_its_name(begin: int, length: int) -> None:
    interval = _hourly(begin, length)
    assert named(directory_of(interval)) == interval


@given(st.lists(_RUNS, max_size=14))
@settings(max_examples=300, deadline=None)
def test_whatever_runs_are_let_land_a_reader_sees_each_row_once(runs: list[Interval]) -> None:
    # Given runs in any order, of which each lands that is not refused
    with TemporaryDirectory() as directory:
        root, number, landed = Path(directory), count(1), set[int]()
        for interval in runs:
            if _land(root, interval, number=next(number)):
                landed |= _hours(interval)
        found = [
            Stored(path.relative_to(root).as_posix(), _FIRST, json.loads(path.read_text()))
            for path in root.glob("shop/orders/*/_manifest.json")
        ]
    # Then a reader takes receipts that hold each hour of what has landed once
    seen = [
        hour
        for one in visible(found)
        if one.span
        for hour in sorted(_hours(Interval(start=one.span[0], end=one.span[1])))
    ]
    assert len(seen) == len(set(seen))
    assert set(seen) == landed


def _land(root: Path, interval: Interval, *, number: int) -> bool:
    where = Settings(specifications="", lake=root.as_uri(), secret="")
    try:
        said = Neighbours(where, prefix=_PREFIX, interval=interval).check()
    except UserError:
        return False
    receipt = root / _PREFIX / directory_of(interval) / "_manifest.json"
    receipt.parent.mkdir(parents=True, exist_ok=True)
    finished = _FIRST + timedelta(days=9, minutes=number)
    span = {"from": interval.start.isoformat(), "to": interval.end.isoformat()}
    receipt.write_text(json.dumps({"interval": span, "finished_at": finished.isoformat(), **said}))
    return True


def _refusal(root: Path, begin: int, length: int, *, full: bool = False) -> str:
    where = Settings(specifications="", lake=root.as_uri(), secret="")
    with pytest.raises(UserError) as refused:
        Neighbours(where, prefix=_PREFIX, interval=_hourly(begin, length, full=full)).check()
    return str(refused.value)


def test_a_refusal_says_what_to_run_instead(tmp_path: Path) -> None:
    # Given the days 1 and 2
    for day in (0, 24):
        assert _land(tmp_path, _hourly(day, 24), number=day)
    # Then a part of one is refused for the whole of it
    assert "Run that again: from 2026-11-02T00:00:00+00:00 to 2026-11-03T00:00:00+00:00" in _refusal(
        tmp_path, 30, 6
    )
    # And what crosses one, for what has not landed of it, or for both together
    said = _refusal(tmp_path, 30, 24)
    assert "run what has not landed: from 2026-11-03T00:00:00+00:00 to 2026-11-03T06:00:00+00:00" in said
    assert "from 2026-11-02T00:00:00+00:00 to 2026-11-03T06:00:00+00:00" in said
    # And a full refresh for one that cuts no interval, and is no shorter than the one before
    assert "to) 2026-11-03T00:00:00+00:00" in _refusal(tmp_path, 0, 30, full=True)
    assert _land(tmp_path, _hourly(0, 48, full=True), number=3)
    assert "to) 2026-11-03T00:00:00+00:00 or later" in _refusal(tmp_path, 0, 24, full=True)
    assert "Run a full refresh again instead" in _refusal(tmp_path, 0, 24)


def test_a_run_that_covers_others_says_which_it_stands_for(tmp_path: Path) -> None:
    days = [_hourly(24 * day, 24) for day in range(5)]
    for number, day in enumerate(days):
        assert _land(tmp_path, day, number=number)
    where = Settings(specifications="", lake=tmp_path.as_uri(), secret="")
    said = Neighbours(where, prefix=_PREFIX, interval=_hourly(0, 120)).check()
    assert said == {"supersedes": [directory_of(day) for day in days]}


def test_what_is_under_way_beside_a_run_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    # Given the directory of a run that has left no receipt
    (tmp_path / _PREFIX / directory_of(_hourly(0, 24)) / "attempt").mkdir(parents=True)
    assert _land(tmp_path, _hourly(12, 24), number=1)
