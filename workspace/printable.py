"""Texts of others, as names in a file or a database, on a terminal."""

from __future__ import annotations


def printable(text: str, *, but: str = "") -> str:
    """A text in which all that would move the cursor, or act on it, is written as its escape, `but` some."""
    return "".join(
        one if one.isprintable() or one in but else one.encode("unicode_escape").decode() for one in text
    )
