"""A reader of the lake sees no row twice, and none is missing of what the receipts stand for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from hybrid.lake.reading import Stored, UnreadableLake, is_receipt, visible
from workspace.paths import ROOT

_FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def _receipt(begin: int | None, end: int | None, *, number: int, full: bool = False) -> Stored:
    """The run `number` of the rows from hour `begin` to hour `end`."""
    span = None
    directory = "interval=full"
    if begin is not None and end is not None:
        times = [_FIRST + timedelta(hours=hour) for hour in (begin, end)]
        span = {"from": times[0].isoformat(), "to": times[1].isoformat()}
        if not full:
            directory = f"interval={times[0]:%Y%m%dT%H%M%SZ}-{times[1]:%Y%m%dT%H%M%SZ}"
    at = _FIRST + timedelta(days=30, minutes=number)
    body = {"interval": span, "finished_at": at.isoformat(), "rows": [begin, end, number]}
    return Stored(f"shop/orders/{directory}/_manifest.json", at, body)


def _hours(found: list[Stored]) -> list[int]:
    """The rows that a reader sees, one an hour."""
    return [hour for one in found for hour in range(*one.body["rows"][:2])]


@pytest.mark.parametrize("seed", range(400))
def test_any_history_is_read_once_each_or_refused(seed: int) -> None:
    chance = Random(seed)
    # Few hours and few lengths, so that intervals meet, cover and cut one another
    kinds = ["interval"] * chance.choice([2, 8]) + ["full"]
    step = chance.choice([1, 3])
    runs = [
        (chance.randrange(7) * step, chance.choice([1, 1, 1, 2, 4]) * step, chance.choice(kinds))
        for _ in range(chance.randrange(10))
    ]
    # Given runs that replace one another where their interval is the same
    lake: dict[str, Stored] = {}
    for number, (begin, length, kind) in enumerate(runs):
        full = kind == "full"
        one = _receipt(0 if full else begin, begin + length, number=number, full=full)
        lake[one.key] = one
    # When
    try:
        seen = _hours(visible(list(lake.values())))
    except UnreadableLake:
        return
    # Then no row is there twice, and all that any receipt names is there
    assert len(seen) == len(set(seen))
    assert set(seen) == {hour for one in lake.values() for hour in range(*one.body["rows"][:2])}


@pytest.mark.parametrize("until", range(9))
def test_days_and_a_full_refresh_are_all_there_is(until: int) -> None:
    order = Random(until).sample(range(8), 8)
    days = [_receipt(24 * day, 24 * day + 24, number=number) for number, day in enumerate(order)]
    full = [_receipt(0, 24 * until, number=99, full=True)] if until else []
    assert _hours(visible([*days, *full])) == list(range(8 * 24))


def test_what_is_finished_later_and_covers_stands_for_what_it_covers() -> None:
    day, week = _receipt(24, 48, number=1), _receipt(0, 168, number=2)
    assert visible([day, week]) == [week]
    with pytest.raises(UnreadableLake, match="share a part"):
        visible([_receipt(24, 48, number=3), week])
    with pytest.raises(UnreadableLake, match="share a part"):
        visible([_receipt(0, 30, number=3), day])


def test_a_full_refresh_that_ends_within_an_interval_hides_none_of_its_rows() -> None:
    # Given a day, and a full refresh up to its noon
    day, noon = _receipt(24, 48, number=1), _receipt(0, 36, number=2, full=True)
    # Then no reader is told that the afternoon is not there
    with pytest.raises(UnreadableLake, match=r"within .*Run a full refresh up to 2026-11-03T00:00:00"):
        visible([day, noon])


def test_a_snapshot_beside_intervals_is_refused() -> None:
    snapshot = _receipt(None, None, number=1)
    assert visible([snapshot]) == [snapshot]
    with pytest.raises(UnreadableLake, match="was changed"):
        visible([snapshot, _receipt(0, 24, number=2)])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("shop/orders/interval=full/_manifest.json", True),
        ("shop/orders/interval=full/attempt/_manifest.json", False),
        ("shop/orders/interval=full/attempt/_part.json", False),
        ("shop/orders/other/_manifest.json", False),
    ],
)
def test_only_a_receipt_beside_attempts_is_one(key: str, expected: bool) -> None:
    assert is_receipt(key, prefix="shop/orders") is expected


_CASES = json.loads((ROOT / "contracts" / "cases" / "interval_sets.json").read_text())


@pytest.mark.parametrize("case", [case for case in _CASES if "seen" in case], ids=str)
def test_what_is_seen_of_receipts_is_what_the_contract_says(case: dict[str, Any]) -> None:
    landed = [
        Stored(
            f"shop/orders/{'interval=full' if one.get('full') else f'interval={number}'}/_manifest.json",
            _FIRST,
            {
                "interval": dict(zip(("from", "to"), one["interval"], strict=True)),
                "finished_at": one["finished"],
            },
        )
        for number, one in enumerate(case["landed"])
    ]
    if case["seen"] == "refused":
        with pytest.raises(UnreadableLake):
            visible(landed)
    else:
        assert [landed.index(one) for one in visible(landed)] == case["seen"]
