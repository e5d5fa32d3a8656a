"""From a file to an Estate, or to a list of all that is wrong with it, each with its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hybrid.estate.contract_rules import warnings as contract_warnings
from hybrid.estate.document import Document, DocumentError, read_document
from hybrid.estate.document import Path as KeyPath
from hybrid.estate.model import AnywhereSite, CloudSite, Estate
from hybrid.estate.query_rules import query_warnings
from hybrid.estate.rules import findings
from hybrid.estate.suggestion import suggestion


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
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class EstateError(Exception):
    """The estate file cannot be used; `problems` says everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load_estate(path: Path) -> Estate:
    """Read and check an estate file.

    Raises:
        EstateError: as `load_with_warnings`.
    """
    return load_with_warnings(path)[0]


def load_with_warnings(path: Path) -> tuple[Estate, list[Problem]]:
    """Read and check an estate file; with the estate comes what can be deployed and may be regretted.

    Raises:
        EstateError: the file is missing, is not YAML, or describes something that cannot be deployed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        message = "there is no such file; name another with `-c estate=FILE`, or start from hybrid.yaml"
        raise EstateError([Problem(str(path), 1, "", message)]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise EstateError([Problem(str(path), 1, "", f"cannot be read: {error}")]) from error
    try:
        document = read_document(text)
    except DocumentError as error:
        raise EstateError([Problem(str(path), error.line, "", error.message)]) from error
    problems = [
        Problem(str(path), line, _dotted(key), f"stands here twice (first on line {first}); remove one")
        for key, line, first in document.duplicates
    ]
    try:
        estate = Estate.model_validate(document.data)
    except ValidationError as error:
        problems += [_problem(path, document, details) for details in error.errors()]
        raise EstateError(sorted(problems)) from error
    problems += [
        Problem(str(path), document.line_of(key), _dotted(key), message) for key, message in findings(estate)
    ]
    if problems:
        raise EstateError(sorted(problems))
    warned = [
        Problem(str(path), document.line_of(key), _dotted(key), message)
        for key, message in (*contract_warnings(estate), *query_warnings(estate))
    ]
    return estate, sorted(warned)


def _problem(path: Path, document: Document, details: ErrorDetails) -> Problem:
    key = _key_path(details["loc"])
    return Problem(str(path), document.line_of(key), _dotted(key), _message(details, key))


def _message(details: ErrorDetails, key: KeyPath) -> str:
    kind, given = details["type"], details["input"]
    context: dict[str, Any] = details.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key; {suggestion(str(key[-1]), _keys_at(details['loc'][:-1]))}"
    if kind == "missing":
        return "this key is missing"
    if kind == "string_pattern_mismatch":
        return f"`{given}` does not fit the form {context['pattern']}"
    if kind == "literal_error":
        return f"`{given}` is not one of {context['expected']}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return "`kind` says what a site is: `anywhere` (machines of your own) or `cloud` (Fargate)"
    message = details["msg"].removeprefix("Value error, ")
    is_plain = isinstance(given, (str, int, float, bool)) and kind != "value_error"
    return f"{message}, not `{given}`" if is_plain else message


def _key_path(location: tuple[int | str, ...]) -> KeyPath:
    """The path in the file: without the marks that pydantic adds for a union's member or a mapping's key."""
    if location[:1] == ("sites",) and len(location) > 2 and location[2] in ("anywhere", "cloud"):
        location = (*location[:2], *location[3:])
    return tuple(part for part in location if part != "[key]")


def _keys_at(location: tuple[int | str, ...]) -> set[str]:
    """Keys that the model knows at a place of the file."""
    model: type[BaseModel] | None = Estate
    for part in location:
        if part in ("anywhere", "cloud"):
            model = AnywhereSite if part == "anywhere" else CloudSite
        elif model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation)
    return set(model.model_fields) if model is not None else set()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _model_in(inner)) is not None:
            return found
    return None


def _dotted(key: KeyPath) -> str:
    return ".".join(map(str, key))
