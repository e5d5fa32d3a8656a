"""Faults on demand: the next calls of an operation fail, for tests of those who call."""

from __future__ import annotations

import threading

from hybrid.local.wire import Fault


class Faults:
    """A list of faults waiting for their operation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let the next calls fail."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()

    def take(self, operation: str) -> Fault | None:
        """The fault of this call, used up once."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.operation == operation and fault.times > 0:
                    self._waiting[index] = fault.model_copy(update={"times": fault.times - 1})
                    return fault
        return None
