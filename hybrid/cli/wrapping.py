"""Lines that fit a terminal, broken between words, and never within a command or a path: those are copied."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: A piece that stays whole: with `…` in it, a path in quotes, or without a blank.
_PIECE = re.compile(r"(?:`[^`\n]*`|(?<![^\s=])'[^'\n]*/[^'\n]*'|[^\s`]|`)+")
#: A line that is a command, or ends in one: it is pasted as it stands.
_COMMAND = re.compile(r"(?:^|: )\s*(?:eval \")?(?:\$\()?bin/hybrid [^`]*$")


def wrapped(text: str, *, width: int, hang: int | None = None) -> str:
    """Each line of a text in lines of at most `width` characters, where its words allow.

    Args:
        text: one line, or several.
        width: of the terminal.
        hang: blanks before a line that goes on; by default as many as the line itself begins with, and two.
    """
    return "\n".join(made for line in text.split("\n") for made in _lines(line, width, hang))


def _lines(line: str, width: int, hang: int | None) -> Iterator[str]:
    command = _COMMAND.search(line)
    if len(line) <= width or (command and not line[: command.start()].strip()):
        yield line
        return
    if command:
        yield from _lines(line[: command.start() + 1], width, hang)
        yield line[command.start() + 1 :]
        return
    blank = len(line) - len(line.lstrip(" "))
    following = " " * (blank + 2 if hang is None else hang)
    made, end = " " * blank, blank
    for piece in _PIECE.finditer(line, blank):
        gap = line[end : piece.start()]
        if made.strip() and len(made) + len(gap) + len(piece.group()) > width:
            yield made
            made = following + piece.group()
        else:
            made += gap + piece.group()
        end = piece.end()
    yield made
