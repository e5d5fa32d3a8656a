"""Faults on demand: calls that fail and a clock that is wrong, for tests of those who call."""

from __future__ import annotations

import threading
from typing import Any

from sandbox.wire import Clock, Fault


class Faults:
    """A list of faults waiting for their operation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.clock = Clock(ahead=0.0)

    def add(self, fault: Fault) -> None:
        """Let the next calls fail."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()
            self.clock = Clock(ahead=0.0)

    def take(self, operation: str) -> Fault | None:
        """The fault of this call, used up once."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.operation == operation and fault.times > 0:
                    self._waiting[index] = fault.model_copy(update={"times": fault.times - 1})
                    return fault
        return None

    def told(self, answer: Any) -> Any:
        """An answer of ECS by its own clock: times are numbers under names that end in `At`."""
        if isinstance(answer, list):
            return [self.told(item) for item in answer]
        if not isinstance(answer, dict) or not self.clock.ahead:
            return answer
        return {
            name: value + self.clock.ahead
            if name.endswith("At") and isinstance(value, int | float)
            else self.told(value)
            for name, value in answer.items()
        }
