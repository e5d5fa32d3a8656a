"""What is in the lake: the receipts of the runs, read as any reader of the lake should."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrid.estate import Estate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MANIFEST = "/_manifest.json"


@dataclass(frozen=True)
class Landed:
    """One visible run of a pipeline.

    Attributes:
        pipeline: its name.
        site: where it ran.
        host: the machine or container.
        rows: in all files.
        bytes: of all files.
        files: their keys.
        columns: (name, Arrow type) of each column.
        finished_at: ISO 8601.
    """

    pipeline: str
    site: str
    host: str
    rows: int
    bytes: int
    files: Sequence[str]
    columns: Sequence[tuple[str, str]]
    finished_at: str


def landed(s3: S3Client, *, bucket: str, estate: Estate) -> list[Landed]:
    """Every visible run of the estate's pipelines, by pipeline and interval."""
    found = []
    for pipeline in sorted(estate.pipelines):
        prefix = f"{estate.prefix_of(pipeline)}/"
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                if entry["Key"].endswith(_MANIFEST):
                    body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                    found.append(_landed(json.loads(body)))
    return found


def _landed(receipt: dict[str, Any]) -> Landed:
    return Landed(
        pipeline=receipt["pipeline"],
        site=receipt["site"],
        host=receipt["host"],
        rows=receipt["rows"],
        bytes=receipt["bytes"],
        files=[file["key"] for file in receipt["files"]],
        columns=[(column["name"], column["type"]) for column in receipt["schema"]],
        finished_at=receipt["finished_at"],
    )
