"""`hybrid demo down`: the end of the demo, and of what it made."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid.cli import terminal
from sandbox.cli.demo_directory import working_on
from sandbox.cli.directory_option import OwnDirectory
from sandbox.demo import run
from sandbox.demo.environment import purge
from sandbox.demo.interrupts import uninterrupted
from sandbox.services.supervisor import Services


def down(
    context: typer.Context,
    directory: OwnDirectory = None,
    delete: Annotated[bool, typer.Option("--purge", help="Delete what the demo made, too.")] = False,
) -> None:
    """End the demo; its data stays for the next one.

    Example: bin/hybrid demo down
    """
    place = directory or context.obj
    if not place.exists():
        terminal.result("nothing was running")
        return
    with terminal.exit_codes(), working_on(place), uninterrupted(terminal.say):
        services = Services(place / "services")
        stopped = run.stop_all(services)
        terminal.result(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
        if left := services.names():
            raise terminal.Failure(f"could not be ended: {', '.join(left)}; run this again")
        if delete:
            try:
                purge(place)
            except OSError as error:
                raise terminal.Failure(
                    f"{terminal.path(place)} could not be deleted whole: {error}; put that right and run "
                    "this again"
                ) from error
            terminal.result(f"deleted {terminal.path(place)}")
