"""Where files go: a sink makes a whole file visible at once, or nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hybrid_etl.errors import Failure
from hybrid_etl.settings import location


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A finished file: its key, its size in bytes and the SHA-256 of its content in hexadecimal."""

    key: str
    bytes: int
    sha256: str


def check_size(taken: int, *, stored: int) -> None:
    """Hold the bytes that a file took against those that were stored; raises Failure."""
    if taken != stored:
        raise Failure(
            f"A file took {taken} bytes, and {stored} were stored; nothing became visible: run again."
        )


class OutputFile(Protocol):
    """A file being written: bytes go in, nothing is visible before `finish`."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    def write(self, data: bytes) -> int:
        """Take bytes; may wait for the sink. Raises Failure when the sink has refused for good.

        After `abort` they are forgotten: Arrow's Parquet writer still writes a footer when it is collected.
        """

    def finish(self) -> StoredFile:
        """Make the file visible, whole."""

    def abort(self) -> None:
        """Take the file back; may be called at any time, twice too, and never raises."""


class Sink(Protocol):
    """A place for files, addressed by keys with `/`."""

    def open(self, key: str) -> OutputFile:
        """Begin a file."""

    def put(self, key: str, content: bytes) -> None:
        """Make a small file visible in one step, replacing the one before."""

    def probe(self, key: str) -> None:
        """Begin a file and take it back, to see whether it may be written; raises UserError or Failure."""


def open_sink(lake: str, *, bytes_per_second: int | None, target_file_bytes: int) -> Sink:
    """The sink for `s3://BUCKET[/PREFIX]` or `file:///DIRECTORY`."""
    bucket, key = location(lake)
    if bucket:
        from hybrid_etl.sinks.s3 import S3Sink

        return S3Sink(bucket, key, bytes_per_second=bytes_per_second, target_file_bytes=target_file_bytes)
    from hybrid_etl.sinks.local import LocalSink

    return LocalSink(key, bytes_per_second=bytes_per_second)
