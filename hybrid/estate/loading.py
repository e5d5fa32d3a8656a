"""From a file to an Estate, or to a list of all that is wrong with it, each with its line."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hybrid.estate.contract_rules import warnings as contract_warnings
from hybrid.estate.document import DocumentError, Finding, read_document
from hybrid.estate.document import Path as KeyPath
from hybrid.estate.messages import sentences
from hybrid.estate.model import Estate
from hybrid.estate.numbers import number_findings
from hybrid.estate.query_rules import query_warnings
from hybrid.estate.regions import region_warnings
from hybrid.estate.rules import findings
from workspace.printable import printable

#: A thousand pipelines with long queries are a tenth of it; a device, or a database's dump, may have no end.
_MOST_BYTES = 16 * 2**20

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
        where = f"{self.file}:{self.line}"
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


def load_estate(path: Path, *, remedy: str = "name another with `-c estate=FILE`") -> Estate:
    """Read and check an estate file.

    Args:
        path: of the file.
        remedy: what names another file where this one is asked for.

    Raises:
        EstateError: as `load_with_warnings`.
    """
    return load_with_warnings(path, remedy=remedy)[0]


def load_with_warnings(
    path: Path, *, remedy: str = "name another with `-c estate=FILE`"
) -> tuple[Estate, list[Problem]]:
    """Read and check an estate file; with the estate comes what can be deployed and may be regretted.

    Raises:
        EstateError: the file is missing, is not YAML, or describes something that cannot be deployed.
    """
    return check(text_of(path, remedy=remedy), file=str(path))


def check(text: str, *, file: str) -> tuple[Estate, list[Problem]]:
    """The estate that a text describes, and what may be regretted of it; `file` is its name in the problems.

    Raises:
        EstateError: the text is not YAML, or describes something that cannot be deployed.
    """
    try:
        document = read_document(text)
    except DocumentError as error:
        raise EstateError([Problem(file, error.line, "", error.message)]) from error

    def problems(found: Iterable[Finding]) -> list[Problem]:
        return [Problem(file, document.line_of(key), _dotted(key), message) for key, message in found]

    wrong = [
        Problem(file, line, _dotted(key), f"is given twice (first on line {first}); remove one")
        for key, line, first in document.duplicates
    ]
    wrong += problems(
        (key, "is no text to YAML, as no, yes, on, off and numbers are none; put this key into quotes")
        for key in document.odd_keys
    )
    if document.odd_keys:
        raise EstateError(sorted(wrong))
    numbers = dict(number_findings(document.data))
    wrong += problems(numbers.items())
    try:
        estate = Estate.model_validate(document.data)
    except ValidationError as error:
        refused = sentences(error.errors(), document.data)
        wrong += problems(one for one in refused if one[0] not in numbers)
        raise EstateError(sorted(wrong)) from error
    wrong += problems(findings(estate))
    if wrong:
        raise EstateError(sorted(wrong))
    return estate, sorted(
        problems((*contract_warnings(estate), *query_warnings(estate), *region_warnings(estate)))
    )


def text_of(path: Path, *, remedy: str = "name another with `-c estate=FILE`") -> str:
    """The text of an estate file, which `check` reads.

    Raises:
        EstateError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            message = f"is larger than {_MOST_BYTES // 2**20} MiB, which no estate file is; name another"
            raise EstateError([Problem(str(path), 1, "", message)])
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except FileNotFoundError as error:
        near = _nearest(path)
        message = f"there is no such file; {f'did you mean `{near}`?' if near else remedy}"
        raise EstateError([Problem(str(path), 1, "", message)]) from error
    except IsADirectoryError as error:
        message = "is a directory; name the estate file in it"
        raise EstateError([Problem(str(path), 1, "", message)]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = "cannot be read: it is no text in UTF-8; save it in that encoding"
        raise EstateError([Problem(str(path), line, "", message)]) from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise EstateError([Problem(str(path), 1, "", message)]) from error


def _nearest(path: Path) -> Path | None:
    """A YAML file of the same directory whose name is near."""
    with suppress(OSError):
        names = [one.name for one in path.parent.iterdir() if one.suffix in (".yaml", ".yml")]
        if close := difflib.get_close_matches(path.name, names, n=1):
            return path.parent / close[0]
    return None


def _dotted(key: KeyPath) -> str:
    return ".".join(map(str, key))
