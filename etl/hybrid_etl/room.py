"""The room that one long value has: what the memory limit leaves, refused before the kernel kills.

A value is held several times on its way (received, decoded, encoded, compressed); how often was measured
(docs/reference/container.md, "Long values").
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from hybrid_etl.errors import UserError

TIMES, TIMES_TO_WRITE = 6, 4
"""How often a value is in memory at most, rounded up (bytes that do not compress, to Parquet), and how
often more once it is a batch."""
LONG_BYTES = 8 * 1024 * 1024
"""Batches below are those of short values, which always fit."""
RESERVE = 24 * 1024 * 1024
"""What a run takes besides after its start: a row group that waits, two parts of an upload, libraries."""
_MIB = 1024 * 1024
_CONTROL_GROUPS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_WRITE_RESERVE = 8 * 1024 * 1024
_NO_LIMIT = 2**60
"""Control groups of version 1 say a number near 2**63 where there is no limit."""


def memory_limit() -> int | None:
    """Bytes that this process may use: the least of its control group's limit and RLIMIT_DATA, or None.

    An ECS task's container has the control group of its own `memory` (Amazon ECS Developer Guide).
    """
    limits = [resource.getrlimit(resource.RLIMIT_DATA)[0]]
    for path in _CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):
            limits.append(int(Path(path).read_text()))
    known = [limit for limit in limits if 0 < limit < _NO_LIMIT]
    return min(known) if known else None


def largest_value() -> int | None:
    """Bytes of the longest value that fits from here on; None where memory has no limit."""
    limit = memory_limit()
    return None if limit is None else max((limit - _used() - RESERVE) // TIMES, _MIB)


def refuse_beyond(size: int, of_what: Callable[[], tuple[str, int] | None]) -> None:
    """Refuse a row of `size` bytes that does not fit, naming its column and length where they are known.

    Raises UserError.
    """
    largest = largest_value()
    if largest is None or size <= largest:
        return
    raise _refusal(size, of_what(), largest=largest)


class Growth:
    """What a reader may take that learns of a value's length only from a library that makes room for it.

    libpq makes room for a whole message as soon as its header is here, and receives as fast as the server
    sends. So the process may not grow beyond what the longest value that fits takes while it is read, decoded
    and copied (setrlimit(2), RLIMIT_DATA): the library's request for more fails, and nothing was received.
    """

    _TIMES_TO_READ, _SLACK = 4, 8 * _MIB
    """libpq's buffer may be twice the value; its copy, and the decoded value, are each as long."""

    def __init__(self) -> None:
        self._room = largest_value()

    @contextlib.contextmanager
    def bounded(self) -> Iterator[None]:
        """Bound the process while it reads a batch; without a memory limit nothing happens."""
        if self._room is None:
            yield
            return
        before = resource.getrlimit(resource.RLIMIT_DATA)
        data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        self._room = largest_value() or 0
        most = data + self._TIMES_TO_READ * self._room + self._SLACK
        allowed = [limit for limit in before if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min([most, *allowed]), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)

    def refusal(self) -> UserError | None:
        """Why the memory ran out while it was bounded; None where it was not."""
        return None if self._room is None else _refusal(self._room + 1, None, largest=self._room)


def check_room(batch: pa.RecordBatch) -> None:
    """Refuse a batch that would not fit while it is written, for what its longest column holds.

    It cuts in where the server's message does not tell its size before it is here, as with libpq. Raises
    UserError.
    """
    limit = memory_limit() if may_have(batch, LONG_BYTES) else None
    if limit is None or _used() + TIMES_TO_WRITE * batch.nbytes + _WRITE_RESERVE <= limit:
        return
    name, size = max(
        ((field.name, array.nbytes) for field, array in zip(batch.schema, batch.columns, strict=True)),
        key=lambda column: column[1],
    )
    largest = max((limit - _used() - _WRITE_RESERVE + batch.nbytes) // TIMES, _MIB)
    raise _refusal(size, (name, size), largest=largest)


def may_have(batch: pa.RecordBatch, size: int) -> bool:
    """Whether a batch may have `size` bytes or more.

    `nbytes` is exact and takes milliseconds where columns are many; the sum of whole buffers, which is never
    less, takes a twentieth of that, and nearly every batch is below.
    """
    return bool(batch.get_total_buffer_size() >= size and batch.nbytes >= size)


def _refusal(size: int, column: tuple[str, int] | None, *, largest: int) -> UserError:
    what = (
        f"Column {column[0]} has a value of {column[1] // _MIB} MiB"
        if column
        else (f"A row has {size // _MIB} MiB or more")
    )
    limit = memory_limit() or 0
    return UserError(
        f"{what}; a memory limit of {limit // _MIB} MiB holds values up to {largest // _MIB} MiB. "
        "Raise memory of the source, leave the column out, or take a substring of it."
    )


def _used() -> int:
    """Bytes in use: data that is mapped where that is limited (proc(5), statm), else what is resident."""
    pages = Path("/proc/self/statm").read_text().split()
    limited = resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
    return int(pages[5 if limited else 1]) * resource.getpagesize()
