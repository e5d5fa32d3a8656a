"""Does what the CDK's bucket deployment function does in an account: unpack published assets to a bucket.

Source of the behaviour: aws-cdk, packages/@aws-cdk/custom-resource-handlers/lib/aws-s3-deployment.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.demo.assembly import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def upload(s3: S3Client, item: Upload, *, outputs: Mapping[str, str]) -> list[str]:
    """Copy the files of an upload to their bucket.

    Args:
        s3: client of the emulator.
        item: what to copy.
        outputs: outputs of its stack.

    Returns:
        The keys that were written, sorted.
    """
    written: list[str] = []
    bucket = outputs[item.bucket_output]
    for number, key in enumerate(item.asset_keys):
        asset = s3.get_object(Bucket=outputs[item.source_bucket_output], Key=key)["Body"].read()
        markers = item.marker_outputs[number] if number < len(item.marker_outputs) else {}
        with zipfile.ZipFile(io.BytesIO(asset)) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                content = archive.read(entry)
                for marker, output in markers.items():
                    content = content.replace(marker.encode(), outputs[output].encode())
                target = f"{item.prefix}/{entry.filename}" if item.prefix else entry.filename
                s3.put_object(Bucket=bucket, Key=target, Body=content)
                written.append(target)
    if item.prune:
        _prune(s3, bucket, f"{item.prefix}/" if item.prefix else "", keep=set(written))
    return sorted(written)


def _prune(s3: S3Client, bucket: str, prefix: str, *, keep: set[str]) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if entry["Key"] not in keep:
                s3.delete_object(Bucket=bucket, Key=entry["Key"])
