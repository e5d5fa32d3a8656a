"""Options of every command that speaks to AWS, and the one way such a command begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.estate_file import EstateFile as EstateFile
from hybrid.cli.estate_file import read_estate
from hybrid.estate import Estate
from hybrid.fleet.client import AwsClient
from hybrid.fleet.errors import FleetError

Profile = Annotated[
    str | None,
    typer.Option("--profile", help="Profile of the AWS configuration files.", show_default="AWS_PROFILE"),
]
Region = Annotated[
    str | None, typer.Option("--region", help="AWS Region.", show_default="that of the estate")
]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


@contextmanager
def session(
    estate: Path, profile: str | None, region: str | None, *, workers: int = 8
) -> Iterator[tuple[Estate, AwsClient]]:
    """The estate and a client; errors of the fleet end the command with one line and an exit code."""
    with terminal.exit_codes(), fleet_errors():
        described = read_estate(estate)
        yield (
            described,
            AwsClient(region=region or described.environment.region, profile=profile, workers=workers),
        )


@contextmanager
def fleet_errors() -> Iterator[None]:
    """Errors of the fleet as errors of the terminal."""
    try:
        yield
    except FleetError as error:
        raise as_terminal_error(error) from None


def as_terminal_error(error: FleetError) -> terminal.UserError | terminal.Failure:
    """An error of the fleet with its exit code."""
    return terminal.UserError(str(error)) if error.users_mistake else terminal.Failure(str(error))
