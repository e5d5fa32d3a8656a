"""The commands of a page, as a reader types them: one after another, from its `sh` blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"^#+ (.+)$")
_HERE = re.compile(r"<<-?\s*'?(\w+)'?")


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        heading: that it stands under.
        text: as it is typed; several lines for a here-document.
    """

    heading: str
    text: str


def commands_of(page: Path) -> list[Command]:
    """The commands of a page's `sh` blocks, in their order; comments are left out."""
    found: list[Command] = []
    heading, block = "", False
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith("```"):
            block = line == "```sh"
        elif not block and (title := _HEADING.match(line)):
            heading = title[1]
        elif block and line.strip() and not line.startswith("#"):
            found.append(Command(heading, "\n".join(_whole(line, lines))))
    return found


def _whole(line: str, rest: object) -> list[str]:
    """A command with the lines that belong to it."""
    typed = [line]
    if here := _HERE.search(line):
        while typed[-1] != here[1]:
            typed.append(next(rest))  # type: ignore[call-overload]
    while typed[-1].endswith("\\"):
        typed.append(next(rest))  # type: ignore[call-overload]
    return typed
