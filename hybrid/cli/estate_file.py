"""`hybrid validate` and `hybrid schema`: the estate file by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.estate import Estate, EstateError, load_estate
from hybrid.estate.airflow_versions import warning
from hybrid.estate.loading import load_with_warnings
from hybrid.estate.schema import schema_text
from hybrid.paths import ESTATE

EstateFile = Annotated[
    Path, typer.Option("--estate", "-e", help="The estate file.", show_default="hybrid.yaml of the clone")
]


def read_estate(path: Path) -> Estate:
    """The estate of a file.

    Raises:
        terminal.UserError: with every problem of the file, a line each.
    """
    try:
        return load_estate(path)
    except EstateError as error:
        count = len(error.problems)
        raise terminal.UserError(f"{error}\n{count} problem{'s' if count > 1 else ''}") from error


def validate(
    file: Annotated[Path, typer.Argument(help="The estate file.", show_default="hybrid.yaml")] = ESTATE,
    json_output: Annotated[bool, typer.Option("--json", help="Problems as JSON.")] = False,
) -> None:
    """Check an estate file: every problem with its file, line, and what would be right.

    Example: bin/hybrid validate hybrid.yaml
    """
    if json_output:
        _validate_json(file)
        return
    with terminal.exit_codes():
        read_estate(file)
    estate, warnings = load_with_warnings(file)
    for problem in warnings:
        terminal.say(f"warning: {problem}")
    if text := warning(estate.airflow.version):
        terminal.say(f"warning: {text}")
    counts = [
        f"{len(things)} {word}{'' if len(things) == 1 else 's'}"
        for word, things in (
            ("site", estate.sites),
            ("source", estate.sources),
            ("pipeline", estate.pipelines),
            ("DAG", estate.dags),
        )
    ]
    terminal.result(f"{file}: estate `{estate.environment.name}` is valid: {', '.join(counts)}")


def _validate_json(file: Path) -> None:
    try:
        _, warnings = load_with_warnings(file)
    except EstateError as error:
        terminal.result_json(
            {"valid": False, "problems": [vars(problem) for problem in error.problems], "warnings": []}
        )
        raise typer.Exit(2) from error
    terminal.result_json({"valid": True, "problems": [], "warnings": [vars(problem) for problem in warnings]})


def schema() -> None:
    """Print the JSON Schema of the estate file, for editors.

    Example: bin/hybrid schema > docs/reference/hybrid.schema.json
    """
    terminal.result(schema_text().rstrip("\n"))
