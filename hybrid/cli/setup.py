"""`hybrid setup`: install all that later commands need at once, from an index or from a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from workspace.environments import EnvironmentFailure, ensure_development
from workspace.installing.purposes import Purpose, environments_for
from workspace.supply import offline as offline_directory
from workspace.supply import settings

_ALL = tuple(Purpose)


def setup(
    purposes: Annotated[
        list[Purpose] | None,
        typer.Option("--for", help="Only what this needs; again for more.", show_default="all three"),
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option(help="Install from this directory only, now and later: no network is used."),
    ] = None,
    download: Annotated[
        Path | None,
        typer.Option(help="Install nothing: fill this directory for machines like this without a network."),
    ] = None,
) -> None:
    """Install all that later commands need, so that they need no network.

    Index, proxy, certificates and credentials are those that you set for pip, uv or npm. Packages come from
    an index again after `bin/hybrid setup` without --offline.

    Example: bin/hybrid setup --for demo --for deploy
    """
    wanted = tuple(purposes or _ALL)
    with terminal.exit_codes():
        if offline and download:
            raise terminal.UserError(
                "--offline installs from a directory, --download fills one: give one of both"
            )
        try:
            if download:
                _download(download.absolute(), wanted)
            else:
                _install(offline.absolute() if offline else None, wanted)
        except EnvironmentFailure as failure:
            raise terminal.Failure(str(failure)) from failure
        except offline_directory.OfflineProblem as problem:
            raise terminal.UserError(str(problem)) from problem
        except OSError as error:
            raise terminal.Failure(
                f"{error.filename or 'a file'} could not be written: {error.strerror or error}; "
                "put that right and run this again"
            ) from error


def _install(directory: Path | None, purposes: tuple[Purpose, ...]) -> None:
    from workspace.node import cdk
    from workspace.steps import Steps

    if directory:
        offline_directory.check(directory)
    settings.keep_offline(directory)
    steps = Steps()
    if Purpose.TEST in purposes:
        with steps.step("what the tests add to .venv"):
            ensure_development()
    for environment in environments_for(purposes):
        with steps.step(f"the environment {environment.name}"):
            environment.ensure()
    with steps.step("the AWS CDK command line"):
        cdk()
    terminal.result(f"Installed: all that {_listed(purposes)} need{'s' if len(purposes) == 1 else ''}.")


def _download(directory: Path, purposes: tuple[Purpose, ...]) -> None:
    from workspace.installing.download import fill
    from workspace.steps import Steps

    fill(directory, purposes, Steps())
    terminal.result(
        f"{directory} has all that {_listed(purposes)} need{'s' if len(purposes) == 1 else ''} on a machine "
        "like this one. There, in a copy of this clone: bin/hybrid setup --offline DIRECTORY"
        + ("" if purposes == _ALL else "".join(f" --for {purpose}" for purpose in purposes))
    )


def _listed(purposes: tuple[Purpose, ...]) -> str:
    names = [str(purpose) for purpose in purposes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
