"""The single commit of a partitioned run: its parts' receipts in, one receipt out.

A part writes its files under the name of its own try, and beside them `_part.json`, which no reader follows.
The commit is told the tries by name, so that what it makes visible is what Airflow saw succeed, and never
what an earlier run left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.kept import judged_parts
from hybrid_etl.lake import PART_RECEIPT, receipt_key
from hybrid_etl.neighbours import Neighbours
from hybrid_etl.partitions import Partitions
from hybrid_etl.publication import Publication, seen_by_all
from hybrid_etl.receipt import described, has_columns_and_files
from hybrid_etl.run import host_name, now
from hybrid_etl.settings import Image, Settings
from hybrid_etl.specification import Specification
from hybrid_etl.writers.statistics import merge


def commit(
    settings: Settings, *, sha256: str, interval: Interval | None, attempt: str, parts: Sequence[str]
) -> dict[str, Any]:
    """Make the parts of a run visible, all at once; `parts` are their tries, in the order of the ranges.

    Gives the receipt that was written. Raises UserError or Failure when a part is missing or does not
    belong to the others, or another run has landed meanwhile and read later; then nothing new is visible.
    """
    specification = settings.read_specification(sha256)
    partitions = specification.partitions
    if partitions is None:
        raise UserError(f"Pipeline {specification.pipeline} has no partitions: there is nothing to commit.")
    if len(parts) != partitions.count:
        raise UserError(f"--parts names {len(parts)} tries, and the pipeline has {partitions.count} ranges.")
    base = f"{specification.prefix}/{directory_of(interval)}"
    receipts = [
        _receipt(
            settings, f"{base}/{part}/{PART_RECEIPT}", specification, interval, number=number, attempt=part
        )
        for number, part in enumerate(parts)
    ]
    document = _together(receipts, partitions, attempt=attempt)
    document |= judged_parts(settings, specification, interval, receipts, rows=document["rows"])
    document |= Neighbours(settings, prefix=specification.prefix, interval=interval).check()
    publication = Publication(settings, receipt_key(specification.prefix, interval), seen_by_all(receipts))
    publication.write(document)
    emit("info", "Committed.", rows=document["rows"], bytes=document["bytes"], files=len(document["files"]))
    return document


def _receipt(
    settings: Settings,
    key: str,
    specification: Specification,
    interval: Interval | None,
    *,
    number: int,
    attempt: str,
) -> dict[str, Any]:
    url = f"{settings.lake.rstrip('/')}/{key}"
    again = f"run part {number} again"
    try:
        document = json.loads(settings.read_lake(key))
    except (ValueError, RecursionError):
        raise Failure(f"{url} is not JSON; {again}.") from None
    except EtlError as error:
        raise type(error)(f"Part {number} has not landed; {again}. {error}") from None
    if not _is_receipt(document):
        raise Failure(f"{url} is no receipt of a part; {again}.")
    expected = {
        "specification": specification.sha256,
        "interval": described(interval),
        "attempt": attempt,
        "part": {"number": number, "count": specification.partitions and specification.partitions.count},
    }
    for name, value in expected.items():
        if document.get(name) != value:
            raise UserError(
                f"{url}: {name} is {document.get(name)!r}, and this commit is of {value!r}; {again}."
            )
    found: dict[str, Any] = document
    return found


_SHAPE: Mapping[str, type | tuple[type, ...]] = {
    "rows": int,
    "bytes": int,
    "database": dict,
    "host": str,
    "started_at": str,
    "seconds": dict,
    "statistics": dict,
    "refused": dict,
}
"""What a commit adds up, in receipts of every version; later keys may be absent."""


def _is_receipt(document: object) -> bool:
    """Whether a part's receipt has all that a commit adds up."""
    if not isinstance(document, dict) or not has_columns_and_files(document):
        return False
    if not all(isinstance(document.get(name), kind) for name, kind in _SHAPE.items()):
        return False
    counts = [*document["seconds"].values(), *document["refused"].values()]
    if not all(isinstance(count, int | float) for count in counts):
        return False
    ranges = document["statistics"].values()
    if not all(isinstance(one, dict) and {"nulls", "min", "max"} <= set(one) for one in ranges):
        return False
    return isinstance(document["database"].get("snapshot_time"), str)


def _together(receipts: list[dict[str, Any]], partitions: Partitions, *, attempt: str) -> dict[str, Any]:
    first = receipts[0]
    for number, receipt in enumerate(receipts):
        if not _same_columns(receipt["schema"], first["schema"]):
            raise Failure(
                f"Part {number} has other columns than part 0: the source was altered between them; "
                f"run all {partitions.count} parts again."
            )
    return {
        # The first that has a key gives it: a part of an older container lacks some.
        **{
            name: value
            for receipt in reversed(receipts)
            for name, value in receipt.items()
            if name not in ("part", "measured", "replaces")
        },
        "attempt": attempt,
        "rows": sum(receipt["rows"] for receipt in receipts),
        "bytes": sum(receipt["bytes"] for receipt in receipts),
        "files": [file for receipt in receipts for file in receipt["files"]],
        "database": {
            **first["database"],
            "snapshot": None,
            "snapshot_time": min(receipt["database"]["snapshot_time"] for receipt in receipts),
            "row_security": _hides_rows(receipts),
        },
        "host": host_name(),
        "image": asdict(Image.running()),
        "started_at": min(receipt["started_at"] for receipt in receipts),
        "finished_at": now(),
        "seconds": _summed(receipt["seconds"] for receipt in receipts),
        "statistics": _statistics(receipts),
        "refused": _summed(receipt["refused"] for receipt in receipts),
        "warnings": _summed(receipt.get("warnings") or {} for receipt in receipts),
        **_largest_value(receipts),
        "parts": [
            {
                "attempt": receipt["attempt"],
                "rows": receipt["rows"],
                "host": receipt["host"],
                "snapshot": receipt["database"].get("snapshot"),
                "snapshot_time": receipt["database"]["snapshot_time"],
            }
            for receipt in receipts
        ],
    }


def _same_columns(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    """Whether two parts have the same columns, by all that both say: a newer container may say more."""
    return len(one) == len(other) and all(
        ours[key] == theirs[key]
        for ours, theirs in zip(one, other, strict=True)
        for key in ours.keys() & theirs.keys()
    )


def _statistics(receipts: list[dict[str, Any]]) -> dict[str, object]:
    """The statistics of all parts that have rows, of the columns that each of them knows something of."""
    read = [receipt for receipt in receipts if receipt["rows"]]
    names = [str(field["name"]) for field in receipts[0]["schema"]]
    return {
        name: merge(
            [receipt["statistics"][name] for receipt in read], rows=[receipt["rows"] for receipt in read]
        )
        for name in names
        if read and all(name in receipt["statistics"] for receipt in read)
    }


def _hides_rows(receipts: list[dict[str, Any]]) -> bool | None:
    """Whether row-level security has hidden rows of any part; None where an older container did not look."""
    said = [receipt["database"].get("row_security") for receipt in receipts]
    return True if any(said) else None if None in said else False


def _largest_value(receipts: list[dict[str, Any]]) -> dict[str, object]:
    """The longest value of all parts, nothing where none had one."""
    found = [receipt["largest_value"] for receipt in receipts if receipt.get("largest_value")]
    return {"largest_value": max(found, key=lambda one: int(one["bytes"]))} if found else {}


def _summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = round(total.get(name, 0) + value, 3)
    return total
