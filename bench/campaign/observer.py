"""Sees which containers there were, from two sides: the task records of ECS, and Docker's own events."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from sandbox.demo.task_mode import Mode
from sandbox.endpoint.shapes import InstanceState, TaskRecord

#: The records of stopped tasks are kept for an hour (sandbox/endpoint/store.py).
_LOOK_SECONDS = 120.0


@dataclass
class Seen:
    """One ECS task: whose try it is, and when its containers started and ended by Docker's clock."""

    task: str
    attempt: str
    status: str
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


class Observer:
    """Watches from `with` to its end.

    Args:
        state_file: where the endpoint keeps its tasks.
        mode: Docker tells of containers only where there are some.
    """

    def __init__(self, state_file: Path, *, mode: Mode) -> None:
        self._state_file = state_file
        self._mode = mode
        self._tasks: dict[str, Seen] = {}
        self._starts: dict[str, list[float]] = defaultdict(list)
        self._ends: dict[str, list[float]] = defaultdict(list)
        self._events: subprocess.Popen[str] | None = None
        self._looked = 0.0
        self._known = set(self._read())

    def __enter__(self) -> Observer:
        if self._mode is Mode.CONTAINER:
            wanted = ("type=container", "label=sandbox.task", "event=start", "event=die")
            filters = [word for one in wanted for word in ("--filter", one)]
            self._events = subprocess.Popen(
                ["docker", "events", "--format", "{{json .}}", *filters], stdout=subprocess.PIPE, text=True
            )
            threading.Thread(target=self._listen, name="docker-events", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._events:
            self._events.terminate()
            self._events.wait(10)

    def look(self) -> None:
        """Take over the records of ECS, every now and then."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self.seen()

    def seen(self) -> list[Seen]:
        """Every task so far, in the order in which ECS made them."""
        self._looked = time.monotonic()
        for arn, record in self._read().items():
            if arn not in self._known:
                attempt = _attempt(record.told.containers[0].command or ())
                self._tasks[arn] = Seen(arn, attempt, record.task.last_status)
        for arn, one in self._tasks.items():
            one.starts, one.ends = self._starts[arn], self._ends[arn]
        return list(self._tasks.values())

    def _read(self) -> dict[str, TaskRecord]:
        return InstanceState.model_validate_json(self._state_file.read_bytes()).tasks

    def _listen(self) -> None:
        assert self._events is not None
        assert self._events.stdout is not None
        for line in self._events.stdout:
            event = json.loads(line)
            task = event["Actor"]["Attributes"]["sandbox.task"]
            (self._starts if event["Action"] == "start" else self._ends)[task].append(event["timeNano"] / 1e9)


def _attempt(command: tuple[str, ...]) -> str:
    words = list(command)
    return words[words.index("--attempt") + 1] if "--attempt" in words else ""
