"""Where a lake is: a bucket of S3, or a directory of this machine; and the receipts of a pipeline in it.

Only receipts are read here. On S3 their names are listed a directory at a time, 1,000 a request, and
never the data files, of which there may be a thousand times as many; then they are read in parallel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from hybrid.lake.reading import RECEIPT, Stored, UnreadableLake

READERS = 24
"""Receipts that are read at once; a client needs as many connections."""

_NEEDED = {"interval", "finished_at", "rows", "bytes", "files", "schema"}
_VERSION = 1

Say = Callable[[int, int], None]
"""Told while receipts are read: how many were, and of how many."""


class LakePlace(Protocol):
    """A lake, as far as reading needs it."""

    @property
    def address(self) -> str:
        """How people name it."""

    def receipts(self, prefix: str, *, say: Say) -> list[Stored]:
        """Every receipt of a pipeline, whether or not a reader takes it.

        Raises:
            UnreadableLake: one of them cannot be read.
        """


@dataclass(frozen=True)
class Directory:
    """A lake in a directory, as `bin/hybrid run` fills it."""

    root: Path

    @property
    def address(self) -> str:
        """The directory."""
        return str(self.root)

    def receipts(self, prefix: str, *, say: Say) -> list[Stored]:
        """Every receipt of a pipeline.

        Raises:
            UnreadableLake: one of them, or the directory, cannot be read.
        """
        found: list[Stored] = []
        try:
            paths = self._paths(prefix)
            for number, path in enumerate(paths, 1):
                key = path.relative_to(self.root).as_posix()
                # Where an interval has none, its run failed or is under way.
                with suppress(FileNotFoundError):
                    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    found.append(Stored(key, written, receipt(path.read_bytes(), key=key)))
                say(number, len(paths))
        except OSError as error:
            raise UnreadableLake(
                f"{error.filename or self.root} cannot be read: {error.strerror or error}"
            ) from error
        return found

    def _paths(self, prefix: str) -> list[Path]:
        """Where receipts may be. Not by `glob`, to which a directory that may not be read is an empty one."""
        directory = self.root / prefix
        try:
            names = [entry.name for entry in os.scandir(directory)]
        except FileNotFoundError:
            return []
        return [directory / name / RECEIPT for name in sorted(names) if name.startswith("interval=")]


@dataclass(frozen=True)
class Bucket:
    """A lake in S3.

    Attributes:
        s3: a client of boto3 or botocore, with READERS connections.
        name: of the bucket.
    """

    s3: Any
    name: str

    @property
    def address(self) -> str:
        """The bucket."""
        return f"s3://{self.name}"

    def receipts(self, prefix: str, *, say: Say) -> list[Stored]:
        """Every receipt of a pipeline.

        Raises:
            UnreadableLake: one of them cannot be read.
            botocore.exceptions.ClientError, BotoCoreError: S3 refused.
        """
        keys = [f"{directory}{RECEIPT}" for directory in self._intervals(prefix)]
        found: list[Stored] = []
        with ThreadPoolExecutor(READERS) as pool:
            for number, stored in enumerate(pool.map(self._receipt, keys), 1):
                found += [stored] if stored else []
                say(number, len(keys))
        return found

    def _intervals(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=f"{prefix}/interval=", Delimiter="/"
        )
        for page in pages:
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"]

    def _receipt(self, key: str) -> Stored | None:
        """None where an interval has none: its run failed, or is under way."""
        try:
            answer = self.s3.get_object(Bucket=self.name, Key=key)
        except self.s3.exceptions.NoSuchKey:
            return None
        return Stored(key, answer["LastModified"], receipt(answer["Body"].read(), key=key))


def receipt(content: bytes, *, key: str) -> Mapping[str, Any]:
    """A receipt of its bytes, as far as readers need it.

    Raises:
        UnreadableLake: it is damaged, or of a newer version.
    """
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("version"), int) and body["version"] > _VERSION:
        raise UnreadableLake(f"{key} was written by a newer version; update this clone")
    if not isinstance(body, dict) or (missing := sorted(_NEEDED - body.keys())):
        why = f"it has no {', '.join(missing)}" if isinstance(body, dict) else "it is no JSON object"
        raise UnreadableLake(f"{key} is damaged: {why}. Run its interval again, or remove it.")
    # Statistics of every column are most of a receipt, and of no use here: a thousand of them stay small.
    return {name: body[name] for name in body if name != "statistics"}
