"""A reader of the lake sees no row twice, and none is missing of what the receipts stand for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from hybrid.lake.reading import Stored, UnreadableLake, is_receipt, visible

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
    # Then no row is there twice, and all that receipts name from the last full refresh on
    full_end = max((one.body["rows"][1] for one in lake.values() if one.is_full), default=0)
    expected = set(range(full_end)) | {
        hour
        for one in lake.values()
        if one.body["rows"][0] >= full_end
        for hour in range(*one.body["rows"][:2])
    }
    assert len(seen) == len(set(seen))
    assert set(seen) == expected


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
