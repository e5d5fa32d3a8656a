"""A copy of the clone in which mutants are put to the tests, one after the other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.mutation.parts import QUICK, THOROUGH, Part
from workspace.paths import ROOT, STATE

#: Seconds that a single test may take; so a mutant that waits for ever fails, and its servers end in order.
_TEST_SECONDS = 120


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    KILLED_LATE = "killed by the nearest tests with servers"
    SURVIVED = "survived"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A mutant: its file in the clone, the line where it begins, the operator, and the whole file with it."""

    file: str
    line: int
    operator: str
    text: str


class BaselineFailure(Exception):
    """The tests fail without any mutant, so that they would tell nothing of one."""


class Tree:
    """A copy of what git sees of the clone. The part's own interpreters are those of the clone."""

    def __init__(self, directory: Path, *, root: Path = ROOT) -> None:
        self.directory = directory
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
        for name in filter(None, os.fsdecode(listed).split("\0")):
            if (root / name).is_file():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, directory / name)
        servers = STATE / "mysql"
        if servers.is_dir():
            (directory / ".hybrid").mkdir()
            (directory / ".hybrid" / "mysql").symlink_to(servers)

    def begin(self, part: Part) -> None:
        """Run the quick tests as the sources are.

        Raises:
            BaselineFailure: they fail.
        """
        if output := self._failure(part, [part.tests], QUICK):
            end = "\n".join(output.splitlines()[-15:])
            raise BaselineFailure(f"the quick tests of {part.tests} fail without a mutant:\n{end}")

    def judge(self, part: Part, mutant: Drawn) -> Fate:
        """Put a mutant in place, run the tests, and put the source back."""
        file = self.directory / mutant.file
        kept = file.read_text()
        try:
            file.write_text(mutant.text)
            self._forget(file)
            if self._failure(part, [part.tests], QUICK):
                return Fate.KILLED
            if self._failure(part, part.nearest_to(mutant.file), THOROUGH):
                return Fate.KILLED_LATE
            return Fate.SURVIVED
        finally:
            file.write_text(kept)
            self._forget(file)

    def _forget(self, file: Path) -> None:
        """Python takes a compiled file for that of a source of the same size and second."""
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    def _failure(self, part: Part, paths: list[str], marked: str) -> str:
        """What pytest wrote where a test failed or nothing could be collected, else empty."""
        home = {"AIRFLOW_HOME": str(self.directory / ".hybrid" / f"home-{part.name}")}
        command = [
            *(str(part.python), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *("--timeout", str(_TEST_SECONDS), "-m", marked, *paths),
        ]
        log = self.directory / ".mutation.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **home, **part.environment, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            code = _wait(process)
        # 5: no test is so marked.
        return "" if code in {0, 5} else log.read_text(errors="replace") or f"exit code {code}"


def _wait(process: subprocess.Popen[bytes], *, seconds: float = 1200) -> int:
    """The exit code. What hangs all the same is interrupted, so that its servers end, then killed."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)
            seconds = 60
    return process.wait()
