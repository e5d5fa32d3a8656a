"""`hybrid demo`: the whole demo on this machine, and what is there to see."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hybrid.cli import terminal
from hybrid.cli.estate_file import EstateFile, read_estate
from hybrid.cli.intervals import From, To, interval_of
from hybrid.estate import Estate
from hybrid.trial.database_url import DatabaseUrlError, secret_of
from sandbox.cli.demo_apply import apply_changes
from sandbox.cli.demo_directory import (
    FAILURES,
    Directory,
    OwnDirectory,
    command,
    landed_table,
    take,
    times_table,
    what_is_left,
    working_on,
)
from sandbox.cli.demo_logs import logs
from sandbox.cli.demo_services import open_airflow, restart_services
from sandbox.demo import run, task_mode
from sandbox.demo.directory import (
    aws_environment,
    described,
    read_facts,
)
from sandbox.demo.environment import DemoEnvironment, purge
from sandbox.demo.interrupts import uninterrupted
from sandbox.differences import table
from sandbox.services.supervisor import Services
from workspace.paths import DEMO, ESTATE
from workspace.steps import Steps

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


app.command("apply")(apply_changes)
app.command("restart")(restart_services)
app.command("open")(open_airflow)
app.command("logs")(logs)


@app.callback()
def demo(
    context: typer.Context,
    estate: EstateFile = ESTATE,
    once: Annotated[bool, typer.Option("--once", help="End everything when the run has ended.")] = False,
    mode: Annotated[
        task_mode.Mode | None, typer.Option(help="How tasks run.", show_default="containers where they can")
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
    begun = time.monotonic()
    with terminal.exit_codes():
        described_estate = read_estate(estate)
        databases = _databases(database or [], described_estate)
        dags = _dags(dag, described_estate, interval_of(start, end))
        with working_on(directory):
            take(directory, described_estate, file=estate)
            outcome = _run(directory, estate, mode, once=once, databases=databases, dags=dags)
        terminal.result(f"\n{time.monotonic() - begun:.0f} s in all.")
        if not once:
            _say_what_is_there(directory)
        if not outcome.is_good:
            raise terminal.Failure("no rows landed" if not outcome.failed else _failures(outcome, directory))


def _dags(wanted: list[str] | None, estate: Estate, interval: run.Span | None) -> run.Dags:
    """The DAGs to run: those that were asked for, else all.

    Raises:
        terminal.UserError: there is no such DAG.
    """
    known = run.dag_names(estate, interval)
    for name in wanted or ():
        if name not in known:
            raise terminal.UserError(f"the estate has no DAG `{name}`; it has: {', '.join(known)}")
    return {name: conf for name, conf in known.items() if not wanted or name in wanted}


def _databases(given: list[str], estate: Estate) -> dict[str, dict[str, Any]]:
    """Secrets of the databases that were given, by source.

    Raises:
        terminal.UserError: there is no such source, or its address cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for option in given:
        source, equals, url = option.partition("=")
        if not equals or source not in estate.sources:
            known = ", ".join(sorted(estate.sources))
            raise terminal.UserError(f"--database takes SOURCE=URL, with a source of the estate: {known}")
        password = os.environ.get("HYBRID_DATABASE_PASSWORD")
        try:
            found[source] = secret_of(url, engine=estate.sources[source].engine, password=password)
        except DatabaseUrlError as error:
            raise terminal.UserError(f"--database {source}: {error}") from error
    return found


def _run(
    directory: Path,
    estate: Path,
    mode: task_mode.Mode | None,
    *,
    once: bool,
    databases: dict[str, dict[str, Any]],
    dags: run.Dags,
) -> run.Result:
    """Bring the demo up, run its DAGs, show what landed.

    Raises:
        terminal.Failure: with what failed, and what has become of the services.
    """
    # What the demo makes is its user's alone: passwords, rows, logs.
    os.umask(0o077)
    steps, services = Steps(), Services(directory / "services")
    try:
        with run.nothing_left_behind(services, keep=not once, say=terminal.say):
            choice = task_mode.choose(mode)
            steps.say(f"Tasks run {choice}.")
            demo = DemoEnvironment(directory, estate=estate, mode=choice.mode)
            run.prepare(demo, steps, insist=mode is not None, databases=databases)
            outcome = run.result(demo, steps, run.run_dags(demo, steps, dags))
            _show(outcome, demo)
    except FAILURES as error:
        again = f"`{command('', directory)}` starts again"
        raise terminal.Failure(f"{error}\n{what_is_left(services, directory)}; {again}.") from error
    except (ClientError, BotoCoreError) as error:
        raise terminal.Failure(
            f"the emulator refused what the demo asked: {error}\n{what_is_left(services, directory)}. "
            f"What it keeps may be damaged: `{command('down --purge', directory)}` deletes it, and "
            f"`{command('', directory)}` begins anew."
        ) from error
    except OSError as error:
        raise terminal.Failure(f"{error}\n{what_is_left(services, directory)}.") from error
    except KeyboardInterrupt as error:
        raise terminal.Failure(
            f"interrupted; {what_is_left(services, directory).replace('Every', 'every')}"
        ) from error
    return outcome


def _show(outcome: run.Result, demo: DemoEnvironment) -> None:
    landed_table(outcome.landed)
    terminal.result(f"Bucket: {demo.lake_bucket}, at {demo.emulator.endpoint_url}")
    times_table(outcome.seconds)


def _say_what_is_there(directory: Path) -> None:
    for entry in described(directory):
        if entry["service"] == "airflow":
            terminal.result(
                f"Airflow: {entry['address']}, user {entry['user']}, password in "
                f"{terminal.path(entry['password_file'])}"
            )
    words = ("apply", "status", "logs", "env", "down")
    commands = ", ".join(f"`{command(word, directory)}`" for word in words)
    terminal.result(f"It stays up: {commands}.")


def _failures(outcome: run.Result, directory: Path) -> str:
    return "\n".join(
        f"DAG {dag} failed: {why}; `{command('logs airflow', directory)}` and the task's log in Airflow "
        "say why"
        for dag, why in outcome.failed.items()
    )


@app.command()
def status(
    context: typer.Context,
    directory: OwnDirectory = None,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What runs of the demo, where it answers, and who logs in to Airflow.

    Example: bin/hybrid demo status
    """
    place = directory or context.obj
    found = described(place)
    if json_output:
        terminal.result_json(found)
        return
    if not found:
        terminal.result(f"nothing runs; `{command('', place)}` starts it")
        return
    terminal.result_table(
        ("service", "state", "pid", "port", "address"),
        [
            (
                one["service"],
                "running" if one["running"] else "ended",
                one["pid"] or "",
                one["port"] or "",
                one["address"] or "",
            )
            for one in found
        ],
    )
    if any(one["running"] for one in found):
        _say_what_is_there(place)


@app.command()
def env(
    context: typer.Context,
    directory: OwnDirectory = None,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Exports that point the AWS CLI, boto3 and this command line to the demo.

    Example: eval "$(bin/hybrid demo env)" && bin/hybrid hosts list
    """
    place = directory or context.obj
    with terminal.exit_codes():
        facts, services = read_facts(place), Services(place / "services")
        if facts is None or not all(services.process(name) for name in ("emulator", "site")):
            raise terminal.Failure(f"the demo does not run; `{command('', place)}` starts it")
    variables = aws_environment(place.resolve(), region=facts.region)
    if json_output:
        terminal.result_json(variables)
        return
    # They would win over the keys, or sign for somebody else.
    print("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


@app.command()
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


@app.command()
def differences() -> None:
    """Every difference between the demo and a real account, as a table.

    Example: bin/hybrid demo differences
    """
    terminal.result(table().rstrip("\n"))
