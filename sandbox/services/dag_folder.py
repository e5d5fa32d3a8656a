"""`python -m sandbox.services.dag_folder`: keep a folder equal to what a bucket has below a prefix.

As on Amazon MWAA, Airflow's processes read DAG files from a folder of their machine, and something beside
them copies the bucket there. (Airflow's `S3DagBundle` copies it at the start of every task, one task after
another: seconds for each on a busy machine.)
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.lifetime import until_asked

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)


class DagFolder:
    """A folder that follows a bucket.

    Args:
        s3: client of the bucket.
        bucket: its name.
        prefix: what the keys begin with, less a slash.
        folder: gets the objects below the prefix.
    """

    def __init__(self, s3: S3Client, *, bucket: str, prefix: str, folder: Path) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = f"{prefix}/"
        self._folder = folder
        self._seen: dict[Path, str] = {}

    def follow(self) -> None:
        """Fetch what is new or changed, and delete what is gone. A file is whole at any moment.

        Raises:
            ClientError, BotoCoreError: S3 could not be asked; the folder is as far as it got.
        """
        there: set[Path] = set()
        for page in self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        ):
            for entry in page.get("Contents", []):
                path = self._folder / entry["Key"].removeprefix(self._prefix)
                there.add(path)
                if self._seen.get(path) != entry["ETag"]:
                    self._fetch(entry["Key"], path)
                    self._seen[path] = entry["ETag"]
        for path in [path for path in self._folder.rglob("*") if path.is_file() and path not in there]:
            # What Python compiled of the files lies beside them, and is its own.
            if path.parent.name != "__pycache__":
                path.unlink()
                self._seen.pop(path, None)

    def _fetch(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._folder.parent / f"{self._folder.name}.fetching"
        fresh.write_bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        fresh.replace(path)
        logger.info("fetched %s", key)


def is_equal(s3: S3Client, *, bucket: str, prefix: str, folder: Path) -> bool:
    """Whether a folder has just the files that a bucket has below a prefix, what Python compiled aside.

    Raises:
        ClientError, BotoCoreError: S3 could not be asked.
    """
    there = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for entry in page.get("Contents", []):
            there[folder / entry["Key"].removeprefix(f"{prefix}/")] = entry["ETag"].strip('"')
    here = {path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    return here == set(there) and all(_md5(path) == tag for path, tag in there.items())


def _md5(path: Path) -> str:
    """What S3 gives as the ETag of an object that came in one part."""
    try:
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return ""


def main(
    bucket: Annotated[str, typer.Option(help="Name of the bucket.")],
    folder: Annotated[Path, typer.Option(help="Folder that follows the bucket.")],
    prefix: Annotated[str, typer.Option(help="What the keys begin with.")] = "dags",
    seconds: Annotated[float, typer.Option(help="Between two looks at the bucket.")] = 3.0,
) -> None:
    """Keep a folder equal to what a bucket has below a prefix, until SIGTERM or SIGINT.

    Example: python -m sandbox.services.dag_folder --bucket acme-dags --folder airflow/dags
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.info("%s follows s3://%s/%s, process %d", folder, bucket, prefix, os.getpid())
    done = threading.Event()
    until_asked(done.set, with_parent=False)
    import boto3  # noqa: PLC0415 - it takes a tenth of a second to load

    follower = DagFolder(boto3.client("s3"), bucket=bucket, prefix=prefix, folder=folder)
    while not done.is_set():
        try:
            follower.follow()
        except (ClientError, BotoCoreError, OSError) as error:
            logger.warning("the bucket could not be followed just now: %s", error)
        done.wait(seconds)


if __name__ == "__main__":
    typer.run(main)
