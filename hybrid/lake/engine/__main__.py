"""Answer the request of standard input, a JSON object, with events on standard output, one a line."""

from __future__ import annotations

import json
import sys
from typing import Any

from hybrid.lake.engine.answering import answer


def _say(**event: Any) -> None:
    print(json.dumps(event, default=str), flush=True)


if __name__ == "__main__":
    answer(json.load(sys.stdin), _say)
