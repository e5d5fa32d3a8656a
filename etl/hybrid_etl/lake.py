"""What is in the lake already: names of intervals and small objects, in S3 or in a directory."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hybrid_etl.errors import Failure
from hybrid_etl.settings import Settings, location

START = "interval="
RECEIPT = "_manifest.json"
PART_RECEIPT = "_part.json"
"""What a part leaves beside its files: no reader follows it."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Names of interval directories, sorted; `whole` when none beyond them is left out."""

    names: list[str]
    whole: bool


def list_intervals(settings: Settings, prefix: str, *, after: str = "", only: str = START) -> Listing:
    """Directories `interval=…` of a pipeline's prefix whose names come after `after` and begin with `only`.

    One request to S3, so at most 1,000 names. Raises UserError where it is not granted, Failure otherwise.
    """
    bucket, key = location(settings.lake)
    if bucket:
        base = "/".join(part for part in (key, prefix) if part) + "/"
        return _list_s3(bucket, base, after=after, only=only)
    try:
        found = os.listdir(os.path.join(key, prefix))  # noqa: PTH118, PTH208 - a lake may hold many
    except FileNotFoundError:
        found = []
    except OSError as error:
        raise Failure(f"{key}/{prefix} cannot be listed ({error.strerror}).") from None
    return Listing(names=sorted(name for name in found if name.startswith(only) and name > after), whole=True)


def _list_s3(bucket: str, base: str, *, after: str, only: str) -> Listing:
    from botocore.exceptions import BotoCoreError, ClientError

    from hybrid_etl import aws

    try:
        answer = aws.client("s3").list_objects_v2(
            Bucket=bucket,
            Prefix=base + only,
            Delimiter="/",
            **({"StartAfter": base + after} if after else {}),
        )
    except (BotoCoreError, ClientError) as error:
        raise aws.explain(error, doing=f"Listing s3://{bucket}/{base}{only}") from error
    names = [found["Prefix"][len(base) :].rstrip("/") for found in answer.get("CommonPrefixes", ())]
    return Listing(names=sorted(names), whole=not answer.get("IsTruncated"))
