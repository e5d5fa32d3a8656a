"""How long the commands that everybody types first take, as a user waits for them: median of several starts.

    .venv/bin/python bench/cli/start.py

Asked of them (issue "The first hour"): `--help` in under 0.3 s, `validate` in under 0.5 s. Nothing asserts a
time, for machines differ; tests/cli/test_first_words.py holds what is imported, from which the time comes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    ["--version"],
    ["--help"],
    ["sites", "--help"],
    ["demo", "--help"],
    ["run", "--help"],
    ["demmo"],
    ["validate", "hybrid.yaml"],
    ["schema"],
    ["demo", "status"],
)


def median_seconds(command: list[str], *, starts: int) -> float:
    """Median of the seconds from the start of the process to its end, after one start that warms the disk."""
    taken = []
    for _ in range(starts + 1):
        begun = time.perf_counter()
        subprocess.run([str(ROOT / "bin" / "hybrid"), *command], cwd=ROOT, capture_output=True, check=False)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=11, help="starts of each command (11)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    asked = parser.parse_args()
    found = {" ".join(command): median_seconds(command, starts=asked.starts) for command in COMMANDS}
    if asked.json:
        json.dump(found, sys.stdout, indent=2)
        return
    for command, seconds in found.items():
        print(f"{seconds * 1000:6.0f} ms  bin/hybrid {command}")


if __name__ == "__main__":
    main()
