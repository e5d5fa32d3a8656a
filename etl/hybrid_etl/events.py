"""Standard output: one JSON object a line, without data of the customer."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def emit(level: str, message: str, **fields: object) -> None:
    """Print one line `{"level", "message", …}`; fields are counts, names and times, never values of rows."""
    line: dict[str, object] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level}
    line["message"] = message
    line.update(fields)
    sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()
