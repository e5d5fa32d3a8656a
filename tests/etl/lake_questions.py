"""A query of a lake, answered as the process that `bin/hybrid lake query` starts answers it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybrid.lake.engine.answering import answer


@dataclass
class Answered:
    """The events of an answer."""

    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more: int = 0
    error: str = ""
    code: int = 0


def ask(
    lake: Path,
    query: str,
    *,
    pipelines: Mapping[str, str] | None = None,
    most: int | None = None,
    json_values: bool = True,
    place: Mapping[str, Any] | None = None,
) -> Answered:
    events: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        request = {
            "query": query,
            "pipelines": pipelines or {"orders": "shop/orders"},
            "place": place or {"directory": str(lake)},
            "most": most,
            "json": json_values,
            "scratch": scratch,
        }
        answer(request, lambda **event: events.append(event))
    json.dumps(events)
    found = Answered()
    for event in events:
        found.columns = event.get("columns", found.columns)
        found.rows += event.get("rows", [])
        found.more += event.get("more", 0)
        found.notes += [event["note"]] if "note" in event else []
        found.error = event.get("error", found.error) or event.get("unknown", "")
        found.code = event.get("code", found.code)
    return found
