"""A command as it is described before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """A command, or a group of them.

    Attributes:
        module: where it is written.
        name: of a `typer.Typer` there, or of a function.
        help: its line in `bin/hybrid --help`; a test holds it to what the module says.
        context: settings of the command's context, as `typer` takes them.
    """

    module: str
    name: str
    help: str
    context: Mapping[str, Any] | None = None
