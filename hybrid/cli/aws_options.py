"""Options of every command that speaks to AWS, and the one way such a command begins and ends.

@fleet_command(app, "list")
def list_hosts(fleet: Fleet, site: Site = None) -> None: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.estate import Estate
from hybrid.fleet.errors import FleetError
from workspace.paths import ESTATE

if TYPE_CHECKING:
    from hybrid.fleet.client import AwsClient

Profile = Annotated[
    str | None,
    typer.Option("--profile", help="Profile of the AWS configuration files.", show_default="AWS_PROFILE"),
]
Region = Annotated[
    str | None, typer.Option("--region", help="AWS Region.", show_default="that of the estate")
]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


@dataclass(frozen=True)
class Fleet:
    """What a command works with.

    Attributes:
        estate: of the estate file.
        region: AWS Region that it speaks to.
        profile: of the AWS configuration files, or None.
        json_output: whether the result is wanted as JSON.
    """

    estate: Estate
    region: str
    profile: str | None
    json_output: bool

    def aws(self, *, workers: int = 8) -> AwsClient:
        """A client; `workers` calls of it may be under way at once."""
        # boto3 takes half a second, and not every command that may speak to AWS does.
        from hybrid.fleet.client import AwsClient

        return AwsClient(region=self.region, profile=self.profile, workers=workers)


def fleet_command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function that takes a Fleet first a command; its own options come before the common ones.

    Errors of the fleet end the command with one line and an exit code.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        @wraps(body)
        def command(
            *,
            estate: Path,
            profile: str | None,
            region: str | None,
            json_output: bool,
            **own: Any,
        ) -> None:
            with terminal.exit_codes(), fleet_errors():
                described = read_estate(estate)
                at = region or described.environment.region
                body(Fleet(described, at, profile, json_output), **own)

        signature = inspect.signature(body, eval_str=True)
        _, *own_options = signature.parameters.values()
        # typer reads a command's options from its signature.
        command.__signature__ = signature.replace(parameters=[*own_options, *_COMMON])  # type: ignore[attr-defined]
        app.command(name)(command)
        return command

    return decorate


def _option(name: str, annotation: Any, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


_COMMON = (
    _option("estate", EstateFile, ESTATE),
    _option("profile", Profile, None),
    _option("region", Region, None),
    _option("json_output", Json, False),
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
