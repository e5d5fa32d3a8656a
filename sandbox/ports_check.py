"""The ports of the demo, as `hybrid doctor` has them (entry point `hybrid.checks`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hybrid.doctor.model import Check, Finding
from sandbox.demo.directory import described
from sandbox.demo.ports import USUAL, is_free
from sandbox.services.listening import holder
from workspace.installing.purposes import Purpose
from workspace.paths import DEMO

_DEMO = (Purpose.DEMO,)


def checks() -> list[Check]:
    """The checks of this module."""
    return [Check("ports", lambda: _ports(Path(os.environ.get("HYBRID_DEMO_DIRECTORY") or DEMO)), _DEMO)]


def _ports(directory: Path) -> Iterator[Finding]:
    running = {entry["port"]: entry["service"] for entry in _services(directory) if entry["running"]}
    kept = _kept(directory / "ports.json")
    for name, usual in USUAL.items():
        port = kept.get(name, usual)
        if port in running:
            yield Finding(f"port of {name}", f"{port}: the demo of this clone runs there", concerns=_DEMO)
            continue
        free = is_free(port)
        yield Finding(
            f"port of {name}",
            f"{port} is free" if free else f"{port} is taken by {holder(port)}",
            free,
            _DEMO,
            cost=f"the demo chooses another port for {name} and says which",
            remedy="nothing, or end what has the port",
        )


def _services(directory: Path) -> list[dict[str, object]]:
    """Services of a demo, none where its directory is broken: what runs then shows at the ports."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        return described(directory)
    return []


def _kept(file: Path) -> dict[str, int]:
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    return {}
