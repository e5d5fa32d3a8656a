"""How a task runs: the names alone, for help that does not wait for the demo."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How a task runs."""

    CONTAINER = "container"
    PROCESS = "process"
