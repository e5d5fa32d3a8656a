"""`hybrid demo`: the whole house on this machine, and what is there to see."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from hybrid.demo import engine, run
from hybrid.demo.deployment import DeploymentError
from hybrid.demo.house import House, HouseError
from hybrid.demo.steps import Steps
from hybrid.environments import EnvironmentFailure
from hybrid.local.airflow import AirflowError, TaskRun
from hybrid.local.databases import DatabaseError
from hybrid.local.differences import table
from hybrid.local.services import ServiceError, Services
from hybrid.paths import DEMO, ESTATE

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)

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
    engine.ImageError,
)


@app.callback()
def demo(
    context: typer.Context,
    estate: Annotated[Path, typer.Option("--estate", "-e", help="The estate file.")] = ESTATE,
    once: Annotated[bool, typer.Option("--once", help="End everything when the run has ended.")] = False,
    mode: Annotated[
        engine.Mode | None, typer.Option(help="How tasks run.", show_default="containers where they can")
    ] = None,
    directory: Directory = DEMO,
) -> None:
    """Deploy the estate to an emulator on this machine, run its DAGs in Airflow, show what landed.

    Stays up afterwards: `demo status`, `demo logs`, `demo down`.

    Example: bin/hybrid demo --once
    """
    if context.invoked_subcommand is not None:
        return
    start = time.monotonic()
    with terminal.exit_codes():
        _refuse_another_estate(directory, read_estate(estate).environment.name)
        steps = Steps()
        try:
            choice = engine.choose(mode)
            steps.say(f"Tasks run {choice}.")
            house = House(directory, estate=estate, mode=choice.mode)
            with run.nothing_left_behind(house.services, keep=not once):
                run.prepare(house, steps, insist=mode is not None)
                outcome = run.result(house, steps, run.run_dags(house, steps))
                _show(outcome, house)
        except _FAILURES as error:
            raise terminal.Failure(
                f"{error}\nEverything was stopped; `bin/hybrid demo` starts again."
            ) from error
        except KeyboardInterrupt as error:
            raise terminal.Failure("interrupted; everything was stopped") from error
        terminal.result(f"\n{time.monotonic() - start:.0f} s in all.")
        if not once:
            _say_what_is_there(house)
        if not outcome.is_good:
            raise terminal.Failure("no rows landed" if not outcome.failed else _failures(outcome.failed))


def _refuse_another_estate(directory: Path, name: str) -> None:
    mark = directory / "estate"
    if mark.is_file() and mark.read_text() != name:
        raise terminal.UserError(
            f"{directory} holds the demo of estate `{mark.read_text()}`, not of `{name}`: name another "
            "--directory, or end and delete it with `bin/hybrid demo down --purge`"
        )
    directory.mkdir(parents=True, exist_ok=True)
    mark.write_text(name)


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


def _say_what_is_there(house: House) -> None:
    airflow = house.airflow()
    terminal.result(
        f"Airflow: {airflow.url}, user admin, password in {airflow.password_file}\n"
        "It stays up: `bin/hybrid demo status`, `bin/hybrid demo logs`, `bin/hybrid demo down`."
    )


def _failures(failed: dict[str, list[TaskRun]]) -> str:
    return "\n".join(
        f"DAG {dag} failed: {', '.join(f'{task.task} is {task.state}' for task in tasks)}; "
        "`bin/hybrid demo logs airflow` and the task's log in Airflow say why"
        for dag, tasks in failed.items()
    )


@app.command()
def status(
    directory: Directory = DEMO,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What runs of the demo.

    Example: bin/hybrid demo status
    """
    services = Services(directory / "services")
    found = [
        {"service": name, "running": process is not None, "pid": process.pid if process else None}
        for name, process in ((name, services.process(name)) for name in services.names())
    ]
    if json_output:
        terminal.result_json(found)
    elif not found:
        terminal.result("nothing runs; `bin/hybrid demo` starts it")
    else:
        terminal.result_table(
            ("service", "state", "pid"),
            [(f["service"], "running" if f["running"] else "ended", f["pid"] or "") for f in found],
        )


@app.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="Of one service; by default of all.")] = None,
    directory: Directory = DEMO,
) -> None:
    """The end of the services' logs.

    Example: bin/hybrid demo logs airflow
    """
    services = Services(directory / "services")
    known = sorted(path.stem for path in services.directory.glob("*.log"))
    with terminal.exit_codes():
        if service is not None and service not in known:
            raise terminal.UserError(f"no service `{service}`; known: {', '.join(known) or 'none yet'}")
        for name in [service] if service else known:
            terminal.result(f"── {services.log(name)}\n{services.tail(name)}")


@app.command()
def down(
    directory: Directory = DEMO,
    purge: Annotated[bool, typer.Option("--purge", help="Delete what the demo made, too.")] = False,
) -> None:
    """End the demo; its data stays for the next one.

    Example: bin/hybrid demo down
    """
    stopped = run.stop_all(Services(directory / "services"))
    terminal.result(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if purge and directory.exists():
        House(directory, estate=ESTATE, mode=engine.Mode.PROCESS).purge()
        terminal.result(f"deleted {directory}")


@app.command()
def differences() -> None:
    """Every difference between the demo and a real account, as a table.

    Example: bin/hybrid demo differences
    """
    terminal.result(table().rstrip("\n"))
