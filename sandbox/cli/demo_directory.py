"""What the commands of `hybrid demo` share: the demo's directory, who works on it, and what may go wrong."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hybrid.artifacts import image_build
from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from hybrid.estate import Estate
from sandbox.demo import lock, run, task_mode
from sandbox.demo.deployment import DeploymentError
from sandbox.demo.directory import Facts, is_a_demos, read_facts, read_modes, write_facts
from sandbox.demo.environment import DemoEnvironment, DemoError
from sandbox.demo.landed import Landed
from sandbox.services.airflow_api import AirflowError
from sandbox.services.databases import DatabaseError
from sandbox.services.supervisor import ServiceFailed, Services
from workspace.environments import EnvironmentFailure
from workspace.paths import DEMO

FAILURES = (
    AirflowError,
    DatabaseError,
    DeploymentError,
    EnvironmentFailure,
    DemoError,
    ServiceFailed,
    run.DatabaseOutOfReach,
    image_build.ImageError,
)


def what_is_left(services: Services, directory: Path) -> str:
    """That everything was stopped, if it was."""
    if names := [name for name in services.names() if services.members(name)]:
        return f"Still running: {', '.join(names)}; `{command('down', directory)}` ends them"
    return "Everything was stopped"


@contextmanager
def working_on(directory: Path) -> Iterator[None]:
    """Hold the demo's directory.

    Raises:
        terminal.UserError: another command works on it, it is not a demo's, or it cannot be written.
    """
    try:
        if not is_a_demos(directory):
            raise terminal.UserError(
                f"{terminal.path(directory)} has files that are no demo's: name a --directory that is empty "
                "or new"
            )
        held = lock.held(directory)
        held.__enter__()
    except lock.DirectoryInUse as error:
        raise terminal.UserError(str(error)) from error
    except OSError as error:
        raise terminal.UserError(
            f"the demo's directory {terminal.path(directory)} cannot be written "
            f"({error.strerror or error}): name another --directory"
        ) from error
    try:
        yield
    finally:
        held.__exit__(None, None, None)


def take(directory: Path, estate: Estate, *, file: Path) -> None:
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
            f"{terminal.path(directory)} holds the demo of estate `{other}`, not of `{name}`. Each has a "
            f"directory of its own: `{command('', elsewhere)} --estate {shlex.quote(str(file))}`; or end "
            f"and delete the other one with `{command('down --purge', directory)}`"
        )
    write_facts(directory, Facts(name, str(file.resolve()), estate.environment.region))


def command(words: str, directory: Path) -> str:
    """A command of this group, as it has to be typed for the demo of a directory."""
    parts = ["bin/hybrid demo", *([words] if words else [])]
    if directory.resolve() != DEMO.resolve():
        parts.append(f"--directory {shlex.quote(str(directory))}")
    return " ".join(parts)


def landed_table(landed: Sequence[Landed]) -> None:
    """Show what landed."""
    terminal.result("\nWhat landed in the lake:")
    terminal.result_table(
        ("pipeline", "site", "rows", "bytes", "object"),
        [
            (one.pipeline, one.site, f"{one.rows:,}", f"{one.bytes:,}", file)
            for one in landed
            for file in one.files
        ],
    )
    if landed:
        terminal.result("\nIts columns: " + ", ".join(f"{n} {t}" for n, t in landed[0].columns))


def times_table(seconds: Mapping[str, float]) -> None:
    """Show how long each step took."""
    terminal.result("\nHow long each step took:")
    terminal.result_table(
        ("step", "seconds"), [(name, f"{duration:.1f}") for name, duration in seconds.items()]
    )


def running_demo(place: Path) -> DemoEnvironment:
    """The demo of the demo that runs in a directory, of the estate that it was started or changed with.

    Raises:
        terminal.Failure: none does.
        terminal.UserError: its estate file is broken or gone.
    """
    facts = running(place)
    file = Path(facts.estate_file)
    read_estate(file)
    return demo_of(place, file)


def running(place: Path) -> Facts:
    """Whose demo runs in a directory.

    Raises:
        terminal.Failure: none does.
    """
    facts, services = read_facts(place), Services(place / "services")
    if facts is None or not all(services.process(name) for name in ("emulator", "site", "airflow")):
        raise terminal.Failure(f"the demo does not run; `{command('', place)}` starts it")
    return facts


def demo_of(place: Path, file: Path) -> DemoEnvironment:
    """The demo of a directory, whose tasks run as they did."""
    tasks, databases = read_modes(place) or (task_mode.choose(None).mode,) * 2
    return DemoEnvironment(place, estate=file, mode=tasks, databases_for=databases)
