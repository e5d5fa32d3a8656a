"""Python environments of the parts that must not share one: emulator, Airflow, ETL.

Each is made by uv from a lock file and stamped with its hash, so a second call costs nothing and a change
of the lock file makes the environment anew.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hybrid.paths import DAGS, ENVIRONMENTS, ETL, ROOT


@dataclass(frozen=True)
class PythonEnvironment:
    """A virtual environment and what it is made from.

    Attributes:
        name: name of its directory.
        requirements: lock files, installed together.
    """

    name: str
    requirements: tuple[Path, ...]

    @property
    def directory(self) -> Path:
        """Where the environment is."""
        return ENVIRONMENTS / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    @property
    def is_current(self) -> bool:
        """Whether it is there and made from the lock files as they are now."""
        stamp = self.directory / ".made-from"
        return self.python.exists() and stamp.is_file() and stamp.read_text() == self._wanted()

    def ensure(self) -> PythonEnvironment:
        """Make the environment where it is missing or out of date.

        Raises:
            EnvironmentFailure: uv failed; the message holds what it wrote.
        """
        if self.is_current:
            return self
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(self.directory))
        files = [argument for path in self.requirements for argument in ("-r", str(path))]
        # Where PYTHONDONTWRITEBYTECODE is set, each process would compile all that it imports.
        _uv("pip", "install", "--quiet", "--compile-bytecode", "--python", str(self.python), *files)
        (self.directory / ".made-from").write_text(self._wanted())
        return self

    def _wanted(self) -> str:
        digest = hashlib.sha256(str(self.directory).encode())
        for path in self.requirements:
            digest.update(path.read_bytes())
        return digest.hexdigest()


class EnvironmentFailure(Exception):
    """An environment could not be made."""


EMULATOR = PythonEnvironment("emulator", (ROOT / "hybrid" / "local" / "requirements-emulator.txt",))
DATABASES = PythonEnvironment("databases", (ROOT / "hybrid" / "local" / "requirements-databases.txt",))
#: Airflows beside the one of `AIRFLOW` that the Airflow layer is tried on, by name; `newest` is as of a date.
AIRFLOW_MATRIX = {
    path.stem: PythonEnvironment(f"airflow-{path.stem}", (path,))
    for path in sorted((ROOT / "tests" / "dags" / "matrix").glob("*.txt"))
}
AIRFLOW = PythonEnvironment("airflow", (DAGS / "requirements-local.txt", DAGS / "requirements-test.txt"))
ETL_PROCESS = PythonEnvironment("etl", (ETL / "requirements.txt", ETL / "requirements-test.txt"))


def ensure_development() -> None:
    """Add what the tests need to the project's own environment.

    Raises:
        EnvironmentFailure: uv failed; the message holds what it wrote.
    """
    lock = ROOT / "requirements-dev.txt"
    stamp = Path(sys.prefix) / ".development-made-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        _uv("pip", "install", "--quiet", "--python", sys.executable, "-r", str(lock))
        stamp.write_text(wanted)


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([str(uv), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentFailure(f"uv {' '.join(arguments[:2])} failed:\n{done.stderr.strip()}")
