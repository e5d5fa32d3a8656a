"""A sweep lets go of what no receipt names, and of nothing that one may name yet."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hybrid.lake.sweeping import MARGIN, TAG, sweep

_PREFIX, _DAY = "shop/orders", "interval=20261101T000000Z-20261102T000000Z"
_LONGEST = timedelta(hours=4)
_LIFECYCLE = timedelta(days=7)


class Lake:
    """S3 as far as a sweep uses it; `between` runs before every request, as others would."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.objects: dict[str, tuple[bytes, datetime, list[dict[str, str]]]] = {}
        self.between: Callable[[], None] = lambda: None

    def put(self, key: str, content: bytes = b"") -> None:
        self.objects[key] = content, self.now, []

    def receipt(self, files: list[str], *, parts: list[str] | None = None) -> None:
        body: dict[str, Any] = {
            "interval": {"from": "2026-11-01T00:00:00+00:00", "to": "2026-11-02T00:00:00+00:00"},
            "files": [{"key": key} for key in files],
        }
        if parts:
            body["parts"] = [{"attempt": part} for part in parts]
        self.put(f"{_PREFIX}/{_DAY}/_manifest.json", json.dumps(body).encode())

    def let_go(self) -> None:
        """What the bucket's lifecycle rule does, once a day."""
        for key, (_, written, tags) in list(self.objects.items()):
            if {"Key": TAG, "Value": "true"} in tags and self.now - written >= _LIFECYCLE:
                del self.objects[key]

    def named(self) -> list[str]:
        content = self.objects.get(f"{_PREFIX}/{_DAY}/_manifest.json")
        return [file["key"] for file in json.loads(content[0])["files"]] if content else []

    def get_paginator(self, _: str) -> Lake:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803, ARG002 - boto3's names
        self.between()
        return [
            {
                "Contents": [
                    {"Key": key, "Size": len(content), "LastModified": written}
                    for key, (content, written, _) in sorted(self.objects.items())
                    if key.startswith(Prefix)
                ]
            }
        ]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002
        self.between()
        return {"Body": io.BytesIO(self.objects[Key][0])}

    def get_object_tagging(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002
        self.between()
        return {"TagSet": self.objects[Key][2]}

    def put_object_tagging(self, *, Bucket: str, Key: str, Tagging: dict[str, Any]) -> None:  # noqa: N803, ARG002
        self.between()
        content, written, _ = self.objects[Key]
        self.objects[Key] = content, written, Tagging["TagSet"]

    def sweep(self, *, apply: bool = True) -> Any:
        return sweep(self, bucket="b", prefix=_PREFIX, longest_run=_LONGEST, now=self.now, apply=apply)


def _file(attempt: str, name: str = "part-00000.parquet") -> str:
    return f"{_PREFIX}/{_DAY}/{attempt}/{name}"


def test_a_failed_and_a_superseded_attempt_are_marked_and_the_named_one_is_not() -> None:
    # Given three attempts, of which the last is named
    lake = Lake()
    for attempt in ("failed", "first", "second"):
        lake.put(_file(attempt))
        if attempt != "failed":
            lake.receipt([_file(attempt)])
    lake.put(f"{_PREFIX}/notes.txt")
    # Then they wait as long as anything of them may still be written or read
    lake.now += timedelta(hours=27)
    assert (lake.sweep().marked, len(lake.sweep().waiting)) == ([], 2)
    # And are marked after, where it is wanted
    lake.now += timedelta(hours=2)
    assert [one.key for one in lake.sweep(apply=False).marked] == [_file("failed"), _file("first")]
    assert not any(tags for _, _, tags in lake.objects.values())
    lake.sweep()
    lake.now += _LIFECYCLE
    lake.let_go()
    assert set(lake.objects) == {_file("second"), f"{_PREFIX}/{_DAY}/_manifest.json", f"{_PREFIX}/notes.txt"}


def test_files_of_a_receipt_that_was_just_replaced_wait_for_its_readers() -> None:
    lake = Lake()
    lake.put(_file("old"))
    lake.receipt([_file("old")])
    lake.now += timedelta(days=100)
    lake.put(_file("new"))
    lake.receipt([_file("new")])
    lake.now += timedelta(hours=1)
    assert lake.sweep().marked == []
    lake.now += MARGIN
    assert [one.key for one in lake.sweep().marked] == [_file("old")]


def test_a_part_loses_its_receipt_before_its_files() -> None:
    lake = Lake()
    lake.put(_file("p0"))
    lake.put(_file("p0", "_part.json"))
    lake.now += timedelta(days=3)
    assert [one.key for one in lake.sweep().marked] == [_file("p0", "_part.json")]
    lake.now += _LIFECYCLE
    lake.let_go()
    assert [one.key for one in lake.sweep().marked] == [_file("p0")]


def test_a_part_that_is_committed_late_is_unmarked() -> None:
    lake = Lake()
    lake.put(_file("p0"))
    lake.put(_file("p0", "_part.json"))
    lake.now += timedelta(days=3)
    lake.sweep()
    lake.receipt([_file("p0")], parts=["p0"])
    assert lake.sweep().unmarked == [_file("p0", "_part.json"), _file("p0")]
    assert not any(tags for _, _, tags in lake.objects.values())


def test_other_tags_stay() -> None:
    lake = Lake()
    lake.put(_file("failed"))
    lake.objects[_file("failed")][2].append({"Key": "owner", "Value": "ana"})
    lake.now += timedelta(days=3)
    lake.sweep()
    assert lake.objects[_file("failed")][2] == [
        {"Key": "owner", "Value": "ana"},
        {"Key": TAG, "Value": "true"},
    ]


class World:
    """Attempts, parts, commits and S3's daily rule, each of which may take its next step at any request."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lake = Lake()
        self.actors: list[Any] = []
        self.parts: list[list[str]] = []
        self.number = 0

    def begin(self) -> None:
        self.number += 1
        kind = self.random.choice([self._attempt, self._attempt, self._part, self._commit])
        self.actors.append(kind(f"a{self.number}"))

    def step(self) -> None:
        """Some time passes, little within a request, and somebody goes on."""
        if self.random.random() < 0.3:
            self.begin()
        if self.actors and self.random.random() < 0.7:
            actor = self.random.choice(self.actors)
            if next(actor, "over") == "over":
                self.actors.remove(actor)

    def _attempt(self, name: str) -> Any:
        end = self.lake.now + _LONGEST
        files = []
        for number in range(self.random.randrange(1, 4)):
            files.append(_file(name, f"part-{number:05d}.parquet"))
            self.lake.put(files[-1])
            yield
            if self.lake.now > end or self.random.random() < 0.2:
                return
        self.lake.receipt(files)

    def _part(self, name: str) -> Any:
        end = self.lake.now + _LONGEST
        self.lake.put(_file(name))
        yield
        if self.lake.now <= end:
            self.lake.put(_file(name, "_part.json"), b"{}")
            self.parts.append([name])

    def _commit(self, _: str) -> Any:
        """However late, of parts that were there once; what it reads, it commits within the hour."""
        yield
        if not self.parts:
            return
        (name,) = self.random.choice(self.parts)
        if _file(name, "_part.json") not in self.lake.objects:
            return
        end = self.lake.now + timedelta(hours=1)
        yield
        if self.lake.now <= end:
            self.lake.receipt([_file(name)], parts=[name])


@pytest.mark.parametrize(
    "seed", [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 150))]
)
def test_whatever_happens_between_no_receipt_names_what_is_gone(seed: int) -> None:
    # Given a lake in which others go on at every request of a sweep
    world = World(seed)
    world.lake.between = world.step
    for _ in range(60):
        # When days pass, with sweeps at any time and S3's rule once a day
        for _ in range(world.random.randrange(4)):
            world.step()
        world.lake.now += timedelta(minutes=world.random.choice([1, 30, 300, 1500, 6000]))
        if world.random.random() < 0.6:
            world.lake.sweep()
        world.lake.now += timedelta(minutes=90)
        world.lake.let_go()
        # Then what the receipt names is there
        assert [key for key in world.lake.named() if key not in world.lake.objects] == []
    # And in the end nothing else is left
    world.lake.between = lambda: None
    world.actors.clear()
    for _ in range(4):
        world.lake.now += timedelta(days=10)
        world.lake.sweep()
        world.lake.let_go()
    left = {key for key in world.lake.objects if not key.endswith(".json")}
    assert left == set(world.lake.named())
