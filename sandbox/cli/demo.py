"""`hybrid demo`: its options and its commands; what they do is loaded when one of them runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid.cli.command import Command
from hybrid.cli.estate_option import EstateFile
from hybrid.cli.intervals import From, To
from hybrid.cli.lazy_group import group_of
from sandbox.cli.directory_option import Directory
from sandbox.demo.mode import Mode
from workspace.paths import DEMO, ESTATE

#: In the order of the help.
COMMANDS = {
    "apply": Command(
        "sandbox.cli.demo_apply",
        "apply_changes",
        "Bring a change of the estate, of dags/ or of etl/ into the demo that runs, and say what was done.",
    ),
    "restart": Command(
        "sandbox.cli.demo_services",
        "restart_services",
        "End services of the demo and start them again; what is deployed, and what landed, stays.",
    ),
    "open": Command(
        "sandbox.cli.demo_services",
        "open_airflow",
        "Print the address of the demo's Airflow and who logs in; on a desktop, open it in the browser.",
    ),
    "logs": Command(
        "sandbox.cli.demo_logs",
        "logs",
        "The end of the services' logs, or the log of a pipeline's last run (`--task`: all of it).",
    ),
    "status": Command(
        "sandbox.cli.demo_status",
        "status",
        "What runs of the demo, where it answers, and who logs in to Airflow.",
    ),
    "env": Command(
        "sandbox.cli.demo_status",
        "env",
        "Exports that point the AWS CLI, boto3 and this command line to the demo.",
    ),
    "down": Command("sandbox.cli.demo_down", "down", "End the demo; its data stays for the next one."),
    "differences": Command(
        "sandbox.cli.demo_differences",
        "differences",
        "Every difference between the demo and a real account, as a table.",
    ),
}

app = typer.Typer(cls=group_of(COMMANDS), invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def demo(
    context: typer.Context,
    estate: EstateFile = ESTATE,
    once: Annotated[bool, typer.Option("--once", help="End everything when the run has ended.")] = False,
    mode: Annotated[
        Mode | None, typer.Option(help="How tasks run.", show_default="containers where they can")
    ] = None,
    database: Annotated[
        list[str] | None,
        typer.Option(
            help="SOURCE=URL: read your own database, postgresql://USER@HOST:PORT/DATABASE; nothing is "
            "written to it. Password in the URL or in HYBRID_DATABASE_PASSWORD. Once is enough: it is kept."
        ),
    ] = None,
    dag: Annotated[
        list[str] | None,
        typer.Option(
            help="Run only this DAG: an entry of `dags`, or a pipeline; again for more.", show_default="all"
        ),
    ] = None,
    start: From = None,
    end: To = None,
    directory: Directory = DEMO,
) -> None:
    """Deploy the estate to an emulator on this machine, run its DAGs in Airflow, show what landed.

    Stays up afterwards: `demo apply` brings a change in, `demo down` ends it.

    Example: bin/hybrid demo --once
    """
    context.obj = directory
    if context.invoked_subcommand is not None:
        return
    # Not above: the help of `demo` would wait for the whole of it.
    from sandbox.cli.demo_up import bring_up

    bring_up(
        directory,
        estate=estate,
        once=once,
        mode=mode,
        databases=database or [],
        dags=dag,
        times=(start, end),
    )
