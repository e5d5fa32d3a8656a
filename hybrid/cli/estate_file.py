"""`hybrid validate` and `hybrid schema`: the estate file by itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.estate import Estate, EstateError, Problem, load_estate
from hybrid.estate.airflow_versions import warning
from hybrid.estate.loading import check, load_with_warnings
from hybrid.estate.schema import schema_text
from workspace.paths import ESTATE


def read_estate(path: Path) -> Estate:
    """The estate of a file.

    Raises:
        terminal.UserError: with every problem of the file, a line each.
    """
    try:
        return load_estate(path, remedy="name another with --estate FILE")
    except EstateError as error:
        raise terminal.UserError(f"{error}\n{_counted(len(error.problems), 'problem')}") from error


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Estate files; `-` is standard input.",
            metavar="FILE",
            allow_dash=True,
            show_default="hybrid.yaml of the clone",
        ),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Problems as JSON.")] = False,
) -> None:
    """Check an estate file: every problem with its file, line, and what would be right.

    Several files are checked each by itself: every one is a whole estate.

    Example: bin/hybrid validate hybrid.yaml
    """
    checked = [_check(file) for file in files or [ESTATE]]
    problems = [problem for one in checked for problem in one.problems]
    if json_output:
        terminal.result_json(
            {
                "valid": not problems,
                "problems": [vars(problem) for problem in problems],
                "warnings": [vars(problem) for one in checked for problem in one.warnings],
            }
        )
    else:
        for one in checked:
            _tell(one)
        if problems:
            terminal.say(_counted(len(problems), "problem"))
    if problems:
        raise typer.Exit(2)


@dataclass(frozen=True)
class _Checked:
    """A file with what is wrong, or with its estate and what may be regretted."""

    file: str
    estate: Estate | None
    problems: list[Problem]
    warnings: list[Problem]


def _check(file: Path) -> _Checked:
    name = "standard input" if str(file) == "-" else str(file)
    try:
        if str(file) == "-":
            estate, warnings = check(_standard_input(), file=name)
        else:
            estate, warnings = load_with_warnings(
                file, remedy="name one that is there: bin/hybrid validate FILE"
            )
    except EstateError as error:
        return _Checked(name, None, error.problems, [])
    return _Checked(name, estate, [], warnings)


def _standard_input() -> str:
    """All of it; as bytes first, for its encoding is UTF-8 whatever the terminal's is."""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        message = "cannot be read: it is no text in UTF-8; save it in that encoding"
        raise EstateError([Problem("standard input", 1, "", message)]) from error


def _tell(checked: _Checked) -> None:
    for problem in checked.problems:
        terminal.say(str(problem))
    for problem in checked.warnings:
        terminal.say(f"warning: {problem}")
    estate = checked.estate
    if estate is None:
        return
    if text := warning(estate.airflow.version):
        terminal.say(f"warning: {text}")
    if by_hand := _started_by_nobody(estate):
        terminal.say(
            f"note: nothing starts {', '.join(by_hand)} (no `schedule`, no `after`, in no entry of `dags`); "
            "Airflow runs it when somebody does"
        )
    counts = [
        _counted(len(things), word)
        for word, things in (
            ("site", estate.sites),
            ("source", estate.sources),
            ("pipeline", estate.pipelines),
            ("DAG", estate.dags),
        )
    ]
    terminal.result(f"{checked.file}: estate `{estate.environment.name}` is valid: {', '.join(counts)}")


def _started_by_nobody(estate: Estate) -> list[str]:
    paired = {name for entry in estate.dags.values() for name in entry.pipelines}
    return [
        name
        for name, pipeline in estate.pipelines.items()
        if name not in paired
        and pipeline.schedule is None
        and not pipeline.after
        and not pipeline.after_assets
    ]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def schema() -> None:
    """Print the JSON Schema of the estate file, for editors.

    Example: bin/hybrid schema > docs/reference/hybrid.schema.json
    """
    terminal.result(schema_text().rstrip("\n"))
