"""What is wrong with an estate file, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workspace.printable import printable

#: Characters that are shown of a word of more than three times as many.
_KEPT = 60
_LONG_WORD = re.compile(rf"[^\s]{{{3 * _KEPT},}}")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong with an estate file.

    Attributes:
        file: the file as the user named it.
        line: 1-based.
        key: dotted path of the key, empty for the file as a whole.
        message: what is wrong and what would be right.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{_shortened(self.file)}:{self.line}"
        key, message = _shortened(self.key), _shortened(self.message)
        return f"{where}: {key}: {message}" if key else f"{where}: {message}"


def _shortened(text: str) -> str:
    """A text as it can be shown: some of its words may be the file's, of any length and characters."""
    text = _LONG_WORD.sub(lambda found: f"{found[0][:_KEPT]}… ({len(found[0])} characters)", text)
    return printable(text, but="\n")


class EstateError(Exception):
    """The estate file cannot be used; `problems` says everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
