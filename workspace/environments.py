"""Python environments of the parts that must not share one: emulator, Airflow, ETL.

Each is made by uv from a lock file and stamped with its hash, so a second call costs nothing and a change
of the lock file makes the environment anew. The stamp comes last and goes first: what a full disk or a kill
left half is made anew. (An environment cannot be made elsewhere and moved: its programs name their place.)
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workspace import native_decoder
from workspace.files import UMASK, exclusively, write_whole
from workspace.paths import DAGS, ENVIRONMENTS, ETL, ROOT
from workspace.supply import settings, words
from workspace.supply.certificates import CertificateProblem
from workspace.supply.offline import OfflineProblem


@dataclass(frozen=True)
class PythonEnvironment:
    """A virtual environment and what it is made from.

    Attributes:
        name: name of its directory.
        requirements: lock files, installed together.
        also: what is made with its interpreter beside it.
    """

    name: str
    requirements: tuple[Path, ...]
    also: Callable[[Path], None] | None = None

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
        try:
            if not self.is_current:
                with exclusively(self.directory):
                    if not self.is_current:
                        self._make()
            if self.also:
                self.also(self.python)
        except OSError as error:
            raise EnvironmentFailure(
                f"the environment {self.directory} could not be made: {error.strerror or error}; "
                "put that right and run this again, which begins anew"
            ) from error
        return self

    def _make(self) -> None:
        stamp = self.directory / ".made-from"
        stamp.unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(self.directory))
        files = [argument for path in self.requirements for argument in ("-r", str(path))]
        # Where PYTHONDONTWRITEBYTECODE is set, each process would compile all that it imports.
        _install(self.python, "--compile-bytecode", *files)
        write_whole(stamp, self._wanted(), mode=0o644)

    def _wanted(self) -> str:
        # Of another Python, compiled packages are of no use; of another place, programs are not.
        made_by = f"{self.directory}\0{sys.version}\0{Path(sys.base_prefix)}"
        digest = hashlib.sha256(made_by.encode("utf-8", "surrogateescape"))
        for path in self.requirements:
            digest.update(path.read_bytes())
        return digest.hexdigest()


class EnvironmentFailure(Exception):
    """An environment could not be made."""


EMULATOR = PythonEnvironment("emulator", (ROOT / "sandbox" / "requirements-emulator.txt",))
DATABASES = PythonEnvironment("databases", (ROOT / "sandbox" / "requirements-databases.txt",))
#: Airflows beside the one of `AIRFLOW` that the Airflow layer is tried on, by name; `newest` is as of a date.
AIRFLOW_MATRIX = {
    path.stem: PythonEnvironment(f"airflow-{path.stem}", (path,))
    for path in sorted((ROOT / "tests" / "dags" / "matrix").glob("*.txt"))
}
DOCS = PythonEnvironment("docs", (ROOT / "docs" / "requirements.txt",))
BILL_OF_MATERIALS = PythonEnvironment("sbom", (ETL / "image" / "requirements-sbom.txt",))
AIRFLOW = PythonEnvironment("airflow", (DAGS / "requirements-local.txt", DAGS / "requirements-test.txt"))
ETL_PROCESS = PythonEnvironment(
    "etl", (ETL / "requirements.txt", ETL / "requirements-test.txt"), also=native_decoder.build
)


def ensure_development() -> None:
    """Add what the tests need to the project's own environment.

    Raises:
        EnvironmentFailure: uv failed; the message holds what it wrote.
    """
    lock = ROOT / "requirements-dev.txt"
    stamp = Path(sys.prefix) / ".development-made-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        stamp.unlink(missing_ok=True)
        _install(Path(sys.executable), "-r", str(lock))
        write_whole(stamp, wanted, mode=0o644)


def read_supply() -> settings.Supply:
    """Where packages come from, as the user set it for any tool.

    Raises:
        EnvironmentFailure: a setting is of no use; the message says which.
    """
    try:
        return settings.read(Path(sys.executable))
    except CertificateProblem as problem:
        raise EnvironmentFailure(str(problem)) from problem
    except OfflineProblem as problem:
        raise EnvironmentFailure(
            f"{problem}; to install from an index again: `bin/hybrid setup`"
        ) from problem


def _install(python: Path, *arguments: str) -> None:
    supply = read_supply()
    install = ("pip", "install", "--quiet", "--require-hashes", *supply.uv_arguments())
    _uv(*install, "--python", str(python), *arguments, supply=supply)


def _uv(*arguments: str, supply: settings.Supply | None = None) -> None:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [str(uv), *arguments],
        # Not where the user is: uv takes the settings of the project that it is called in.
        cwd=ROOT,
        env=supply.for_uv() if supply else None,
        capture_output=True,
        text=True,
        check=False,
        umask=UMASK,
        errors="replace",
    )
    if done.returncode:
        secrets = supply.secrets() if supply else []
        raise EnvironmentFailure(words.failure(f"uv {' '.join(arguments[:2])}", done.stderr, secrets=secrets))
