"""A copy of the clone in which mutants are put to the tests, one after the other; the clone is only read."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bench.mutation.parts import QUICK, THOROUGH, Part
from workspace.paths import ROOT, STATE

#: Seconds that a single test may take, so that a mutant that waits without end fails.
_TEST_SECONDS = 120
#: Seconds for all tests of one run; beyond them a mutant counts as one that hangs.
_RUN_SECONDS = 1200
_PYTEST_FAILED, _PYTEST_NONE_SELECTED = 1, 5


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    KILLED_LATE = "killed by tests with servers"
    SURVIVED = "survived"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A mutant: its file in the clone, the line where it begins, the operator, and the whole file with it."""

    file: str
    line: int
    operator: str
    text: str


class BaselineFailure(Exception):
    """The tests fail without any mutant, or read other sources than the copy's: they would tell nothing."""


@dataclass(frozen=True, kw_only=True)
class _Failed:
    """What pytest wrote where a test failed, and the command that runs it again."""

    command: list[str]
    output: str

    @property
    def end(self) -> str:
        return "\n".join(self.output.splitlines()[-15:])


@dataclass
class Tree:
    """A copy of what git sees of the clone, with its changes that are not committed.

    Attributes:
        directory: where the copy is made; must be empty.
        root: the clone.
        skipped: why pytest skipped tests; a survivor may be one that these would see.
    """

    directory: Path
    root: Path = ROOT
    skipped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        listed = subprocess.run(listing, cwd=self.root, capture_output=True, check=True).stdout
        for name in filter(None, os.fsdecode(listed).split("\0")):
            if (self.root / name).is_file():
                (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, self.directory / name)

    def begin(self, part: Part) -> None:
        """Run the quick tests over the sources as they are, and see that they read the copy.

        Raises:
            BaselineFailure: they fail, or they pass whatever the copy holds.
        """
        if failed := self._failure(part, [part.tests], QUICK):
            raise BaselineFailure(f"the quick tests of {part.tests} fail without a mutant:\n{failed.end}")
        self.see_that_tests_read_it(part)

    def see_that_tests_read_it(self, part: Part) -> None:
        """Put a package there that cannot be imported.

        Raises:
            BaselineFailure: the tests pass nonetheless.
        """
        package = next(name for name in part.files(self.root) if name.endswith("/__init__.py"))
        broken = Drawn(file=package, line=1, operator="", text="raise ImportError\n")
        if self.judge(part, broken) is Fate.SURVIVED:
            raise BaselineFailure(
                f"the quick tests of {part.tests} pass without {package}: they read another"
            )

    def judge(self, part: Part, mutant: Drawn) -> Fate:
        """Put a mutant in place, run the tests, put the source back, and see that what failed passes then.

        Raises:
            BaselineFailure: it fails still, so that the mutant was not the cause.
        """
        file = self.directory / mutant.file
        kept = file.read_text()
        try:
            file.write_text(mutant.text)
            self._forget(file)
            fate, failed = self._first_failure(part, mutant)
        finally:
            file.write_text(kept)
            self._forget(file)
        if failed:
            code, output = self._run(part, failed.command)
            if code not in {0, _PYTEST_NONE_SELECTED}:
                end = "\n".join(output.splitlines()[-15:])
                raise BaselineFailure(
                    f"what failed with a mutant fails without it, too (exit code {code}):\n{end}"
                )
        return fate

    def _first_failure(self, part: Part, mutant: Drawn) -> tuple[Fate, _Failed | None]:
        near = part.nearest_to(mutant.file)
        if failed := self._failure(part, near, QUICK):
            return Fate.KILLED, failed
        first = part.first_of(mutant.file)
        for more in [("-k", first), ("-k", f"not ({first})")] if first else [()]:
            if failed := self._failure(part, near, THOROUGH, *more):
                return Fate.KILLED_LATE, failed
        failed = self._failure(part, [part.tests], QUICK)
        return (Fate.KILLED if failed else Fate.SURVIVED), failed

    def _forget(self, file: Path) -> None:
        """Python takes a compiled file for that of a source of the same size and second."""
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    def _failure(self, part: Part, paths: list[str], marked: str, *more: str) -> _Failed | None:
        """A test that failed, and failed again alone: one that fails by chance is none."""
        options = ("-q", "-x", "-rs", "--timeout", str(_TEST_SECONDS), "-m", marked)
        command = [
            *(str(part.python), "-m", "pytest", *options, "-o", "cache_dir=.mutation"),
            *(argument for name in part.left_out_tests for argument in ("--ignore", name)),
            *more,
            *paths,
        ]
        for _ in range(3):
            code, output = self._run(part, command)
            self.skipped.update(re.findall(r"^SKIPPED \[\d+\] [^:]+:\d+: (.*)$", output, re.MULTILINE))
            if code in {0, _PYTEST_NONE_SELECTED}:
                return None
            if code != _PYTEST_FAILED:
                return _Failed(command=command, output=output or f"exit code {code}")
            again = [*command, "--last-failed"]
            if self._run(part, again)[0]:
                return _Failed(command=again, output=output)
        return None

    def _run(self, part: Part, command: list[str]) -> tuple[int, str]:
        own = {
            "AIRFLOW_HOME": str(self.directory / ".hybrid" / f"home-{part.name}"),
            "HYBRID_TEST_MYSQL": os.environ.get("HYBRID_TEST_MYSQL") or str(STATE / "mysql"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        log = self.directory / ".mutation.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **part.environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            code = _wait(process)
        return code, log.read_text(errors="replace")


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code. What hangs is interrupted, so that its servers end, then killed; so it is on Ctrl-C."""
    try:
        return process.wait(timeout=_RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return _ended(process)
    except BaseException:
        _ended(process)
        raise


def _ended(process: subprocess.Popen[bytes]) -> int:
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=30)
    return process.wait()
