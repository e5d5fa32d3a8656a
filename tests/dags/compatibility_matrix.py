"""Runs the tests of the Airflow layer on each Airflow that MWAA offers, and on the newest.

    python tests/dags/compatibility_matrix.py [--only 3.0.6] [--uv uv] [-- -k factory]

Each version gets an environment of its own, made by uv in a temporary directory and removed again. What
follows `--` goes to pytest. Exit code 1 when one fails. The table of versions is that of the Amazon MWAA
User Guide, "Apache Airflow versions", read 2026-11-22.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parent
#: Airflow and its Amazon provider; an empty version is the newest.
MATRIX = (("3.3.1", "9.34.0"), ("3.2.1", "9.25.0"), ("3.0.6", "9.12.0"), ("", ""))


def requirements(airflow: str, provider: str) -> list[str]:
    """What to install for one row."""
    pinned = [f"=={number}" if number else "" for number in (airflow, provider)]
    names = [f"apache-airflow{pinned[0]}", f"apache-airflow-providers-amazon[aiobotocore]{pinned[1]}"]
    return [*names, "pytest", "hatchling"]


def try_on(airflow: str, provider: str, *, uv: str, python: str, options: Sequence[str]) -> tuple[bool, str]:
    """Whether the tests pass on one row, and pytest's last line or why there was none."""
    with tempfile.TemporaryDirectory(prefix="airflow-matrix-") as name:
        environment = Path(name) / "env"
        subprocess.run([uv, "venv", "-q", "--python", python, str(environment)], check=True, timeout=300)
        interpreter = environment / "bin" / "python"
        install = [uv, "pip", "install", "-q", "--python", str(interpreter), *requirements(airflow, provider)]
        installed = subprocess.run(install, capture_output=True, text=True, timeout=900, check=False)
        if installed.returncode:
            return False, f"does not install: {installed.stderr.strip().splitlines()[-1]}"
        home = Path(name) / "home"
        surroundings = {**os.environ, "AIRFLOW_HOME": str(home)}
        tests = subprocess.run(
            [str(interpreter), "-m", "pytest", str(TESTS), "-q", "-p", "no:cacheprovider", *options],
            capture_output=True,
            text=True,
            timeout=3600,
            check=False,
            env=surroundings,
        )
        sys.stderr.write("".join(f"  {line}\n" for line in tests.stdout.splitlines() if line[:6] in _SHOWN))
        return tests.returncode == 0, (tests.stdout.strip().splitlines() or [tests.stderr[-300:]])[-1]


_SHOWN = ("FAILED", "ERROR ")


def main() -> int:
    """Print one line a version."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="one Airflow version of the table, or 'newest'")
    parser.add_argument("--uv", default="uv", help="the uv to use")
    parser.add_argument("--python", default="3.11", help="version or path of Python")
    parser.add_argument("options", nargs="*", help="options for pytest, after --")
    arguments = parser.parse_args()
    failed = False
    for airflow, provider in MATRIX:
        label = airflow or "newest"
        if arguments.only and arguments.only != label:
            continue
        passed, said = try_on(
            airflow, provider, uv=arguments.uv, python=arguments.python, options=arguments.options
        )
        failed |= not passed
        print(
            f"Airflow {label:<8} amazon {provider or 'newest':<8} {'ok    ' if passed else 'FAILED'}  {said}",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
