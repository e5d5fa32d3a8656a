"""`hybrid test`: every test of the project, each in the environment of the part that it tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from hybrid import environments
from hybrid.cli import terminal
from hybrid.paths import PLUGIN, ROOT, STATE

#: What the fast tests leave out: servers, containers, the whole house, and whatever takes seconds.
_SLOW = "not containers and not servers and not e2e and not slow"


@dataclass(frozen=True)
class Check:
    """One command of the suite; it passes with exit code 0.

    Attributes:
        name: what the terminal shows.
        command: program and arguments.
        environment: variables added to this process's own.
        directory: where it runs.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path = ROOT


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
        except environments.EnvironmentFailure as error:
            raise terminal.Failure(str(error)) from error
        checks = [check for check in _checks(fast=fast) if only is None or only in check.name]
        if not checks:
            raise terminal.UserError(f"no check is called `{only}`")
        # Tests that start servers and containers measure each other's noise: one after another.
        failed = _run(checks, at_once=2 if fast else 1)
        if failed:
            raise terminal.Failure(f"failed: {', '.join(failed)}")
    terminal.result(f"all {len(checks)} checks passed")


def _checks(*, fast: bool) -> list[Check]:
    python = sys.executable
    airflow_home = {"AIRFLOW_HOME": str(STATE / "test-airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    checks = [
        Check("ruff", [python, "-m", "ruff", "check", "."]),
        Check("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        Check("mypy", [python, "-m", "mypy", "app.py", "hybrid", "stacks", "constructs/hybrid_constructs"]),
        _mypy("etl", "hybrid_etl", ROOT / "etl", environments.ETL_PROCESS.python),
        _mypy("dags", "hybrid_airflow", PLUGIN, environments.AIRFLOW.python),
        _pytest("dags", environments.AIRFLOW.python, ["tests/dags"], fast=fast, environment=airflow_home),
        _pytest("etl", environments.ETL_PROCESS.python, ["tests/etl"], fast=fast),
    ]
    own = [p for p in sorted((ROOT / "tests").iterdir()) if p.is_dir() and p.name not in _ELSEWHERE]
    checks.append(_pytest("project", Path(python), [f"tests/{path.name}" for path in own], fast=fast))
    if not fast:
        checks.append(_pytest("e2e", Path(python), ["tests/e2e"], fast=False))
    return checks


#: Folders of tests that run in another environment, or last.
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


def _run(checks: Sequence[Check], *, at_once: int) -> list[str]:
    """Run the checks and print each one's output when it ends; returns the names of those that failed."""
    failed: list[str] = []
    with ThreadPoolExecutor(at_once) as pool:
        for check, (code, seconds, output) in zip(checks, pool.map(_one, checks), strict=True):
            terminal.say(f"── {check.name}: {'passed' if code == 0 else 'FAILED'} in {seconds:.0f} s")
            lines = output.strip().splitlines()
            shown = lines if code else lines[-12:]
            if shown:
                terminal.result("\n".join(f"   {line}" for line in shown))
            if code:
                failed.append(check.name)
    return failed


def _one(check: Check) -> tuple[int, float, str]:
    terminal.say(f"   {check.name} …")
    start = time.monotonic()
    done = subprocess.run(
        [*check.command],
        cwd=check.directory,
        env={**os.environ, **check.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, time.monotonic() - start, done.stdout
