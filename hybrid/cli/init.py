"""`hybrid init`: a first estate file, by questions or by options."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from hybrid.catalog.first_estate import FirstEstate
from hybrid.catalog.pipelines import candidates, pipeline_lines, pipeline_name
from hybrid.catalog.tables import CatalogTable, read_tables
from hybrid.cli import terminal
from hybrid.cli.database_option import (
    PASSWORD,
    DatabaseUrl,
    ensure_container_code,
    exit_codes_of_the_container,
    secret_from,
)
from hybrid.cli.inspect_source import chosen_table, list_tables
from hybrid.estate import Estate, EstateError, load_estate
from hybrid.estate.engines import ENGINES
from hybrid.estate.model import Environment
from hybrid.estate.site_kinds import KINDS
from workspace.files import write_whole

_ENGINES = " or ".join(", ".join(ENGINES).rsplit(", ", 1))
_KINDS = " or ".join(f"`{name}` ({kind.summary})" for name, kind in KINDS.items())
#: Gives the fault of an answer in words, None where it has none.
Check = Callable[[str], str | None]


def init(
    file: Annotated[Path, typer.Argument(help="The file to make.")] = Path("estate.yaml"),
    name: Annotated[str | None, typer.Option(help="Name of the estate.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS Region.")] = None,
    site: Annotated[str | None, typer.Option(help="Name of the place that the data is at.")] = None,
    kind: Annotated[str | None, typer.Option(help=f"{_KINDS}.")] = None,
    source: Annotated[str | None, typer.Option(help="Name of the database in the estate.")] = None,
    engine: Annotated[str | None, typer.Option(help=f"{_ENGINES}.")] = None,
    database: DatabaseUrl = None,
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="[SCHEMA.]TABLE", help="Read this table of --database; again for more."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is in brackets.")] = False,
) -> None:
    """Make a first estate file: by questions, or by options alone where nobody can answer.

    With --database, it connects as a container would, and writes pipelines for tables that are there.

    Example: bin/hybrid init estate.yaml --name shop --region eu-west-1 --engine postgresql --yes
    """
    with terminal.exit_codes():
        if file.exists():
            raise terminal.UserError(
                f"{terminal.path(file)} is there already, and stays as it is: name another file"
            )
        ask = _Questions(silent=yes or not sys.stdin.isatty(), defaults=yes)
        first = FirstEstate(
            name=ask("--name", "name of the estate", name, None, _environment("name")),
            region=ask("--region", "AWS Region", region, None, _environment("region")),
            site=ask("--site", "name of the place that the data is at", site, "on-premises", _name),
            kind=ask("--kind", f"its machines, {' or '.join(KINDS)}", kind, "anywhere", _one_of(KINDS)),
            source=ask("--source", "name of the database in the estate", source, "database", _name),
            engine=ask("--engine", _ENGINES, engine, None, _one_of(ENGINES)),
        )
        ask.raise_missing()
        found = _found(first, database)
        chosen = _choose(found, table or [], ask)
        first = _with_pipelines(first, chosen)
        _check_and_write(file, first)
        _say_what_is_next(file, first, database=database is not None)


class _Questions:
    """Answers to questions: an option's, else a person's, else the default."""

    def __init__(self, *, silent: bool, defaults: bool) -> None:
        self.silent, self._defaults = silent, defaults
        self._missing: list[str] = []

    def __call__(
        self,
        option: str,
        words: str,
        given: str | None,
        default: str | None,
        check: Callable[[str], str | None],
    ) -> str:
        """An answer that `check` finds no fault with; it gives a fault in words, or None.

        Raises:
            terminal.UserError: the option's value has a fault.
        """
        if given is not None:
            if fault := check(given):
                raise terminal.UserError(f"{option} {given}: {fault}")
            return given
        if self.silent:
            if default is None:
                self._missing.append(option)
            return default or ""
        while True:
            answer = str(typer.prompt(words, default=default, err=True)).strip()
            if not (fault := check(answer)):
                return answer
            terminal.say(f"   {fault}")

    def raise_missing(self) -> None:
        """Say which options are needed, where nobody can be asked.

        Raises:
            terminal.UserError: some are.
        """
        if self._missing:
            why = "--yes asks nothing" if self._defaults else "nobody can be asked here"
            raise terminal.UserError(f"{why}: give {', '.join(self._missing)}")


def _environment(field: str) -> Check:
    """The estate's own rule for a key of `environment`."""

    def fault(value: str) -> str | None:
        try:
            Environment.model_validate({"name": "estate", "region": "eu-west-1", field: value})
        except ValidationError:
            return _rule(field)
        return None

    return fault


def _rule(field: str) -> str:
    if field == "region":
        return "is no Region of AWS; write it like eu-west-1"
    return "needs lower-case letters, digits and single hyphens, and a letter first, at most 40 in all"


def _name(value: str) -> str | None:
    return _environment("name")(value)


def _one_of(known: Collection[str]) -> Check:
    return lambda value: None if value in known else f"is none of {', '.join(known)}"


def _found(first: FirstEstate, database: str | None) -> list[CatalogTable]:
    """The readable tables of the database that was given; none without one."""
    if database is None:
        return []
    secret = secret_from(database, engine=first.engine)
    ensure_container_code()
    with tempfile.TemporaryDirectory(prefix="hybrid-init-") as directory:
        trial = Path(directory) / "estate.yaml"
        trial.write_text(first.text(), encoding="utf-8")
        estate = _load(trial)
    with exit_codes_of_the_container(), terminal.working(f"reading the catalog of {first.source}"):
        found = read_tables(estate, first.source, secret=secret)
    return [one for one in found if one.readable]


def _choose(found: list[CatalogTable], wanted: list[str], ask: _Questions) -> list[CatalogTable]:
    if wanted:
        if not found:
            raise terminal.UserError("--table needs a --database that has a table which its user may read")
        return [chosen_table(name, found) for name in wanted]
    if not found:
        return []
    offered = sorted(found, key=lambda one: (not candidates(one), one.kind != "table"))[:1]
    if ask.silent:
        return offered
    list_tables(found)
    default = f"{offered[0].schema}.{offered[0].name}"
    while True:
        answer = str(typer.prompt("tables to read, with commas between", default=default, err=True))
        try:
            return [chosen_table(name.strip(), found) for name in answer.split(",") if name.strip()]
        except terminal.UserError as error:
            terminal.say(f"   {error}")


def _with_pipelines(first: FirstEstate, chosen: list[CatalogTable]) -> FirstEstate:
    taken: set[str] = set()
    pipelines = []
    for one in chosen:
        name = pipeline_name(one, taken=taken)
        taken.add(name)
        pipelines.append(pipeline_lines(one, name=name, source=first.source, engine=first.engine))
    return FirstEstate(**{**vars(first), "pipelines": tuple(pipelines)})


def _check_and_write(file: Path, first: FirstEstate) -> None:
    with tempfile.TemporaryDirectory(prefix="hybrid-init-") as directory:
        trial = Path(directory) / file.name
        trial.write_text(first.text(), encoding="utf-8")
        _load(trial)
    try:
        write_whole(file, first.text(), mode=0o644)
    except OSError as error:
        raise terminal.UserError(f"{terminal.path(file)} cannot be written: {error.strerror}") from error
    terminal.result(f"made {terminal.path(file)}")


def _load(trial: Path) -> Estate:
    try:
        return load_estate(trial)
    except EstateError as error:
        problems = "\n".join(str(one).partition(": ")[2] for one in error.problems)
        raise terminal.UserError(f"no estate can be made of these answers:\n{problems}") from error


def _say_what_is_next(file: Path, first: FirstEstate, *, database: bool) -> None:
    place = shlex.quote(str(file))
    terminal.result("next:")
    terminal.result(f"  bin/hybrid validate {place}")
    if first.pipelines:
        pipeline = first.pipelines[0][0].strip().removesuffix(":")
        full = " --full" if any("incremental_column" in line for line in first.pipelines[0]) else ""
        terminal.result(f"  bin/hybrid run {pipeline} --estate {place}{full} --limit 1000")
        terminal.result(f'  bin/hybrid demo --estate {place} --database {first.source}="$HYBRID_DATABASE"')
    else:
        terminal.result(f"  bin/hybrid sources inspect {first.source} --estate {place}")
        terminal.result(f"  bin/hybrid cdk synth --all -c estate={place}")
    if not database or first.pipelines:
        terminal.say(f"   with the database's address in HYBRID_DATABASE, and its password in {PASSWORD}")
