"""State of the endpoint: one lock, one JSON file, and a bell for those who wait for changes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from sandbox.endpoint.shapes import HostRecord, InstanceState

#: How long a stopped task can be described.
#: Source: Amazon ECS API Reference, DescribeTasks: stopped tasks appear for at least one hour.
STOPPED_TASK_SECONDS = 3600.0

#: Lifetime of a RunTask client token. Source: Amazon ECS API Reference, "Ensuring idempotency" (24 hours).
CLIENT_TOKEN_SECONDS = 24 * 3600.0


class StateFileError(Exception):
    """The state file exists and cannot be read."""


class Store:
    """State behind a lock.

    Args:
        path: the JSON file, written whole after each change (mode 0600).
        silence: seconds without a sign after which a host counts as disconnected.
    """

    def __init__(self, path: Path, *, silence: float) -> None:
        self._path = path
        self._changed = threading.Condition(threading.RLock())
        self._version = 1
        self._lines: dict[str, str] = {}
        self._lost: set[str] = set()
        self.silence = silence
        self._state = self._load()

    @contextmanager
    def read(self) -> Iterator[InstanceState]:
        """The state, not to be changed, while the lock is held."""
        with self._changed:
            yield self._state

    @contextmanager
    def change(self) -> Iterator[InstanceState]:
        """The state, to be changed; saved, and those who wait woken, when the block ends without error."""
        with self._changed:
            self._forget_old()
            yield self._state
            self._save()
            self._version += 1
            self._changed.notify_all()

    @property
    def version(self) -> int:
        """Counts changes since the endpoint started."""
        return self._version

    def wait_beyond(self, version: int, *, seconds: float) -> int:
        """Wait until something changed since `version`, at most `seconds`; the version now."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, timeout=seconds)
            return self._version

    def heard(self, host: HostRecord) -> None:
        """Note that a host is alive. Not worth a write of the file."""
        with self._changed:
            host.last_ping = time.time()

    def opened(self, host: HostRecord, line: str) -> None:
        """Note that a host has opened a line, which takes the place of the one before."""
        with self._changed:
            self._lines[host.host] = line
            self._lost.discard(host.host)
            self.heard(host)

    def lost(self, host: HostRecord, line: str) -> None:
        """Note that a line to a host has ended: the host is gone unless it has opened another since."""
        with self._changed:
            if self._lines.get(host.host) == line:
                self._lost.add(host.host)

    def connected(self, host: HostRecord | None) -> bool:
        """Whether a host is heard, and is not cut off."""
        return (
            host is not None
            and not host.cut
            and host.host not in self._lost
            and time.time() - host.last_ping < self.silence
        )

    def _load(self) -> InstanceState:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return InstanceState()
        try:
            return InstanceState.model_validate_json(self._path.read_bytes())
        except ValidationError as error:
            raise StateFileError(
                f"{self._path} is not a state file of this version: move it away to start afresh. {error}"
            ) from error

    def _save(self) -> None:
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._state.model_dump_json())
        fresh.replace(self._path)

    def _forget_old(self) -> None:
        now = time.time()
        state = self._state
        for arn, record in list(state.tasks.items()):
            if record.task.stopped_at and now - record.task.stopped_at > STOPPED_TASK_SECONDS:
                del state.tasks[arn]
        for token, launch in list(state.launch_tokens.items()):
            if now - launch.at > CLIENT_TOKEN_SECONDS:
                del state.launch_tokens[token]
