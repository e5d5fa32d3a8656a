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

TIMES, TIMES_TO_WRITE = 7, 4
"""How often a value is in memory at most, rounded up (bytes that do not compress, of PostgreSQL, to Parquet:
libpq's buffer is twice as long), and how often more once it is a batch."""
LONG_BYTES = 8 * 1024 * 1024
"""Batches below are those of short values, which always fit."""
_TIMES_AS_OBJECTS, _TIMES_AS_LISTS = 6, 14
"""How often a row is in memory at most while it is decoded in Python: its fields, a text of up to four bytes
a character, and the array; or an object of each element."""
RESERVE = 24 * 1024 * 1024
"""What a run takes besides after its start: a row group that waits, two parts of an upload, libraries."""
_RUN_LOADS = 12 * 1024 * 1024
"""What a run has loaded and opened when it meets its first long value, beyond what `check` has."""
_MIB = 1024 * 1024
_CONTROL_GROUPS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_REMEDY = "Raise memory of the source, leave the column out, or take a substring of it."
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


def largest_value(*, reusable: int = 0) -> int | None:
    """Bytes of the longest value that fits from here on; None where memory has no limit.

    `reusable`: bytes in use that a value takes again, or that are its own.
    """
    limit = memory_limit()
    return None if limit is None else max((limit - _used() + reusable - RESERVE) // TIMES, _MIB)


def largest_value_of_a_run() -> int | None:
    """As `largest_value`, told before: a value of this length lands, wherever it stands among others."""
    return largest_value(reusable=-_RUN_LOADS)


def refuse_beyond(size: int, of_what: Callable[[], tuple[str, int] | None], *, received: int = 0) -> None:
    """Refuse a row of `size` bytes that does not fit, naming its column and length where they are known.

    `received` of them are here already. Raises UserError.
    """
    largest = largest_value(reusable=received)
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
        self._longest = self._begun = 0

    def seen(self, batch: pa.RecordBatch) -> None:
        """Learn how long rows have been: libpq keeps its buffer, twice as long, for the next one."""
        size = batch.get_total_buffer_size()
        if size > max(self._longest, LONG_BYTES):
            self._longest = batch.nbytes

    @contextlib.contextmanager
    def bounded(self) -> Iterator[None]:
        """Bound the process while it reads a batch; without a memory limit nothing happens."""
        if self._room is None:
            yield
            return
        before = resource.getrlimit(resource.RLIMIT_DATA)
        data = _mapped()
        self._room = largest_value(reusable=2 * self._longest) or 0
        most = data + self._TIMES_TO_READ * self._room + self._SLACK
        allowed = [limit for limit in before if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min([most, *allowed]), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)

    def begin(self) -> None:
        """Look how much is mapped before a batch is received without such bounds."""
        self._room = largest_value(reusable=2 * self._longest)
        self._begun = _mapped()

    def check(self) -> None:
        """Refuse a row for which the library has made more room since then; raises UserError."""
        if (
            self._room is not None
            and _mapped() > self._begun + self._TIMES_TO_READ * self._room + self._SLACK
        ):
            raise _refusal(self._room + 1, None, largest=self._room)

    def refusal(self) -> UserError | None:
        """Why the memory ran out while it was bounded; None where it was not."""
        return None if self._room is None else _refusal(self._room + 1, None, largest=self._room)


def check_decoding(size: int, *, lists: bool = False) -> None:
    """Refuse a row of `size` bytes of which Python's objects would not fit; to be asked before they are made.

    A bound of the process would not do here: Python may never come back from a small allocation that fails
    while it handles one before. Raises UserError.
    """
    limit = memory_limit() if size >= _MIB else None
    times = _TIMES_AS_LISTS if lists else _TIMES_AS_OBJECTS
    if limit is not None and _used() + times * size + _WRITE_RESERVE > limit:
        raise UserError(
            f"To decode a row of {size / _MIB:.1f} MiB takes more than a memory limit of {limit // _MIB} MiB "
            f"leaves. {_REMEDY}"
        )


def check_room(batch: pa.RecordBatch, *, needed: int) -> None:
    """Refuse a batch that would not fit while it is written, for what its longest column holds.

    `needed` are the bytes that it takes beside itself (hybrid_etl.writers.memory_for). It cuts in where the
    server's message does not tell its size before it is here, as with libpq, and for what grows as it is
    written. Raises UserError.
    """
    limit = memory_limit() if needed >= LONG_BYTES else None
    if limit is None:
        return
    left = limit - _used() - _WRITE_RESERVE
    if needed <= left:
        return
    name, size = max(
        ((field.name, array.nbytes) for field, array in zip(batch.schema, batch.columns, strict=True)),
        key=lambda column: column[1],
    )
    raise UserError(
        f"Column {name} has a value of {size / _MIB:.1f} MiB, and to write it takes {needed // _MIB} MiB "
        f"more, where a memory limit of {limit // _MIB} MiB leaves {max(left, 0) // _MIB} MiB. {_REMEDY}"
    )


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
        f"{what}; a memory limit of {limit // _MIB} MiB holds values up to {largest // _MIB} MiB. {_REMEDY}"
    )


def _used() -> int:
    """Bytes in use: data that is mapped where that is limited (proc(5), statm), else what is resident."""
    pages = Path("/proc/self/statm").read_text().split()
    limited = resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
    return int(pages[5 if limited else 1]) * resource.getpagesize()


def _mapped() -> int:
    """Bytes of data that are mapped (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
