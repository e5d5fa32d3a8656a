"""From files to an Estate, or to a list of all that is wrong with them, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from hybrid.estate.composing import Composed, compose, compose_text
from hybrid.estate.contract_rules import warnings as contract_warnings
from hybrid.estate.document import Finding
from hybrid.estate.messages import sentences
from hybrid.estate.model import Estate
from hybrid.estate.numbers import number_findings
from hybrid.estate.problem import EstateError, Problem
from hybrid.estate.query_rules import query_warnings
from hybrid.estate.regions import region_warnings
from hybrid.estate.rules import findings


def load_estate(path: Path, *, remedy: str = "name another with `-c estate=FILE`") -> Estate:
    """Read and check an estate file, with the files that it includes, or an overlay with its base.

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
        EstateError: a file is missing, is not YAML, or describes something that cannot be deployed.
    """
    return checked(compose(path, remedy=remedy))


def check(text: str, *, file: str) -> tuple[Estate, list[Problem]]:
    """The estate of a text that stands alone, and what may be regretted; `file` is its name in the problems.

    Raises:
        EstateError: as `load_with_warnings`.
    """
    return checked(compose_text(text, file=file))


def checked(composed: Composed) -> tuple[Estate, list[Problem]]:
    """The estate of a composed document, and what may be regretted of it.

    Raises:
        EstateError: it describes something that cannot be deployed.
    """

    def problems(found: Iterable[Finding]) -> list[Problem]:
        return [composed.problem(key, message) for key, message in found]

    wrong = list(composed.problems)
    numbers = dict(number_findings(composed.data))
    wrong += problems(numbers.items())
    try:
        estate = Estate.model_validate(composed.data)
    except ValidationError as error:
        refused = sentences(error.errors(), composed.data)
        wrong += problems(one for one in refused if one[0] not in numbers)
        raise EstateError(_sorted(wrong)) from error
    wrong += problems(findings(estate))
    if wrong:
        raise EstateError(_sorted(wrong))
    regretted = problems((*contract_warnings(estate), *query_warnings(estate), *region_warnings(estate)))
    return estate, _sorted([*composed.warnings, *regretted])


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(set(problems))
