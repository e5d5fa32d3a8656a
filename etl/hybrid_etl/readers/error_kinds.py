"""What an error of a server means for the run: who can mend it, and whether time does."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum


class ErrorKind(Enum):
    """USER: refused again until somebody changes something (exit 2, never retried).

    WAIT: heals soon by itself (exit 1; connecting is tried again). FAULT: the server is damaged, full or
    beside itself (exit 1, which a scheduler retries; connecting is not tried again at once).
    """

    USER = "user"
    WAIT = "wait"
    FAULT = "fault"


def numbers(text: str) -> frozenset[int]:
    """The numbers of a table: `1040 1203-1206` is five of them."""
    return frozenset(_numbers(text))


def _numbers(text: str) -> Iterator[int]:
    for part in text.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
