"""The reading rule of the lake: which of a pipeline's receipts a reader takes, so that it sees no row twice.

docs/reference/contracts.md, "The lake: what a run leaves", says it in words:

- A receipt is `PREFIX/INTERVAL/_manifest.json`; what is below an attempt is none.
- `interval=full` with an interval stands for all before its `interval.to`: it is taken, and of the others
  those that begin at or after that. One that begins before and ends after has rows of its own: it is refused.
- `interval=full` without one is a snapshot of everything, and stands alone.
- Of two intervals that share a moment, one that covers the other and was finished later stands for both.
  Otherwise no reader can tell which rows are in both, and it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

RECEIPT = "_manifest.json"
_FULL = "interval=full"


class UnreadableLake(Exception):
    """What landed cannot be read without seeing rows twice or missing some; the message says what to do."""


@dataclass(frozen=True)
class Stored:
    """A receipt in the lake.

    Attributes:
        key: where it is.
        written: when S3 took it.
        body: the receipt.
    """

    key: str
    written: datetime
    body: Mapping[str, Any]

    @property
    def is_full(self) -> bool:
        """Whether it is that of `interval=full`."""
        return self.key.split("/")[-2] == _FULL

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last moment of its interval, the last exclusive; None without an interval."""
        interval = self.body["interval"]
        if interval is None:
            return None
        return datetime.fromisoformat(interval["from"]), datetime.fromisoformat(interval["to"])


def receipts(s3: Any, *, bucket: str, prefix: str) -> Iterator[Stored]:
    """Every receipt of a pipeline, whether or not a reader takes it.

    Args:
        s3: an S3 client of boto3.
        prefix: the pipeline's prefix in the lake, without a slash at its end.
    """
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/interval="):
        for entry in page.get("Contents", []):
            if is_receipt(entry["Key"], prefix=prefix):
                body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                yield Stored(entry["Key"], entry["LastModified"], json.loads(body))


def is_receipt(key: str, *, prefix: str) -> bool:
    """Whether a key below a pipeline's prefix is that of a receipt."""
    interval, _, name = key.removeprefix(f"{prefix}/").partition("/")
    return name == RECEIPT and interval.startswith("interval=")


def visible(found: Sequence[Stored]) -> list[Stored]:
    """The receipts that a reader takes, in the order of their intervals.

    Args:
        found: all receipts of one pipeline.

    Raises:
        UnreadableLake: two of them hold the same rows, and neither stands for the other.
    """
    full = next((one for one in found if one.is_full), None)
    parts = [one for one in found if not one.is_full]
    if full is None:
        return _disjoint(parts)
    if full.span is None:
        if parts:
            raise UnreadableLake(
                f"{full.key} is a snapshot of everything, and beside it are {len(parts)} intervals: the "
                "pipeline was changed from one to the other. Run a full refresh, or remove the receipts that "
                "it has outlived."
            )
        return [full]
    until = full.span[1]
    cut = [one for one in parts if _begin(one) < until < _end(one)]
    if cut:
        later = max(map(_end, cut)).isoformat()
        raise UnreadableLake(
            f"{full.key} ends at {until.isoformat()}, within {cut[0].key}, which has rows after that. "
            f"Run a full refresh up to {later}, or remove the receipt that it has outlived."
        )
    return [full, *_disjoint([one for one in parts if _begin(one) >= until])]


def _disjoint(parts: Sequence[Stored]) -> list[Stored]:
    """Those of some intervals that no later one stands for."""
    taken = [one for one in parts if not any(_stands_for(other, one) for other in parts if other is not one)]
    taken.sort(key=_begin)
    furthest: Stored | None = None
    for one in taken:
        if furthest and _begin(one) < _end(furthest):
            raise UnreadableLake(
                f"{one.key} and {furthest.key} share a part of their intervals, so rows are in both. "
                "Run again what covers both, or remove the receipt of one."
            )
        if furthest is None or _end(one) > _end(furthest):
            furthest = one
    return taken


def _stands_for(later: Stored, earlier: Stored) -> bool:
    if later.span is None or earlier.span is None or later.span == earlier.span:
        return False
    covers = later.span[0] <= earlier.span[0] and earlier.span[1] <= later.span[1]
    return covers and str(later.body["finished_at"]) > str(earlier.body["finished_at"])


def _begin(one: Stored) -> datetime:
    return one.span[0] if one.span else datetime.min.replace(tzinfo=UTC)


def _end(one: Stored) -> datetime:
    return one.span[1] if one.span else datetime.max.replace(tzinfo=UTC)
