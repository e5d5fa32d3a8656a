"""Keeping an activation code, or a password, out of what this process leaves behind."""

from __future__ import annotations

import ctypes
import logging
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Source: Linux man-pages, prctl(2). A core_pattern that pipes into a program ignores RLIMIT_CORE, so that
#: the process is made undumpable too; that also keeps other processes of the user from reading its memory.
_PR_SET_DUMPABLE = 4


@contextmanager
def guarded() -> Iterator[None]:
    """No core dump from here on, and no debug records while the block runs.

    botocore writes requests and answers, bodies included, into its debug log: whatever the program's
    logging is set to, such records are not made here. The process stays without core dumps afterwards,
    because what it held may still be in its memory.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    before = logging.root.manager.disable
    logging.disable(max(before, logging.DEBUG))
    try:
        yield
    finally:
        logging.disable(before)
