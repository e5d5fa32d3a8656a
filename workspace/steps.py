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


#: Seconds between two lines of progress where no terminal shows a spinner.
_QUIET_SECONDS = 20


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
        watcher = Thread(target=self._watch, args=(name, log, start, done), daemon=True)
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

    def _watch(self, name: str, log: Path | None, start: float, done: Event) -> None:
        if not sys.stderr.isatty():
            while not done.wait(_QUIET_SECONDS):
                self.console.print(
                    f"  … {name}, {time.monotonic() - start:.0f} s {_last_line(log)}".rstrip(), markup=False
                )
            return
        from rich.markup import escape  # noqa: PLC0415 - help does not wait for it

        with self.console.status(escape(name)) as status:
            while not done.wait(0.25):
                seconds = f"{time.monotonic() - start:.0f} s"
                room = max(self.console.width - len(name) - len(seconds) - 8, 0)
                status.update(f"{escape(name)} {seconds} [dim]{escape(_last_line(log)[:room])}[/dim]")


def _last_line(log: Path | None) -> str:
    if log is None or not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - 2000, 0))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
