"""`hybrid demo`: the whole house on this machine, and what is there to see."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hybrid.cli import terminal
from hybrid.cli.estate_file import EstateFile, read_estate
from hybrid.demo import engine, lock, run
from hybrid.demo.deployment import DeploymentError
from hybrid.demo.directory import (
    Facts,
    aws_environment,
    described,
    is_a_demos,
    read_facts,
    write_facts,
)
from hybrid.demo.house import House, HouseError, purge
from hybrid.demo.interrupts import uninterrupted
from hybrid.demo.steps import Steps
from hybrid.environments import EnvironmentFailure
from hybrid.estate import Estate
from hybrid.local.airflow import AirflowError
from hybrid.local.databases import DatabaseError
from hybrid.local.differences import table
from hybrid.local.services import ServiceError, Services
from hybrid.paths import DEMO, ESTATE
from hybrid.trial.database_url import DatabaseUrlError, secret_of

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)

OwnDirectory = Annotated[
    Path | None,
    typer.Option("--directory", help="Where the demo keeps everything.", show_default=".hybrid/demo"),
]
Directory = Annotated[
    Path,
    typer.Option(
        "--directory",
        envvar="HYBRID_DEMO_DIRECTORY",
        help="Where the demo keeps everything.",
        show_default=".hybrid/demo",
    ),
]
_FAILURES = (
    AirflowError,
    DatabaseError,
    DeploymentError,
    EnvironmentFailure,
    HouseError,
    ServiceError,
    run.DatabaseOutOfReach,
    engine.ImageError,
)


@app.callback()
def demo(
    context: typer.Context,
    estate: EstateFile = ESTATE,
    once: Annotated[bool, typer.Option("--once", help="End everything when the run has ended.")] = False,
    mode: Annotated[
        engine.Mode | None, typer.Option(help="How tasks run.", show_default="containers where they can")
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
    directory: Directory = DEMO,
) -> None:
    """Deploy the estate to an emulator on this machine, run its DAGs in Airflow, show what landed.

    Stays up afterwards: `demo status`, `demo logs`, `demo down`.

    Example: bin/hybrid demo --once
    """
    context.obj = directory
    if context.invoked_subcommand is not None:
        return
    start = time.monotonic()
    with terminal.exit_codes():
        described_estate = read_estate(estate)
        databases = _databases(database or [], described_estate)
        dags = _dags(dag, described_estate)
        with _working_on(directory):
            _take(directory, described_estate, file=estate)
            outcome = _run(directory, estate, mode, once=once, databases=databases, dags=dags)
        terminal.result(f"\n{time.monotonic() - start:.0f} s in all.")
        if not once:
            _say_what_is_there(directory)
        if not outcome.is_good:
            raise terminal.Failure("no rows landed" if not outcome.failed else _failures(outcome, directory))


def _dags(wanted: list[str] | None, estate: Estate) -> set[str]:
    """Names of the DAGs to run: those that were asked for, else all.

    Raises:
        terminal.UserError: there is no such DAG.
    """
    known = run.dag_names(estate)
    for name in wanted or ():
        if name not in known:
            raise terminal.UserError(f"the estate has no DAG `{name}`; it has: {', '.join(known)}")
    return set(wanted or known)


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
    mode: engine.Mode | None,
    *,
    once: bool,
    databases: dict[str, dict[str, Any]],
    dags: set[str],
) -> run.Result:
    """Bring the house up, run its DAGs, show what landed.

    Raises:
        terminal.Failure: with what failed, and what has become of the services.
    """
    # What the demo makes is its user's alone: passwords, rows, logs.
    os.umask(0o077)
    steps, services = Steps(), Services(directory / "services")
    try:
        with run.nothing_left_behind(services, keep=not once, say=terminal.say):
            choice = engine.choose(mode)
            steps.say(f"Tasks run {choice}.")
            house = House(directory, estate=estate, mode=choice.mode)
            run.prepare(house, steps, insist=mode is not None, databases=databases)
            outcome = run.result(house, steps, run.run_dags(house, steps, only=dags))
            _show(outcome, house)
    except _FAILURES as error:
        again = f"`{_command('', directory)}` starts again"
        raise terminal.Failure(f"{error}\n{_what_is_left(services, directory)}; {again}.") from error
    except (ClientError, BotoCoreError) as error:
        raise terminal.Failure(
            f"the emulator refused what the demo asked: {error}\n{_what_is_left(services, directory)}. "
            f"What it keeps may be damaged: `{_command('down --purge', directory)}` deletes it, and "
            f"`{_command('', directory)}` begins anew."
        ) from error
    except OSError as error:
        raise terminal.Failure(f"{error}\n{_what_is_left(services, directory)}.") from error
    except KeyboardInterrupt as error:
        raise terminal.Failure(
            f"interrupted; {_what_is_left(services, directory).replace('Every', 'every')}"
        ) from error
    return outcome


def _what_is_left(services: Services, directory: Path) -> str:
    """That everything was stopped, if it was."""
    if names := [name for name in services.names() if services.members(name)]:
        return f"Still running: {', '.join(names)}; `{_command('down', directory)}` ends them"
    return "Everything was stopped"


@contextmanager
def _working_on(directory: Path) -> Iterator[None]:
    """Hold the demo's directory.

    Raises:
        terminal.UserError: another command works on it, it is not a demo's, or it cannot be written.
    """
    try:
        if not is_a_demos(directory):
            raise terminal.UserError(
                f"{directory} has files that are no demo's: name a --directory that is empty or new"
            )
        held = lock.held(directory)
        held.__enter__()
    except lock.DirectoryInUse as error:
        raise terminal.UserError(str(error)) from error
    except OSError as error:
        raise terminal.UserError(
            f"the demo's directory {directory} cannot be written ({error.strerror or error}): name another "
            "--directory"
        ) from error
    try:
        yield
    finally:
        held.__exit__(None, None, None)


def _take(directory: Path, estate: Estate, *, file: Path) -> None:
    """Mark the directory as this estate's.

    Raises:
        terminal.UserError: it is another one's.
    """
    name, mark = estate.environment.name, directory / "estate"
    before = read_facts(directory)
    other = before.estate if before else mark.read_text() if mark.is_file() else ""
    if other not in {"", name}:
        elsewhere = directory.with_name(f"{directory.name}-{name}")
        raise terminal.UserError(
            f"{directory} holds the demo of estate `{other}`, not of `{name}`. Each has a directory of its "
            f"own: `{_command('', elsewhere)} --estate {shlex.quote(str(file))}`; or end and delete the "
            f"other one with `{_command('down --purge', directory)}`"
        )
    write_facts(directory, Facts(name, str(file.resolve()), estate.environment.region))


def _command(words: str, directory: Path) -> str:
    """A command of this group, as it has to be typed for the demo of a directory."""
    parts = ["bin/hybrid demo", *([words] if words else [])]
    if directory.resolve() != DEMO.resolve():
        parts.append(f"--directory {shlex.quote(str(directory))}")
    return " ".join(parts)


def _show(outcome: run.Result, house: House) -> None:
    terminal.result("\nWhat landed in the lake:")
    terminal.result_table(
        ("pipeline", "site", "rows", "bytes", "object"),
        [
            (one.pipeline, one.site, f"{one.rows:,}", f"{one.bytes:,}", file)
            for one in outcome.landed
            for file in one.files
        ],
    )
    if outcome.landed:
        terminal.result("\nIts columns: " + ", ".join(f"{n} {t}" for n, t in outcome.landed[0].columns))
    terminal.result(f"Bucket: {house.lake_bucket}, at {house.emulator.endpoint_url}")
    terminal.result("\nHow long each step took:")
    terminal.result_table(
        ("step", "seconds"), [(name, f"{seconds:.1f}") for name, seconds in outcome.seconds.items()]
    )


def _say_what_is_there(directory: Path) -> None:
    for entry in described(directory):
        if entry["service"] == "airflow":
            terminal.result(
                f"Airflow: {entry['address']}, user {entry['user']}, password in {entry['password_file']}"
            )
    commands = ", ".join(f"`{_command(word, directory)}`" for word in ("status", "logs", "env", "down"))
    terminal.result(f"It stays up: {commands}.")


def _failures(outcome: run.Result, directory: Path) -> str:
    return "\n".join(
        f"DAG {dag} failed: {why}; `{_command('logs airflow', directory)}` and the task's log in Airflow "
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
        terminal.result(f"nothing runs; `{_command('', place)}` starts it")
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
            raise terminal.Failure(f"the demo does not run; `{_command('', place)}` starts it")
    variables = aws_environment(place.resolve(), region=facts.region)
    if json_output:
        terminal.result_json(variables)
        return
    # They would win over the keys, or sign for somebody else.
    print("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def logs(
    context: typer.Context,
    service: Annotated[str | None, typer.Argument(help="Of one service; by default of all.")] = None,
    directory: OwnDirectory = None,
) -> None:
    """The end of the services' logs.

    Example: bin/hybrid demo logs airflow
    """
    services = Services((directory or context.obj) / "services")
    known = sorted(path.stem for path in services.directory.glob("*.log"))
    with terminal.exit_codes():
        if service is not None and service not in known:
            raise terminal.UserError(f"no service `{service}`; known: {', '.join(known) or 'none yet'}")
        for name in [service] if service else known:
            terminal.result(f"── {services.log(name)}\n{services.tail(name)}")


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
    with terminal.exit_codes(), _working_on(place), uninterrupted(terminal.say):
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
                    f"{place} could not be deleted whole: {error}; put that right and run this again"
                ) from error
            terminal.result(f"deleted {place}")


@app.command()
def differences() -> None:
    """Every difference between the demo and a real account, as a table.

    Example: bin/hybrid demo differences
    """
    terminal.result(table().rstrip("\n"))
