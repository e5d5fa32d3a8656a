"""Imports go in one direction: between the parts, between the layers of a part, and in no circle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from workspace.paths import DAGS, ETL, ROOT

#: Of pyproject.toml's [tool.importlinter].
_PACKAGES = ("stacks", "constructs", "sandbox", "hybrid", "workspace", "etl", "dags")


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    sources = (
        root,
        root / "constructs",
        root / ETL.relative_to(ROOT),
        root / DAGS.relative_to(ROOT) / "plugin",
    )
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources)), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_go_in_one_direction() -> None:
    done = _lint(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_an_import_against_the_direction_is_found(tmp_path: Path) -> None:
    # Given a copy of the clone in which the estate imports the sandbox, and modules import each other
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "hybrid" / "estate" / "naming.py").open("a") as file:
        file.write("\nimport sandbox.wire  # noqa: E402\n")
    with (tmp_path / "etl" / "hybrid_etl" / "errors.py").open("a") as file:
        file.write("\nfrom hybrid_etl import run\n")

    # When it is read
    done = _lint(tmp_path)

    # Then both are told
    assert done.returncode == 1, done.stdout + done.stderr
    assert "hybrid.estate.naming -> sandbox.wire" in done.stdout
    assert "No cycles are allowed in hybrid_etl" in done.stdout
