"""`hybrid demo`: the whole demo on this machine, and what is there to see."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from hybrid.cli.intervals import interval_of
from hybrid.estate import Estate
from hybrid.trial.database_url import DatabaseUrlError, secret_of
from sandbox.cli.demo_directory import (
    FAILURES,
    command,
    landed_table,
    take,
    times_table,
    what_is_left,
    working_on,
)
from sandbox.cli.demo_status import say_what_is_there
from sandbox.demo import run, task_mode
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode
from sandbox.services.supervisor import Services
from workspace.steps import Steps


def bring_up(
    directory: Path,
    *,
    estate: Path,
    once: bool,
    mode: Mode | None,
    databases: Sequence[str],
    dags: Sequence[str] | None,
    times: tuple[str | None, str | None],
) -> None:
    """Bring the demo of a directory up, run DAGs in it, and say what landed.

    Args:
        directory: holds everything that the demo makes.
        estate: the estate file.
        once: end everything when the runs have ended.
        mode: how tasks run; None for containers where they can.
        databases: as `--database` takes them.
        dags: names of those to run; None for all.
        times: begin and end of the interval, as typed.
    """
    begun = time.monotonic()
    with terminal.exit_codes():
        described = read_estate(estate)
        secrets = _databases(databases, described)
        wanted = _dags(dags, described, interval_of(*times))
        with working_on(directory):
            take(directory, described, file=estate)
            outcome = _run(directory, estate, mode, once=once, databases=secrets, dags=wanted)
        terminal.result(f"\n{time.monotonic() - begun:.0f} s in all.")
        if not once:
            say_what_is_there(directory)
        if not outcome.is_good:
            raise terminal.Failure("no rows landed" if not outcome.failed else _failures(outcome, directory))


def _dags(wanted: Sequence[str] | None, estate: Estate, interval: run.Span | None) -> run.Dags:
    """The DAGs to run: those that were asked for, else all.

    Raises:
        terminal.UserError: there is no such DAG.
    """
    known = run.dag_names(estate, interval)
    for name in wanted or ():
        if name not in known:
            raise terminal.UserError(f"the estate has no DAG `{name}`; it has: {', '.join(known)}")
    return {name: conf for name, conf in known.items() if not wanted or name in wanted}


def _databases(given: Sequence[str], estate: Estate) -> dict[str, dict[str, Any]]:
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
    mode: Mode | None,
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


def _failures(outcome: run.Result, directory: Path) -> str:
    return "\n".join(
        f"DAG {dag} failed: {why}; `{command('logs airflow', directory)}` and the task's log in Airflow "
        "say why"
        for dag, why in outcome.failed.items()
    )
