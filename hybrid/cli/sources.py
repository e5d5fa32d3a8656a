"""`hybrid sources`: the databases of the estate and their credentials."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from hybrid.cli import terminal
from hybrid.cli.aws_options import DryRun, Fleet, fleet_command
from hybrid.cli.inspect_source import inspect
from hybrid.estate.engines import ENGINES
from hybrid.estate.model import Source
from hybrid.fleet import errors, source_secrets
from hybrid.fleet.source_credentials import checked

app = typer.Typer(help="Databases of the estate and their credentials.", no_args_is_help=True)

app.command("inspect")(inspect)


@fleet_command(app, "list")
def list_sources(fleet: Fleet) -> None:
    """List the sources and whether their secrets are filled.

    Example: bin/hybrid sources list
    """
    found = list(source_secrets.states(fleet.aws(), fleet.estate))
    if fleet.json_output:
        terminal.result_json([asdict(one) for one in found])
        return
    rows = [(s.source, s.site, s.engine, s.state, s.changed or "-", s.secret) for s in found]
    terminal.result_table(("source", "site", "engine", "credentials", "changed", "secret"), rows)


@fleet_command(app, "secret")
def secret(
    fleet: Fleet,
    name: Annotated[str, typer.Argument(help="Name of the source.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="JSON file to read; `-` is standard input.", allow_dash=True)
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Fill a source's secret: from a prompt, or as JSON from standard input or a file, never an argument.

    Example: bin/hybrid sources secret regional --file regional.json
    """
    aws = fleet.aws()
    wanted = source_secrets.require(aws, fleet.estate, name)
    credentials = _credentials(fleet.estate.sources[name], file)
    if not dry_run:
        source_secrets.put(aws, fleet.estate, name, credentials)
    if fleet.json_output:
        terminal.result_json({"source": name, "secret": wanted, "written": not dry_run})
        return
    terminal.result(f"{'would fill' if dry_run else 'filled'} secret {wanted} of source {name}")


def _credentials(source: Source, file: Path | None) -> SecretStr:
    if file is None and sys.stdin.isatty():
        return checked(_asked(source), engine=source.engine, origin="what was typed")
    if file is None or str(file) == "-":
        return checked(SecretStr(sys.stdin.read()), engine=source.engine, origin="standard input")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise errors.SecretRefused(f"{file} cannot be read: {reason}") from None
    return checked(SecretStr(text), engine=source.engine, origin=str(file))


def _asked(source: Source) -> SecretStr:
    answers = {
        "host": typer.prompt("host", err=True),
        "port": typer.prompt("port", default=ENGINES[source.engine].port, type=int, err=True),
        "dbname": typer.prompt("database", err=True),
        "username": typer.prompt("user", err=True),
        "password": typer.prompt("password", hide_input=True, err=True),
        "sslmode": typer.prompt("sslmode", default="prefer", err=True),
    }
    return SecretStr(json.dumps(answers, ensure_ascii=False))
