"""Installs the package `tiny` by uv and by pip, and asks npm for it: each as the project does it.

Run by the tests as a process of its own: `python install.py DIRECTORY TOOL…`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from private_index import locked, tiny

from workspace import environments, node
from workspace.environments import EnvironmentFailure, PythonEnvironment
from workspace.supply import certificates


def main(directory: Path, tools: list[str]) -> None:
    """Install into a directory.

    Raises:
        EnvironmentFailure: as the command line shows it.
    """
    certificates.BUNDLES = directory / "certificates"
    supply = environments.read_supply()
    if "uv" in tools:
        lock = directory / "requirements.txt"
        if not lock.exists():
            lock.write_text(locked("tiny", "1.0", tiny()))
        environments.ENVIRONMENTS = directory / "envs"
        made = PythonEnvironment("tiny", (lock,)).ensure()
        subprocess.run([str(made.python), "-c", "import tiny"], check=True)
    if "pip" in tools:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(directory), "tiny==1.0"]
        subprocess.run(command, check=True, env=supply.for_pip())
    if "npm" in tools:
        node.npm(supply, "pack", "tiny@1.0.0", directory=directory)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2:])
    except EnvironmentFailure as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
