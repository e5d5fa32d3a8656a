"""The single commit of a partitioned run: its parts' receipts in, one manifest out.

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
from hybrid_etl.manifest import NAME, PART, described, encode
from hybrid_etl.partitions import Partitions
from hybrid_etl.run import host_name, now
from hybrid_etl.settings import Image, Settings
from hybrid_etl.sinks import open_sink
from hybrid_etl.specification import Specification
from hybrid_etl.writers.statistics import merge


def commit(
    settings: Settings, *, sha256: str, interval: Interval | None, attempt: str, parts: Sequence[str]
) -> dict[str, Any]:
    """Make the parts of a run visible, all at once; `parts` are their tries, in the order of the ranges.

    Gives the manifest that was written. Raises UserError or Failure when a part is missing or does not
    belong to the others; then nothing new is visible.
    """
    specification = settings.read_specification(sha256)
    partitions = specification.partitions
    if partitions is None:
        raise UserError(f"Pipeline {specification.pipeline} has no partitions: there is nothing to commit.")
    if len(parts) != partitions.count:
        raise UserError(f"--parts names {len(parts)} tries, and the pipeline has {partitions.count} ranges.")
    base = f"{specification.prefix}/{directory_of(interval)}"
    receipts = [
        _receipt(settings, f"{base}/{part}/{PART}", specification, interval, number=number, attempt=part)
        for number, part in enumerate(parts)
    ]
    document = _together(receipts, partitions, attempt=attempt)
    document |= judged_parts(settings, specification, interval, receipts, rows=document["rows"])
    sink = open_sink(settings.lake, bytes_per_second=None, target_file_bytes=specification.target_file_bytes)
    sink.put(f"{base}/{NAME}", encode(document))
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
    except ValueError:
        raise Failure(f"{url} is not JSON; {again}.") from None
    except EtlError as error:
        raise type(error)(f"Part {number} has not landed; {again}. {error}") from None
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


def _together(receipts: list[dict[str, Any]], partitions: Partitions, *, attempt: str) -> dict[str, Any]:
    first = receipts[0]
    for number, receipt in enumerate(receipts):
        if receipt["schema"] != first["schema"]:
            raise Failure(
                f"Part {number} has other columns than part 0: the source was altered between them; "
                f"run all {partitions.count} parts again."
            )
    return {
        **{name: value for name, value in first.items() if name not in ("part", "measured")},
        "attempt": attempt,
        "rows": sum(receipt["rows"] for receipt in receipts),
        "bytes": sum(receipt["bytes"] for receipt in receipts),
        "files": [file for receipt in receipts for file in receipt["files"]],
        "database": {
            **first["database"],
            "snapshot": None,
            "snapshot_time": min(receipt["database"]["snapshot_time"] for receipt in receipts),
            "row_security": any(receipt["database"]["row_security"] for receipt in receipts),
        },
        "host": host_name(),
        "image": asdict(Image.running()),
        "started_at": min(receipt["started_at"] for receipt in receipts),
        "finished_at": now(),
        "seconds": _summed(receipt["seconds"] for receipt in receipts),
        "statistics": {
            field["name"]: merge(
                [receipt["statistics"][field["name"]] for receipt in receipts if receipt["rows"]],
                rows=[receipt["rows"] for receipt in receipts if receipt["rows"]],
            )
            for field in first["schema"]
            if field["name"] in first["statistics"]
        },
        "refused": _summed(receipt["refused"] for receipt in receipts),
        "warnings": _summed(receipt["warnings"] for receipt in receipts),
        "parts": [
            {
                "attempt": receipt["attempt"],
                "rows": receipt["rows"],
                "host": receipt["host"],
                "snapshot": receipt["database"]["snapshot"],
                "snapshot_time": receipt["database"]["snapshot_time"],
            }
            for receipt in receipts
        ],
    }


def _summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = round(total.get(name, 0) + value, 3)
    return total
