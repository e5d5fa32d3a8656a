"""Files that no receipt names: marked with a tag, by which the bucket's lifecycle rule lets them go.

Nothing is deleted here. A run that commits at the same moment loses nothing (docs/decisions/lake-sweep.md):

- An attempt is looked at when its youngest object is older than any attempt may run: nobody writes to it.
- A commit of parts may come later, however long the parts have been there, and begins by reading each part's
  `_part.json`. So of an attempt that has one, `_part.json` alone is marked. Its files follow in a later
  sweep, when S3 has let go of it and no commit can begin.
- Receipts are listed after the files, and again after the marks: what one names by then is unmarked.
- Where a receipt was replaced within MARGIN, a reader may still follow the one before: its files wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hybrid.lake.reading import RECEIPT, Stored, receipts

TAG = "hybrid:unreferenced"
PART = "_part.json"
MARGIN = timedelta(days=1)
"""What is added to the longest time that a run may take."""


@dataclass(frozen=True)
class Found:
    """An object of the lake that no receipt names.

    Attributes:
        key: where it is.
        bytes: its size.
        written: when S3 took it.
    """

    key: str
    bytes: int
    written: datetime


@dataclass(frozen=True)
class Swept:
    """What a sweep of one pipeline found.

    Attributes:
        marked: what S3 may let go.
        unmarked: keys of what was marked once, and is named by a receipt.
        waiting: files that no receipt names, and that are too young, or whose `_part.json` goes first.
    """

    marked: Sequence[Found]
    unmarked: Sequence[str]
    waiting: Sequence[Found]


def sweep(
    s3: Any, *, bucket: str, prefix: str, longest_run: timedelta, now: datetime, apply: bool = False
) -> Swept:
    """Mark what no receipt of a pipeline names, and take the mark off what one does.

    Args:
        s3: an S3 client of boto3.
        prefix: the pipeline's prefix in the lake, without a slash at its end.
        longest_run: how long after its start an attempt may still write.
        apply: without it, nothing is changed.
    """
    attempts = _attempts(s3, bucket=bucket, prefix=prefix)
    age = longest_run + MARGIN
    found = list(receipts(s3, bucket=bucket, prefix=prefix))
    named = _named(found)
    replaced = {_directory(one): one.written for one in found}
    marked: list[Found] = []
    waiting: list[Found] = []
    for attempt, objects in attempts.items():
        unnamed = [one for one in objects if one.key not in named]
        youngest = max(one.written for one in objects)
        receipt = replaced.get(attempt.rpartition("/")[0])
        if youngest > now - age or (receipt and receipt > now - MARGIN):
            waiting += unnamed
            continue
        parts = [one for one in unnamed if one.key.endswith(f"/{PART}")]
        go = parts or unnamed
        marked += go
        waiting += [one for one in unnamed if one not in go]
    if apply:
        for one in marked:
            _mark(s3, bucket=bucket, key=one.key)
        found = list(receipts(s3, bucket=bucket, prefix=prefix))
    late = _late(found, attempts, age=age) | ({one.key for one in marked} & _named(found))
    if apply:
        for key in late:
            _unmark(s3, bucket=bucket, key=key)
    return Swept([one for one in marked if one.key not in late], sorted(late), waiting)


def _attempts(s3: Any, *, bucket: str, prefix: str) -> dict[str, list[Found]]:
    """Objects of each attempt, by its directory: `PREFIX/INTERVAL/ATTEMPT`."""
    found: defaultdict[str, list[Found]] = defaultdict(list)
    for entry in _objects(s3, bucket=bucket, prefix=f"{prefix}/interval="):
        interval, _, rest = entry["Key"].removeprefix(f"{prefix}/").partition("/")
        attempt, _, name = rest.partition("/")
        # Receipts, and whatever else is not below an attempt, are nothing that a run may leave behind.
        if name and not entry["Key"].endswith(f"/{RECEIPT}"):
            one = Found(entry["Key"], entry["Size"], entry["LastModified"])
            found[f"{prefix}/{interval}/{attempt}"].append(one)
    return dict(found)


def _directory(receipt: Stored) -> str:
    return receipt.key.removesuffix(f"/{RECEIPT}")


def _keys(receipt: Stored) -> set[str]:
    """All that a receipt names, receipts of its parts included."""
    parts = {f"{_directory(receipt)}/{part['attempt']}/{PART}" for part in receipt.body.get("parts", [])}
    return parts | {file["key"] for file in receipt.body["files"]}


def _named(found: Sequence[Stored]) -> set[str]:
    return {key for receipt in found for key in _keys(receipt)}


def _late(found: Sequence[Stored], attempts: Mapping[str, Sequence[Found]], *, age: timedelta) -> set[str]:
    """Of the keys that receipts name, those that a sweep may have marked before the receipt was written."""
    written = {one.key: one.written for objects in attempts.values() for one in objects}
    return {
        key
        for receipt in found
        for key in _keys(receipt)
        if key in written and receipt.written - written[key] > age
    }


def _objects(s3: Any, *, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def _mark(s3: Any, *, bucket: str, key: str) -> None:
    tags = _others(s3, bucket=bucket, key=key)
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [*tags, {"Key": TAG, "Value": "true"}]})


def _unmark(s3: Any, *, bucket: str, key: str) -> None:
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": _others(s3, bucket=bucket, key=key)})


def _others(s3: Any, *, bucket: str, key: str) -> list[dict[str, str]]:
    """Tags of an object but ours: PutObjectTagging replaces all of them."""
    found: list[dict[str, str]] = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    return [tag for tag in found if tag["Key"] != TAG]
