"""`hybrid test`: every test of the project, each in the environment of the part that it tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from workspace import environments
from workspace.paths import PLUGIN, ROOT, STATE

#: The end-to-end tests wait most of their time for Airflow, and the others have the second processor then.
_AT_ONCE = 2

#: Seconds between two lines of progress.
_QUIET_SECONDS = 30

_LOGS = STATE / "test-logs"

#: What the fast tests leave out: servers, containers, the whole demo, and whatever takes seconds.
_SLOW = "not containers and not servers and not e2e and not slow"


@dataclass(frozen=True)
class Check:
    """One command of the suite; it passes with exit code 0.

    Attributes:
        name: what the terminal shows.
        command: program and arguments.
        environment: variables added to this process's own.
        directory: where it runs.
        python: an environment that only this check needs.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path = ROOT
    python: environments.PythonEnvironment | None = None

    @property
    def log(self) -> Path:
        """File that gets what it says."""
        return _LOGS / f"{self.name.replace(' ', '-')}.log"


def run_tests(
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out servers, containers and end to end.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Checks whose name contains this, as in `--only dags`.")
    ] = None,
) -> None:
    """Run the tests of all parts; sets up what they need.

    Example: bin/hybrid test --fast
    """
    with terminal.exit_codes():
        try:
            with terminal.working("preparing the environments of the parts"):
                environments.ensure_development()
                for environment in (environments.EMULATOR, environments.DATABASES):
                    environment.ensure()
                for environment in (environments.ETL_PROCESS, environments.AIRFLOW):
                    environment.ensure()
                if not fast:
                    environments.DOCS.ensure()
                checks = [check for check in _checks(fast=fast) if only is None or only in check.name]
                for check in checks:
                    if check.python is not None:
                        check.python.ensure()
        except environments.EnvironmentFailure as error:
            raise terminal.Failure(str(error)) from error
        if not checks:
            raise terminal.UserError(f"no check is called `{only}`")
        if failed := _run(checks):
            raise terminal.Failure(f"failed: {', '.join(failed)}")
    terminal.result(f"all {len(checks)} checks passed")


def _checks(*, fast: bool) -> list[Check]:
    """The checks: what takes no time, then what takes longest."""
    python = sys.executable
    airflow_home = {"AIRFLOW_HOME": str(STATE / "test-airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    own = [p for p in sorted((ROOT / "tests").iterdir()) if p.is_dir() and p.name not in _ELSEWHERE]
    return [
        Check("ruff", [python, "-m", "ruff", "check", "."]),
        Check("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        *([] if fast else [_pytest("e2e", Path(python), ["tests/e2e"], fast=False)]),
        _pytest("project", Path(python), [f"tests/{path.name}" for path in own], fast=fast),
        Check("mypy", [python, "-m", "mypy", "app.py", "hybrid", "sandbox", "workspace", "stacks", "constructs/hybrid_constructs"]),
        _mypy("etl", "hybrid_etl", ROOT / "etl", environments.ETL_PROCESS.python),
        _mypy("dags", ".", PLUGIN, environments.AIRFLOW.python),
        _pytest("dags", environments.AIRFLOW.python, ["tests/dags"], fast=fast, environment=airflow_home),
        _pytest("etl", environments.ETL_PROCESS.python, ["tests/etl"], fast=fast),
        *([] if fast else [_on_airflow(name, made) for name, made in environments.AIRFLOW_MATRIX.items()]),
    ]


#: Tests of the Airflow layer that meet Airflow and the provider: imports, factory, operators, triggers.
_MATRIX = (
    "dag_factory",
    "deadline_alert",
    "example_dags",
    "parts_and_commit",
    "run_pipeline",
    "poller_batches",
)


def _on_airflow(name: str, environment: environments.PythonEnvironment) -> Check:
    """The Airflow layer's tests on another Airflow."""
    tests = [f"tests/dags/test_{part}.py" for part in _MATRIX]
    home = {"AIRFLOW_HOME": str(STATE / f"test-airflow-{name}"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [str(environment.python), "-m", "pytest", "-q", "-W", "ignore", *tests]
    return Check(f"pytest dags on Airflow {name}", command, home, python=environment)


#: Folders of tests that have a check of their own.
_ELSEWHERE = {"dags", "etl", "e2e", "__pycache__"}


def _mypy(name: str, package: str, source_root: Path, interpreter: Path) -> Check:
    """mypy over a part with a source root, settings and libraries of its own."""
    command = [sys.executable, "-m", "mypy", "--python-executable", str(interpreter), package]
    return Check(f"mypy {name}", command, directory=source_root)


def _pytest(
    name: str, python: Path, paths: list[str], *, fast: bool, environment: dict[str, str] | None = None
) -> Check:
    command = [str(python), "-m", "pytest", "-q", *paths, *(["-m", _SLOW] if fast else [])]
    return Check(f"pytest {name}", command, environment or {})


def _run(checks: Sequence[Check]) -> list[str]:
    """Run the checks, two at once, and print each one's end as it comes; returns what failed, by name."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    failed: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = {pool.submit(_one, check): check for check in checks}
        while running:
            done, _ = wait(running, timeout=_QUIET_SECONDS, return_when=FIRST_COMPLETED)
            if not done:
                now = [check for future, check in running.items() if future.running()]
                said = "; ".join(f"{check.name} {_last_line(check)}" for check in now)
                terminal.say(f"   {time.monotonic() - start:4.0f} s  {said}")
            for future in done:
                check = running.pop(future)
                code, seconds = future.result()
                terminal.say(f"── {check.name}: {'passed' if code == 0 else 'FAILED'} in {seconds:.0f} s")
                _show(check.log.read_text(errors="replace"), whole=code != 0)
                if code:
                    failed.append(check.name)
    return failed


def _one(check: Check) -> tuple[int, float]:
    terminal.say(f"   {check.name} …")
    start = time.monotonic()
    with check.log.open("wb") as log:
        done = subprocess.run(
            [*check.command],
            cwd=check.directory,
            env={**os.environ, **check.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.returncode, time.monotonic() - start


def _show(output: str, *, whole: bool) -> None:
    """What a check said: all of it where it failed, else its end, and in any case what it skipped and why."""
    lines = output.strip().splitlines()
    end = max(len(lines) - 3, 0)
    shown = lines if whole else [line for line in lines[:end] if line.startswith("SKIPPED")] + lines[end:]
    if shown:
        terminal.result("\n".join(f"   {line}" for line in shown))


def _last_line(check: Check) -> str:
    """The end of what a check has said so far."""
    with check.log.open("rb") as log:
        log.seek(max(log.seek(0, os.SEEK_END) - 200, 0))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1][-60:].strip() if lines else "…"
