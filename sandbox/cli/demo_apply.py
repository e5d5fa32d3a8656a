"""`hybrid demo apply`: a change of the estate in the demo that runs, and what was done for it."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from hybrid.cli.intervals import From, To, interval_of
from hybrid.estate import Estate
from sandbox.cli.demo_directory import (
    FAILURES,
    command,
    demo_of,
    landed_table,
    running,
    times_table,
    working_on,
)
from sandbox.cli.directory_option import OwnDirectory
from sandbox.demo import run
from sandbox.demo.apply import Applied, ApplyFailed, NotApplicable, apply
from sandbox.demo.directory import Facts, write_facts
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.landed import Landed
from workspace.paths import ESTATE
from workspace.steps import Steps


def apply_changes(
    context: typer.Context,
    estate: Annotated[
        Path | None, typer.Option("--estate", "-e", help="The estate file.", show_default="the demo's")
    ] = None,
    run_them: Annotated[
        bool, typer.Option("--run", help="Run the pipelines that changed, and show what landed.")
    ] = False,
    begin: From = None,
    end: To = None,
    directory: OwnDirectory = None,
    json_output: Annotated[bool, typer.Option("--json", help="What was done as JSON.")] = False,
) -> None:
    """Bring a change of the estate, of dags/ or of etl/ into the demo that runs, and say what was done.

    Nothing that stays the same is deployed or started anew. Exit 2: the change is refused, and the demo runs
    on as it was.

    Example: bin/hybrid demo apply --run
    """
    place, start = directory or context.obj, time.monotonic()
    with terminal.exit_codes():
        interval = interval_of(begin, end)
        if interval is not None and not run_them:
            raise terminal.UserError("--from and --to are of the runs: add --run")
        facts = running(place)
        file = estate or Path(facts.estate_file)
        described = read_estate(file)
        _same_demo(facts, described, place, file)
        steps = Steps()
        with working_on(place):
            demo, applied = _apply(place, file, steps)
            write_facts(place, Facts(facts.estate, str(file.resolve()), facts.region))
            landed, failed = _run(demo, applied, steps, interval) if run_them else ([], {})
        seconds = time.monotonic() - start
        if json_output:
            terminal.result_json(
                {
                    "changes": [asdict(one) for one in applied.changes],
                    "restarted": applied.restarted,
                    "dags": [asdict(one) for one in applied.dags],
                    "errors": applied.errors,
                    "skipped": applied.skipped,
                    "landed": [asdict(one) for one in landed],
                    "failed": failed,
                    "seconds": {**steps.durations, "all": seconds},
                }
            )
        else:
            _show(applied, steps, seconds)
            if landed:
                landed_table(landed)
        _fail_where_it_is_not_good(applied, failed, place)


def _same_demo(facts: Facts, estate: Estate, place: Path, file: Path) -> None:
    environment = estate.environment
    for what, was, now in (
        ("environment.name", facts.estate, environment.name),
        ("environment.region", facts.region, environment.region),
    ):
        if was != now:
            raise terminal.UserError(
                f"{what} is `{now}`, and the demo that runs is of `{was}`. {_anew(place, file)}"
            )


def _anew(place: Path, file: Path) -> str:
    estate = "" if file.resolve() == ESTATE.resolve() else f" --estate {shlex.quote(str(file))}"
    return (
        f"A new demo takes it: `{command('down --purge', place)}`, which deletes what landed, then "
        f"`{command('', place)}{estate}`"
    )


def _apply(place: Path, file: Path, steps: Steps) -> tuple[DemoEnvironment, Applied]:
    """Apply the change; the services run on, whatever comes of it.

    Raises:
        terminal.UserError: it takes a new demo.
        terminal.Failure: it failed.
    """
    # What the demo makes is its user's alone.
    os.umask(0o077)
    try:
        demo = demo_of(place, file)
        return demo, apply(demo, steps)
    except NotApplicable as error:
        raise terminal.UserError(f"{error}. Nothing was deployed. {_anew(place, file)}") from error
    except ApplyFailed as error:
        raise terminal.Failure(f"{error}.\nPut it right and run this again. {_anew(place, file)}") from error
    except (*FAILURES, ClientError, BotoCoreError, OSError) as error:
        raise terminal.Failure(
            f"{error}\nThe services run on; `{command('status', place)}` shows them. {_anew(place, file)}"
        ) from error
    except KeyboardInterrupt as error:
        raise terminal.Failure(
            f"interrupted; the services run on, and `{command('apply', place)}` brings in the rest"
        ) from error


def _run(
    demo: DemoEnvironment, applied: Applied, steps: Steps, interval: run.Span | None
) -> tuple[list[Landed], dict[str, str]]:
    """Run each changed pipeline by its own DAG; returns what landed of them, and which failed."""
    pipelines = applied.pipelines(demo.estate)
    dags = run.pipeline_dags(demo.estate, pipelines, interval)
    try:
        outcome = run.result(demo, steps, run.run_dags(demo, steps, dags))
    except (*FAILURES, ClientError, BotoCoreError) as error:
        logs = command("logs airflow", demo.directory)
        raise terminal.Failure(f"{error}\n`{logs}` says more") from error
    except KeyboardInterrupt as error:
        raise terminal.Failure("interrupted; the change is in, and the runs go on in Airflow") from error
    return [one for one in outcome.landed if one.pipeline in pipelines], outcome.failed


def _show(applied: Applied, steps: Steps, seconds: float) -> None:
    if not applied.is_anything:
        terminal.result(f"Nothing has changed: what runs is the estate as it is. {seconds:.1f} s.")
        return
    if applied.changes:
        terminal.result("\nWhat has changed:")
        terminal.result_table(
            ("kind", "name", "how", "what"),
            [(one.kind, one.name, one.how, one.what) for one in applied.changes],
        )
    if applied.restarted:
        terminal.result(f"\nStarted anew: {', '.join(sorted(applied.restarted))}")
    if applied.dags:
        terminal.result("\nWhat Airflow has:")
        terminal.result_table(
            ("DAG", "version", "state"),
            [(one.dag, one.version or "", _state(one.version, is_read=one.is_read)) for one in applied.dags],
        )
    for file in applied.skipped:
        terminal.result(
            f"\nAirflow looks for no DAG in dags/{file}, as in every file without the words `dag` and "
            "`airflow`. A module that others import needs neither"
        )
    times_table(steps.durations)
    terminal.result(f"\n{seconds:.1f} s in all.")


def _state(version: int | None, *, is_read: bool) -> str:
    if version is None:
        return "not listed"
    return "read as it is now" if is_read else "not read yet"


def _fail_where_it_is_not_good(applied: Applied, failed: dict[str, str], place: Path) -> None:
    lines = [f"Airflow cannot read dags/{file}: {why}" for file, why in sorted(applied.errors.items())]
    lines += [f"DAG {dag} failed: {why}" for dag, why in sorted(failed.items())]
    lines += [
        f"Airflow has not read DAG {one.dag} yet; `{command('logs airflow', place)}` says why"
        for one in applied.dags
        if not one.is_read and not applied.errors
    ]
    if lines:
        raise terminal.Failure("\n".join(lines))
