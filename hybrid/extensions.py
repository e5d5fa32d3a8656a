"""What other distributions bring to the command line, by the entry points of their pyproject.toml.

Groups:
    hybrid.commands: a mapping of names to `hybrid.cli.command.Command`.
    hybrid.checks: a function that gives checks of `hybrid doctor` (`hybrid.doctor.model.Check`).
    hybrid.lakes: a function from the `Fleet` of a command to the one that reaches the lake of that name.

Source of the form: Python Packaging User Guide, "Entry points specification". The sandbox of this clone is
installed nowhere, so the pyproject.toml files of the clone are read beside the metadata of what is installed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from workspace.paths import ROOT


def extensions(group: str) -> Iterator[EntryPoint]:
    """The entry points of a group: those of the clone's own distributions, then installed ones."""
    for file in sorted(ROOT.glob("*/pyproject.toml")):
        declared = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}).get("entry-points", {})
        for name, value in declared.get(group, {}).items():
            yield EntryPoint(name=name, value=value, group=group)
    yield from entry_points(group=group)


def extension(group: str, name: str) -> Any:
    """What an entry point names, loaded.

    Raises:
        LookupError: no distribution has an entry point of that name.
    """
    for found in extensions(group):
        if found.name == name:
            return found.load()
    raise LookupError(f"no distribution brings `{name}` ({group})")
