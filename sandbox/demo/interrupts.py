"""Ctrl-C once stops the demo; Ctrl-C again, or a hang-up meanwhile, does not stop the stopping."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal that asks to end, and only tell of those that follow.

    They are told of until the process ends: what was interrupted is on its way there.
    Where the caller has one of them ignored (`nohup`, a shell's background), it stays so.
    """

    interrupted = False

    def first(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        for one in handled:
            signal.signal(one, _teller(say))
        raise KeyboardInterrupt(signal.Signals(number).name)

    handled = _handled()
    before = {number: signal.signal(number, first) for number in handled}
    try:
        yield
    finally:
        if not interrupted:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def uninterrupted(say: Callable[[str], None]) -> Iterator[None]:
    """Only tell of signals that ask to end, while something has to be brought to its end."""
    before = {number: signal.signal(number, _teller(say)) for number in _handled()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handled() -> list[signal.Signals]:
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _teller(say: Callable[[str], None]) -> Callable[[int, FrameType | None], None]:
    def tell(_number: int, _frame: FrameType | None) -> None:
        say("stopping what runs; this takes some seconds")

    return tell
