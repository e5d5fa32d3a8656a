"""The lock files: which there are, what each is made from, and how they are made anew.

Every lock file names each package with its version and the hashes of all its files, so that an index, a
mirror or a proxy can deliver these files and no others.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workspace.environments import EnvironmentFailure, read_supply
from workspace.paths import ROOT
from workspace.supply import words

#: The oldest Python that the parts run on; the locks hold for it and for later ones.
PYTHON = "3.11"


class LockFailure(Exception):
    """uv could not make a lock file; the message holds what it wrote."""


@dataclass(frozen=True)
class Lock:
    """A lock file.

    Attributes:
        made_from: the file that names what is wanted.
        bounds: lock files whose versions it keeps, because both go into one environment.
    """

    file: Path
    made_from: Path
    bounds: tuple[Path, ...] = ()

    def make(self, *, upgrade: bool) -> None:
        """Write the lock anew. Versions stay as they are, unless they are asked to go up.

        Raises:
            LockFailure: uv found no versions that fit, or reached no index.
        """
        command = [
            *(str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet"),
            *("--no-config", "--universal", "--python-version", PYTHON, "--generate-hashes"),
            *("--custom-compile-command", "bin/hybrid lock"),
            *(["--upgrade"] if upgrade else []),
            *(argument for bound in self.bounds for argument in ("--constraint", _name(bound))),
            *("--output-file", _name(self.file), _name(self.made_from)),
        ]
        try:
            supply = read_supply()
        except EnvironmentFailure as failure:
            raise LockFailure(str(failure)) from failure
        # A mirror in part, as a second index often is, has some of a version's files: a lock that names these
        # alone is of no use on another machine.
        told = supply.for_uv_with_one_index()
        done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
        if done.returncode:
            what = f"uv pip compile of {_name(self.file)}"
            raise LockFailure(words.failure(what, done.stderr, secrets=supply.secrets()))

    @property
    def name(self) -> str:
        """Its path in the clone."""
        return _name(self.file)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _beside(place: str, *, made_from: str | None = None, bounds: tuple[str, ...] = ()) -> Lock:
    file = ROOT / f"{place}.txt"
    return Lock(file, ROOT / (made_from or f"{place}.in"), tuple(ROOT / f"{bound}.txt" for bound in bounds))


#: In an order in which each comes after its bounds.
LOCKS = (
    _beside("requirements"),
    _beside("requirements-dev", bounds=("requirements",)),
    _beside("docs/requirements"),
    _beside("sandbox/requirements-databases"),
    _beside("sandbox/requirements-emulator"),
    _beside("etl/requirements", made_from="etl/pyproject.toml"),
    _beside("etl/requirements-test", bounds=("etl/requirements",)),
    _beside("etl/image/requirements-sbom"),
    _beside("dags/requirements-local"),
    _beside("dags/requirements-test", bounds=("dags/requirements-local",)),
    *(_beside(f"tests/dags/matrix/{airflow}") for airflow in ("3.0.6", "3.2.1", "newest")),
    _beside("tests/fleet/requirements-ansible"),
    _beside("bench/extract/requirements-airflow"),
    _beside("bench/extract/requirements-peers"),
    _beside("bench/dags/requirements-dag-factory", bounds=("dags/requirements-local",)),
    _beside("bench/mutation/requirements"),
)
