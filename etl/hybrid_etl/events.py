"""Standard output: one JSON object a line, without data of the customer."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

_aside = False


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Lines go to standard error meanwhile, because standard output has rows."""
    global _aside  # noqa: PLW0603 - as standard output itself, it is the process's
    _aside = True
    try:
        yield
    finally:
        _aside = False


def emit(level: str, message: str, **fields: object) -> None:
    """Print one line `{"level", "message", …}`; fields are counts, names and times, never values of rows."""
    line: dict[str, object] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level}
    line["message"] = message
    line.update(fields)
    stream = sys.stderr if _aside else sys.stdout
    stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    stream.flush()
