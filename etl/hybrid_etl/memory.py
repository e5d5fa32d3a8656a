"""Memory of a run: the C library gives back what is large, and Python's collector leaves the start alone."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3), from glibc's malloc.h."""


def keep_small() -> None:
    """Let Arrow allocate where everyone does, and let large blocks leave when they are freed.

    glibc would raise that threshold to the largest block ever freed, and so keep row groups and parts;
    Arrow's own allocator keeps pages of its own. Below these thresholds each batch would fetch its pages from
    the kernel anew (docs/decisions/etl-lean-runs.md). With another C library only Arrow's allocator changes.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with contextlib.suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 2 * 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 8 * 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """No collection while modules and clients are loaded, which stay until the end; nor of them later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
