"""A query of a lake in a directory, by the process that `bin/hybrid lake query` starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


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
    environment: Mapping[str, str] | None = None,
) -> Answered:
    with tempfile.TemporaryDirectory() as scratch:
        request = {
            "query": query,
            "pipelines": pipelines or {"orders": "shop/orders"},
            "place": place or {"directory": str(lake)},
            "most": most,
            "json": json_values,
            "scratch": scratch,
        }
        done = subprocess.run(
            [sys.executable, "-m", "hybrid.lake.engine"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = Answered()
    for event in map(json.loads, done.stdout.splitlines()):
        found.columns = event.get("columns", found.columns)
        found.rows += event.get("rows", [])
        found.more += event.get("more", 0)
        found.notes += [event["note"]] if "note" in event else []
        found.error = event.get("error", found.error) or event.get("unknown", "")
        found.code = event.get("code", found.code)
    return found
