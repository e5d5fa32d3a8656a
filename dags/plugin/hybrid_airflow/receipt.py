"""The receipt of a run: its `_manifest.json` in the lake, without which no run is a success."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow import interval as intervals
from hybrid_airflow.interval import Interval
from hybrid_airflow.promises import drift_of, unexpected_of
from hybrid_airflow.retrying import patiently, plain

#: Name of the object that makes a run visible.
RECEIPT = "_manifest.json"
#: Name of the receipt of a part, which no reader follows.
PART = "_part.json"
#: Seconds that S3 is asked again while its errors pass: what has landed should not be read twice for them.
PATIENCE = 120.0


class ReceiptError(Exception):
    """The lake does not hold the receipt of this run."""


class NoReceiptError(ReceiptError):
    """There is no such receipt, or none that Airflow's role may read."""


@dataclass(frozen=True)
class Receipt:
    """What landed: the XCom of a run, small however large the run is.

    Attributes:
        interval: `{"from", "to"}` in ISO 8601, or None for a full snapshot.
        rows: Rows that landed.
        bytes: Bytes of the files that landed.
        files: Number of files.
        bucket: Bucket of the lake.
        prefix: Directory of the run: its manifest, and its files below it.
        manifest: Key of the manifest, which names the files.
        snapshot_time: When the database was read, ISO 8601.
        host: Machine that ran the container.
        drift: Columns that are others than in the run before, a few words each.
        unexpected: What is not as expected and landed all the same, a sentence each.
        supersedes: Names of the intervals that this one covers and stands for: readers leave them out.
    """

    estate: str
    site: str
    source: str
    pipeline: str
    specification: str
    interval: dict[str, str] | None
    attempt: str
    rows: int
    bytes: int
    files: int
    bucket: str
    prefix: str
    manifest: str
    snapshot_time: str | None
    host: str | None
    started_at: str | None
    finished_at: str | None
    drift: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()

    def to_xcom(self) -> dict[str, Any]:
        """The receipt as JSON: Airflow reads XCom classes only of packages that its settings allow."""
        return asdict(self)

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any]) -> Receipt:
        """The receipt that `to_xcom` wrote; keys of a newer version are let through.

        Raises:
            ReceiptError: The value is not a receipt.
        """
        try:
            return cls(
                **{
                    name: value[name]
                    for name, one in cls.__dataclass_fields__.items()
                    if name in value or one.default is MISSING
                }
            )
        except (KeyError, TypeError):
            raise ReceiptError(f"This is not a receipt of a pipeline: {str(value)[:200]}") from None


def read_receipt(
    s3: Any, *, bucket: str, prefix: str, interval: Interval | None, attempt: str, of_part: bool = False
) -> Receipt:
    """Read the receipt of this attempt from the lake.

    Args:
        s3: An S3 client of boto3.
        prefix: The pipeline's prefix in the lake.
        of_part: The attempt read one key range, and waits for its commit.

    Raises:
        ReceiptError: There is none, or it is of another attempt.
    """
    directory = f"{prefix}/{intervals.directory(interval)}"
    key = f"{directory}/{attempt}/{PART}" if of_part else f"{directory}/{RECEIPT}"
    body = _read(s3, bucket=bucket, key=key)
    if body.get("attempt") != attempt:
        raise ReceiptError(
            f"s3://{bucket}/{key} is of attempt {body.get('attempt')}, and this one is {attempt}"
        )
    return Receipt(
        estate=body["estate"],
        site=body["site"],
        source=body["source"],
        pipeline=body["pipeline"],
        specification=body["specification"],
        interval=body["interval"],
        attempt=attempt,
        rows=body["rows"],
        bytes=body["bytes"],
        files=len(body["files"]),
        bucket=bucket,
        prefix=directory,
        manifest=key,
        snapshot_time=(body.get("database") or {}).get("snapshot_time"),
        host=body.get("host"),
        started_at=body.get("started_at"),
        finished_at=body.get("finished_at"),
        drift=drift_of(body),
        unexpected=unexpected_of(body),
        supersedes=tuple(body.get("supersedes") or ()),
    )


def named_files(s3: Any, receipt: Receipt) -> list[dict[str, Any]]:
    """The files of a run, as its manifest names them: `{"key", "bytes", "rows", "sha256"}` each.

    Args:
        s3: An S3 client of boto3.

    Raises:
        ReceiptError: The manifest cannot be read, or is by now of another run, which has files of its own.
    """
    body = _read(s3, bucket=receipt.bucket, key=receipt.manifest)
    if body.get("attempt") != receipt.attempt:
        raise ReceiptError(
            f"s3://{receipt.bucket}/{receipt.manifest} is by now of attempt {body.get('attempt')}, not "
            f"{receipt.attempt}: what landed was replaced, and a run for that follows"
        )
    files: list[dict[str, Any]] = body["files"]
    return files


def refreshed_until(s3: Any, *, bucket: str, prefix: str) -> datetime | None:
    """The end of the last full refresh of a pipeline that reads intervals, None without one.

    Raises:
        ReceiptError: The lake cannot be asked.
    """
    key = f"{prefix}/{intervals.FULL}/{RECEIPT}"
    try:
        interval = _read(s3, bucket=bucket, key=key).get("interval")
    except NoReceiptError:
        return None
    return datetime.fromisoformat(interval["to"]) if interval else None


def _read(s3: Any, *, bucket: str, key: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(patiently(lambda: _body(s3, bucket, key), seconds=PATIENCE))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"NoSuchKey", "404"}:
            raise NoReceiptError(f"s3://{bucket}/{key} is not there") from None
        if code in {"AccessDenied", "403"}:
            # What S3 answers for a missing key, too, to whoever may not list the bucket.
            raise NoReceiptError(
                f"s3://{bucket}/{key} is not there, or Airflow's role may not read it"
            ) from None
        raise ReceiptError(f"s3://{bucket}/{key} cannot be read ({code})") from error
    except BotoCoreError as error:
        raise ReceiptError(f"s3://{bucket}/{key} cannot be read ({plain(error)})") from error
    except json.JSONDecodeError:
        raise ReceiptError(f"s3://{bucket}/{key} is not JSON") from None
    return found


def _body(s3: Any, bucket: str, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
