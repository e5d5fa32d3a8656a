"""Progress of a long undertaking: each step with its name, what it is doing now, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


#: Seconds until the first line of a step where no terminal shows a spinner, and between the others.
_FIRST_SECONDS, _QUIET_SECONDS = 2, 20


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415 - help does not wait for it

    return Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass
class Steps:
    """The steps of one undertaking, in order.

    Attributes:
        console: where progress goes.
        durations: name of each finished step → seconds.
    """

    console: Console = field(default_factory=_console)
    durations: dict[str, float] = field(default_factory=dict)

    def say(self, message: str) -> None:
        """A line between the steps."""
        self.console.print(message, markup=False)

    @contextmanager
    def step(self, name: str, *, log: Path | None = None) -> Iterator[None]:
        """Show a step while it runs, with the last line of its log, and its duration when it is done."""
        start = time.monotonic()
        done = Event()
        tail = _Tail(log)
        watcher = Thread(target=self._watch, args=(name, tail, start, done), daemon=True)
        watcher.start()
        try:
            yield
        except BaseException:
            self._end(done, watcher)
            self.console.print(f"  ✗ {name} ({time.monotonic() - start:.1f} s)", markup=False)
            raise
        self._end(done, watcher)
        self.durations[name] = time.monotonic() - start
        self.console.print(f"  ✓ {name} ({self.durations[name]:.1f} s)", markup=False)

    @staticmethod
    def _end(done: Event, watcher: Thread) -> None:
        done.set()
        watcher.join()

    def _watch(self, name: str, tail: _Tail, start: float, done: Event) -> None:
        if not sys.stderr.isatty():
            wait = _FIRST_SECONDS
            while not done.wait(wait):
                wait = _QUIET_SECONDS
                self.console.print(
                    f"  … {name}, {time.monotonic() - start:.0f} s {tail.last_line()}".rstrip(), markup=False
                )
            return
        from rich.markup import escape  # noqa: PLC0415 - help does not wait for it

        with self.console.status(escape(name)) as status:
            while not done.wait(0.25):
                seconds = f"{time.monotonic() - start:.0f} s"
                room = max(self.console.width - len(name) - len(seconds) - 8, 0)
                status.update(f"{escape(name)} {seconds} [dim]{escape(tail.last_line()[:room])}[/dim]")


class _Tail:
    """What a step writes to its log, less what was there before: the log of a service goes on for days."""

    def __init__(self, log: Path | None) -> None:
        self._log = log
        self._begin = self._size()

    def _size(self) -> int:
        return self._log.stat().st_size if self._log is not None and self._log.is_file() else 0

    def last_line(self) -> str:
        """The last line that the step wrote, empty where it wrote none."""
        size = self._size()
        # A log that is shorter was begun anew.
        begin = self._begin if size >= self._begin else 0
        if self._log is None or size == begin:
            return ""
        with self._log.open("rb") as file:
            file.seek(max(size - 2000, begin))
            lines = file.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""
