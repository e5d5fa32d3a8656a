"""What is in the lake: the receipts of the runs, read as any reader of the lake should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrid.estate import Estate
from hybrid.lake.reading import receipts, visible

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    """Every visible run of the estate's pipelines, by pipeline and interval.

    Raises:
        UnreadableLake: two runs of a pipeline hold the same rows, and neither stands for the other.
    """
    return [
        _landed(receipt.body)
        for pipeline in sorted(estate.pipelines)
        for receipt in visible(list(receipts(s3, bucket=bucket, prefix=estate.prefix_of(pipeline))))
    ]


def _landed(receipt: Mapping[str, Any]) -> Landed:
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
