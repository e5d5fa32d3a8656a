"""How long the processes of a local site live: until SIGTERM or SIGINT, or until their parent is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable


def until_asked(stop: Callable[[], None], *, with_parent: bool) -> None:
    """Call `stop` on SIGTERM or SIGINT and, with `with_parent`, when standard input closes.

    A parent that is killed cannot signal its children, but its end of their pipe closes. Call it in the main
    thread; `stop` must be safe in a signal handler.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
    if with_parent:
        threading.Thread(target=_watch, args=(stop,), name="parent", daemon=True).start()


def _watch(stop: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop()
