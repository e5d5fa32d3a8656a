"""`--database`: where a source is, for the commands that read it from this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.trial.database_url import DatabaseUrlError, secret_of
from hybrid.trial.running import RunFailed
from workspace.environments import ETL_PROCESS, EnvironmentFailure

PASSWORD = "HYBRID_DATABASE_PASSWORD"  # noqa: S105 - the name of the variable

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="HYBRID_DATABASE",
        help="Where the source is, as postgresql://USER@HOST:PORT/DATABASE, with its password in "
        f"{PASSWORD}; left out, the source's secret is read from AWS.",
    ),
]


def secret_from(url: str | None, *, engine: str) -> dict[str, str | int] | None:
    """The secret of a source of `engine` at an address; None without one.

    Raises:
        terminal.UserError: the address cannot be read, or is of another engine; or there is none, and no AWS
            credentials either, with which the container's code would read the secret.
    """
    if url is None:
        _require_credentials()
        return None
    try:
        return secret_of(url, engine=engine, password=os.environ.get(PASSWORD))
    except DatabaseUrlError as error:
        raise terminal.UserError(str(error)) from error


def _require_credentials() -> None:
    """Look for credentials before the container's code does, which knows nothing of --database."""
    # Not above: boto3 takes a third of a second, and with an address nothing asks AWS.
    from hybrid.cli.aws_options import fleet_errors
    from hybrid.fleet.client import require_credentials

    try:
        with fleet_errors():
            # Credentials are of no Region; the client wants one all the same.
            require_credentials(profile=None, region="us-east-1")
    except terminal.UserError as error:
        # These commands have no --profile.
        why = str(error).replace("with --profile or AWS_PROFILE", "in AWS_PROFILE")
        raise terminal.UserError(
            f"the source's secret is in AWS, which cannot be asked: {why}. Without AWS, say where the "
            "database is with --database"
        ) from None


def ensure_container_code() -> None:
    """Make the environment of the container's code, where it is not there.

    Raises:
        terminal.Failure: it cannot be made.
    """
    try:
        if not ETL_PROCESS.is_current:
            with terminal.working("preparing the environment of the container's code"):
                ETL_PROCESS.ensure()
    except EnvironmentFailure as error:
        raise terminal.Failure(str(error)) from error


@contextmanager
def exit_codes_of_the_container() -> Iterator[None]:
    """Ends a command as the container's code would have ended."""
    try:
        yield
    except RunFailed as error:
        kind = terminal.UserError if error.exit_code == 2 else terminal.Failure
        raise kind(str(error)) from error
