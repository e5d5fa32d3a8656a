"""`hybrid demo restart` and `open`: the services of the demo that runs, and its web page."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from sandbox.cli.demo_directory import FAILURES, command, demo_of, working_on
from sandbox.cli.directory_option import OwnDirectory
from sandbox.demo.directory import described, read_facts
from sandbox.demo.restarting import restart
from sandbox.services.supervisor import Services
from workspace.steps import Steps


def restart_services(
    context: typer.Context,
    service: Annotated[
        list[str] | None, typer.Argument(help="Which, as `demo status` names them.", show_default="all")
    ] = None,
    directory: OwnDirectory = None,
) -> None:
    """End services of the demo and start them again; what is deployed, and what landed, stays.

    Tasks on a host that restarts are ended, and their runs fail. One that has crashed starts anew.

    Example: bin/hybrid demo restart airflow
    """
    place = directory or context.obj
    with terminal.exit_codes():
        facts, known = read_facts(place), Services(place / "services").names()
        if facts is None or not known:
            raise terminal.Failure(f"the demo does not run; `{command('', place)}` starts it")
        if unknown := [name for name in service or () if name not in known]:
            raise terminal.UserError(f"no service `{unknown[0]}` in this demo; it has: {', '.join(known)}")
        file = Path(facts.estate_file)
        read_estate(file)
        with working_on(place):
            os.umask(0o077)
            try:
                restart(demo_of(place, file), service or known, Steps())
            except (*FAILURES, ClientError, BotoCoreError, OSError) as error:
                raise terminal.Failure(f"{error}\n`{command('status', place)}` shows what runs") from error
            except KeyboardInterrupt as error:
                raise terminal.Failure(f"interrupted; `{command('', place)}` starts the rest") from error
    terminal.result(f"restarted {', '.join(sorted(service or known))}")


def open_airflow(context: typer.Context, directory: OwnDirectory = None) -> None:
    """Print the address of the demo's Airflow and who logs in; on a desktop, open it in the browser.

    Example: bin/hybrid demo open
    """
    place = directory or context.obj
    with terminal.exit_codes():
        found = [one for one in described(place) if one["service"] == "airflow" and one["running"]]
        if not found:
            raise terminal.Failure(f"the demo's Airflow does not run; `{command('', place)}` starts it")
        [airflow] = found
        terminal.result(airflow["address"])
        terminal.say(f"user {airflow['user']}, password in {terminal.path(airflow['password_file'])}")
        if _is_desktop() and not webbrowser.open(airflow["address"]):
            terminal.say("no browser could be started: open the address yourself")


def _is_desktop() -> bool:
    """Whether a window can be opened: else the standard library may start a browser of this very terminal."""
    if not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
