"""How a call of a host can fail."""

from __future__ import annotations


class Refused(Exception):
    """AWS refused what the host asked.

    Args:
        code: its error code, such as `InvalidActivation`.
        message: what it says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Unreachable(Exception):
    """AWS does not answer, or this host is cut off from it."""
