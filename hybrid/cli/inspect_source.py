"""`hybrid sources inspect`: what a database has, and pipelines for what is chosen."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hybrid.catalog.pipelines import candidates, pipeline_lines, pipeline_name
from hybrid.catalog.tables import CatalogTable, read_tables
from hybrid.catalog.writing import CannotBeWritten, add_pipelines
from hybrid.cli import terminal
from hybrid.cli.database_option import (
    DatabaseUrl,
    ensure_container_code,
    exit_codes_of_the_container,
    secret_from,
)
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.estate import Estate
from hybrid.estate.suggestion import suggestion
from workspace.paths import ESTATE

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def inspect(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    estate: EstateFile = ESTATE,
    database: DatabaseUrl = None,
    schema: Annotated[
        str | None, typer.Option(help="Only this schema; of MySQL and MariaDB, this database.")
    ] = None,
    like: Annotated[str, typer.Option(help="Only tables whose name is like this, as in SQL.")] = "%",
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="[SCHEMA.]TABLE", help="Show this table and a pipeline for it; again for more."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Add the pipelines of --table to the estate file.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """List the tables of a source, and write pipelines for those that you choose.

    Rows and bytes are the server's own estimates. Nothing is written to the database, and no row is read.

    Example: bin/hybrid sources inspect regional --table public.customers
    """
    with terminal.exit_codes():
        described = read_estate(estate)
        if source not in described.sources:
            raise terminal.UserError(
                f"the estate has no source `{source}`; {suggestion(source, described.sources)}"
            )
        if write and not table:
            raise terminal.UserError("--write adds the pipelines of tables: choose them with --table")
        secret = secret_from(database, engine=described.sources[source].engine)
        ensure_container_code()
        with exit_codes_of_the_container(), terminal.working("reading the catalog"):
            found = read_tables(described, source, secret=secret, schema=schema, pattern=like)
        chosen = [chosen_table(name, found) for name in table or ()]
        if json_output:
            terminal.result_json([_document(one) for one in (chosen if table else found)])
        elif not table:
            list_tables(found)
        else:
            for one in chosen:
                _show(one)
        if table:
            pipelines = _pipelines(chosen, described, source)
            _write(estate, pipelines) if write else _print(pipelines, quiet=json_output)


def chosen_table(name: str, found: list[CatalogTable]) -> CatalogTable:
    """The table of a name, with its schema or without.

    Raises:
        terminal.UserError: there is none, there are several, or the source's user may read nothing of it.
    """
    fitting = [one for one in found if name in (one.name, f"{one.schema}.{one.name}")]
    if len(fitting) > 1:
        names = ", ".join(f"{one.schema}.{one.name}" for one in fitting)
        raise terminal.UserError(f"--table {name}: there are several; name one of {names}")
    if not fitting:
        known = suggestion(name, [f"{one.schema}.{one.name}" for one in found][:30])
        raise terminal.UserError(f"--table {name}: the source's user sees no such table; {known}")
    if not fitting[0].readable:
        raise terminal.UserError(
            f"--table {name}: the source's user may select no column of it; grant it, or choose another"
        )
    return fitting[0]


def list_tables(found: list[CatalogTable]) -> None:
    """Tables, a row each."""
    if not found:
        terminal.say("   the source's user sees no table that fits")
    rows = []
    for one in found:
        first = next(iter(candidates(one)), None)
        rows.append(
            (
                f"{one.schema}.{one.name}",
                one.kind,
                "?" if one.rows is None else f"{one.rows:,}",
                _size(one.bytes),
                len(one.columns),
                ", ".join(one.key) or "-",
                (first.column if first else "-") if one.readable else "may not be read",
            )
        )
    terminal.result_table(("table", "kind", "rows", "size", "columns", "key", "newest by"), rows)


def _show(table: CatalogTable) -> None:
    rows = [
        (
            column.name,
            column.type,
            ", ".join(
                word
                for word, holds in (
                    ("key", column.in_key),
                    ("unique", column.unique and not column.in_key),
                    ("indexed", column.indexed and not column.in_key and not column.unique),
                    ("not null", not column.nullable and not column.in_key),
                    ("generated", column.generated),
                    ("may not be read", not column.readable),
                )
                if holds
            ),
        )
        for column in table.columns
    ]
    terminal.result(f"{table.schema}.{table.name}")
    terminal.result_table(("column", "type", "is"), rows)


def _pipelines(chosen: list[CatalogTable], estate: Estate, source: str) -> list[list[str]]:
    taken, found = set(estate.pipelines) | set(estate.dags), []
    for one in chosen:
        name = pipeline_name(one, taken=taken)
        taken.add(name)
        found.append(pipeline_lines(one, name=name, source=source, engine=estate.sources[source].engine))
    return found


def _print(pipelines: list[list[str]], *, quiet: bool) -> None:
    if quiet:
        return
    terminal.result("\npipelines:")
    for lines in pipelines:
        terminal.result("\n".join(lines))
    terminal.say("   --write adds this to the estate file")


def _write(file: Path, pipelines: list[list[str]]) -> None:
    try:
        add_pipelines(file, pipelines)
    except CannotBeWritten as error:
        raise terminal.UserError(str(error)) from error
    except OSError as error:
        raise terminal.UserError(f"{terminal.path(file)} cannot be written: {error.strerror}") from error
    for lines in pipelines:
        name = lines[0].strip().removesuffix(":")
        full = " --full" if any("incremental_column" in line for line in lines) else ""
        terminal.result(f"added pipeline {name} to {terminal.path(file)}")
        terminal.result(f"try it: bin/hybrid run {name} --estate {shlex.quote(str(file))}{full} --limit 1000")


def _document(table: CatalogTable) -> dict[str, Any]:
    return asdict(table) | {"incremental": [asdict(one) for one in candidates(table)]}


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:,.0f} {_UNITS[unit]}"
