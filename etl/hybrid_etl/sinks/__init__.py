"""Where files go: a sink makes a whole file visible at once, or nothing of it.

One module a scheme of addresses, called as the scheme. A new sink is a new module here, which has
`open_sink(address, *, bytes_per_second, target_file_bytes)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from hybrid_etl.errors import Failure, UserError


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A finished file: its key, its size in bytes and the SHA-256 of its content in hexadecimal."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Names of directories, sorted; `whole` when none beyond them is left out."""

    names: list[str]
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A small file as it was at one moment: its content and the sink's tag of it, both None where none was.

    Two looks have the same tag when nothing was written between them.
    """

    content: bytes | None = None
    tag: str | None = None


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

    def look(self, key: str) -> Seen:
        """A small file as it is now; raises UserError when it is not granted, else Failure."""

    def put(self, key: str, content: bytes, *, over: Seen | None = None) -> bool:
        """Make a small file visible in one step, replacing the one before.

        With `over`, only while that is what is there: else nothing is written, and it gives False.
        """

    def probe(self, key: str) -> None:
        """Begin a file and take it back, to see whether it may be written; raises UserError or Failure."""

    def read(self, key: str) -> bytes:
        """A small file; raises UserError when it is absent or not granted, else Failure."""

    def directories(self, prefix: str, *, after: str, only: str) -> Listing:
        """Directories below a prefix whose names come after `after` and begin with `only`.

        May leave some out. Raises UserError where it is not granted, Failure otherwise.
        """

    def source(self, key: str) -> str | BinaryIO:
        """A file as Arrow reads one: its path, or a seekable stream. Raises FileNotFoundError too."""


def open_sink(address: str, *, bytes_per_second: int | None = None, target_file_bytes: int = 0) -> Sink:
    """The sink of an address such as `s3://BUCKET[/PREFIX]` or `file:///DIRECTORY`.

    Raises UserError for an address of no sink.
    """
    module = _module(urlsplit(address).scheme)
    if module is None or not hasattr(module, "open_sink"):
        raise wrong_address(address)
    make: Callable[..., Sink] = module.open_sink
    return make(address, bytes_per_second=bytes_per_second, target_file_bytes=target_file_bytes)


def _module(scheme: str) -> ModuleType | None:
    name = f"{__name__}.{scheme}"
    try:
        return importlib.import_module(name) if scheme.isidentifier() else None
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def read(address: str) -> bytes:
    """A small file by its address; raises as `Sink.read`."""
    base, _, name = address.rpartition("/")
    return open_sink(f"{base}/").read(unquote(name))


def wrong_address(address: str) -> UserError:
    """What to tell of an address that no sink has."""
    return UserError(f"{address!r} is neither s3://BUCKET/KEY nor file:///PATH; correct the task definition.")
