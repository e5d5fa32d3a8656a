"""`hybrid demo logs`: logs of services, and of a pipeline's last run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hybrid.cli import terminal
from sandbox.cli.demo_directory import FAILURES, command, running_demo
from sandbox.cli.directory_option import OwnDirectory
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.task_logs import Line, airflow_lines, container_lines, last_try
from sandbox.services.airflow_api import TaskTry
from sandbox.services.supervisor import Services

#: Seconds between two looks at what is followed.
_LOOK = 0.5
_LOOK_AT_TASK = 2.0


def logs(
    context: typer.Context,
    service: Annotated[str | None, typer.Argument(help="Of one service; by default of all.")] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", help="Of this pipeline's last run: Airflow's and the container's."),
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many lines of the end of each log.")
    ] = 15,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written.")] = False,
    directory: OwnDirectory = None,
) -> None:
    """The end of the services' logs, or the log of a pipeline's last run (`--task`: all of it).

    With -f it goes on until Ctrl-C; with --task, until the run has ended.

    Example: bin/hybrid demo logs --task customers-regional
    """
    place = directory or context.obj
    with terminal.exit_codes():
        try:
            if task is not None:
                if service is not None:
                    raise terminal.UserError("a service has no task: name it, or a pipeline with --task")
                _show_task(place, task, follow=follow)
            else:
                _show_services(place, service, lines, follow=follow)
        except KeyboardInterrupt:
            # The usual end of following.
            return


def _show_services(place: Path, service: str | None, lines: int, *, follow: bool) -> None:
    services = Services(place / "services")
    known = sorted(path.stem for path in services.directory.glob("*.log"))
    if service is not None and service not in known:
        raise terminal.UserError(
            f"no service `{service}`; known: {', '.join(known) or 'none yet'}. The log of a pipeline: "
            f"`{command('logs --task PIPELINE', place)}`"
        )
    if not known:
        raise terminal.Failure(f"there are no logs yet; `{command('', place)}` starts the demo")
    wanted = [service] if service else known
    begun = {name: services.log(name).stat().st_size for name in wanted}
    for name in wanted:
        terminal.result(f"── {terminal.path(services.log(name))}", flush=follow)
        if tail := services.tail(name, lines=lines):
            terminal.result(tail, flush=follow)
    if follow:
        _follow({name: (services.log(name), begun[name]) for name in wanted})


def _follow(files: Mapping[str, tuple[Path, int]]) -> None:
    """Print what is added to files, each line with the file's name where there are several, for ever."""
    places = {name: place for name, (_, place) in files.items()}
    while True:
        for name, (path, _) in files.items():
            size = path.stat().st_size
            if size < places[name]:
                places[name] = 0
            with path.open("rb") as file:
                file.seek(places[name])
                whole, newline, _ = file.read().rpartition(b"\n")
            places[name] += len(whole) + len(newline)
            for line in whole.decode(errors="replace").splitlines() if newline else ():
                terminal.result(f"{name} | {line}" if len(files) > 1 else line, flush=True)
        time.sleep(_LOOK)


def _show_task(place: Path, pipeline: str, *, follow: bool) -> None:
    """Show the log of a pipeline's last run.

    Raises:
        terminal.UserError: the estate has no such pipeline.
        terminal.Failure: it has not run yet, or the demo could not be asked.
    """
    demo = running_demo(place)
    if pipeline not in demo.estate.pipelines:
        known = ", ".join(sorted(demo.estate.pipelines))
        raise terminal.UserError(f"the estate has no pipeline `{pipeline}`; it has: {known}")
    try:
        client = demo.airflow().client()
        found = last_try(client, demo.estate, pipeline)
        if found is None:
            raise terminal.Failure(f"pipeline {pipeline} has not run in this demo yet")
        _head("Airflow", f"DAG {found.dag}, run {found.run}, task {found.task}, try {found.number}", found)
        for line in _lines(demo, pipeline, found, follow=follow):
            terminal.result(str(line), flush=True)
        ended = last_try(client, demo.estate, pipeline) if follow else found
        containers = container_lines(demo.client("ecs"), demo.client("logs"), demo.estate, pipeline, found)
        for identifier, own in containers:
            terminal.result(f"── container: ECS task {identifier}")
            for line in own:
                terminal.result(str(line))
        if follow and ended is not None:
            terminal.result(f"── {ended.state}")
    except (*FAILURES, ClientError, BotoCoreError) as error:
        raise terminal.Failure(f"{error}\n`{command('status', place)}` shows what runs") from error


def _head(what: str, text: str, found: TaskTry) -> None:
    terminal.result(f"── {what}: {text}: {found.state or 'waiting'}")


def _lines(demo: DemoEnvironment, pipeline: str, found: TaskTry, *, follow: bool) -> Iterator[Line]:
    client = demo.airflow().client()
    told = 0
    look: Callable[[], TaskTry | None] = lambda: last_try(client, demo.estate, pipeline)  # noqa: E731
    while True:
        now = look() if follow else found
        lines = airflow_lines(client, found)
        yield from lines[told:]
        told = max(told, len(lines))
        if not follow or now is None or now.is_finished or now.run != found.run:
            return
        time.sleep(_LOOK_AT_TASK)
