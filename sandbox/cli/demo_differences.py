"""`hybrid demo differences`: what the demo is not."""

from __future__ import annotations

from hybrid.cli import terminal
from sandbox.differences import table


def differences() -> None:
    """Every difference between the demo and a real account, as a table.

    Example: bin/hybrid demo differences
    """
    terminal.result(table().rstrip("\n"))
