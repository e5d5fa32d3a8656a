"""The test suite: every check of the clone, each in the environment of the part that it tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from workspace import environments
from workspace.paths import PLUGIN, ROOT, STATE

#: For two processors: those that have an Airflow, or servers of their own, wait half of their time.
_AT_ONCE = 3

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


def checks(*, fast: bool) -> list[Check]:
    """The checks: what takes no time, then what takes longest, so that all end together."""
    python = sys.executable
    airflow_home = {"AIRFLOW_HOME": str(STATE / "test-airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    folders = [p.name for p in sorted((ROOT / "tests").iterdir()) if p.is_dir()]
    own = [f"tests/{name}" for name in folders if name not in _ELSEWHERE and name not in _TEMPLATES]
    return [
        Check("ruff", [python, "-m", "ruff", "check", "."]),
        Check("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        *([] if fast else [_pytest("e2e", Path(python), ["tests/e2e"], fast=False)]),
        _pytest("project", Path(python), own, fast=fast),
        _pytest("etl", environments.ETL_PROCESS.python, ["tests/etl"], fast=fast),
        _pytest("dags", environments.AIRFLOW.python, ["tests/dags"], fast=fast, environment=airflow_home),
        _pytest("templates", Path(python), [f"tests/{name}" for name in sorted(_TEMPLATES)], fast=fast),
        Check("mypy", [python, "-m", "mypy", *_TYPED]),
        _mypy("etl", "hybrid_etl", ROOT / "etl", environments.ETL_PROCESS.python),
        _mypy("dags", ".", PLUGIN, environments.AIRFLOW.python),
        *([] if fast else [_on_airflow(name, made) for name, made in environments.AIRFLOW_MATRIX.items()]),
    ]


#: Tests of the Airflow layer that meet Airflow and the provider: imports, factory, operators, triggers.
_MATRIX = (
    "after_others",
    "dag_factory",
    "deadline_alert",
    "example_dags",
    "one_fault_one_dag",
    "parts_and_commit",
    "results_first",
    "run_pipeline",
    "poller_batches",
)


def _on_airflow(name: str, environment: environments.PythonEnvironment) -> Check:
    """The Airflow layer's tests on another Airflow."""
    tests = [f"tests/dags/test_{part}.py" for part in _MATRIX]
    home = {"AIRFLOW_HOME": str(STATE / f"test-airflow-{name}"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [str(environment.python), "-m", "pytest", "-q", "-W", "ignore", *tests]
    return Check(f"pytest dags on Airflow {name}", command, home, python=environment)


#: What mypy reads with the settings of the clone; the container and the DAGs have their own.
_TYPED = ("app.py", "hybrid", "sandbox", "workspace", "stacks", "constructs/hybrid_constructs")

#: Folders of tests that synthesize; they take as long as the others of the project together.
_TEMPLATES = {"policy", "synth"}

#: Folders of tests that have an environment of their own.
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


def run(checks: Sequence[Check], *, say: Callable[[str], None], show: Callable[[str], None]) -> list[str]:
    """Run the checks, some at once; returns what failed, by name.

    Args:
        checks: in the order in which they begin.
        say: gets lines of progress.
        show: gets the end of what each check said, all of it where it failed.
    """
    _LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    failed: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = {pool.submit(_one, check, say): check for check in checks}
        while running:
            done, _ = wait(running, timeout=_QUIET_SECONDS, return_when=FIRST_COMPLETED)
            if not done:
                now = [check for future, check in running.items() if future.running()]
                said = "; ".join(f"{check.name} {_last_line(check)}" for check in now)
                say(f"   {time.monotonic() - start:4.0f} s  {said}")
            for future in done:
                check = running.pop(future)
                code, seconds = future.result()
                say(f"── {check.name}: {'passed' if code == 0 else 'FAILED'} in {seconds:.0f} s")
                if shown := _shown(check.log.read_text(errors="replace"), whole=code != 0):
                    show(shown)
                if code:
                    failed.append(check.name)
    return failed


def _one(check: Check, say: Callable[[str], None]) -> tuple[int, float]:
    say(f"   {check.name} …")
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


def _shown(output: str, *, whole: bool) -> str:
    """What a check said: all of it where it failed, else its end, and in any case what it skipped and why."""
    lines = output.strip().splitlines()
    end = max(len(lines) - 3, 0)
    shown = lines if whole else [line for line in lines[:end] if line.startswith("SKIPPED")] + lines[end:]
    return "\n".join(f"   {line}" for line in shown)


def _last_line(check: Check) -> str:
    """The end of what a check has said so far."""
    with check.log.open("rb") as log:
        log.seek(max(log.seek(0, os.SEEK_END) - 200, 0))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1][-60:].strip() if lines else "…"
