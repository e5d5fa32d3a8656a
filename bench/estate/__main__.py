"""Time and memory of `bin/hybrid validate` by pipelines and files.

    .venv/bin/python -m bench.estate --pipelines 300 --files 40

Compares one estate in one file with the same in several, in one run; prints medians of `--times` and the peak
memory of the process, the start of Python included.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from workspace.paths import ROOT

_HEAD = {
    "environment": {"name": "acme", "region": "eu-west-1", "account": "111122223333"},
    "network": {"availability_zones": ["eu-west-1a", "eu-west-1b"]},
    "sites": {"factory": {"kind": "anywhere"}},
    "sources": {"erp": {"site": "factory", "engine": "postgresql", "defaults": {"retries": 3}}},
}


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.estate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pipelines", type=int, default=300)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--times", type=int, default=5)
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, PyYAML {yaml.__version__}, {os.cpu_count()} processors")
    print(f"{'files':>6} {'pipelines':>10} {'median s':>9} {'CPU s':>6} {'peak MiB':>9}")
    for files in (1, chosen.files):
        with tempfile.TemporaryDirectory() as directory:
            estate = _written(Path(directory), pipelines=chosen.pipelines, files=files)
            seconds, cpu, peak = zip(*(_validate(estate) for _ in range(chosen.times)), strict=True)
        medians = f"{statistics.median(seconds):>9.2f} {statistics.median(cpu):>6.2f}"
        print(f"{files:>6} {chosen.pipelines:>10} {medians} {max(peak):>9.0f}")
    return 0


def _written(directory: Path, *, pipelines: int, files: int) -> Path:
    described = {f"p{number}": _pipeline(number) for number in range(pipelines)}
    whole = directory / "hybrid.yaml"
    if files == 1:
        whole.write_text(yaml.safe_dump(_HEAD | {"pipelines": described}))
        return whole
    whole.write_text(yaml.safe_dump(_HEAD | {"include": ["teams/*.yaml"]}))
    (directory / "teams").mkdir()
    for number in range(files):
        part = {name: one for index, (name, one) in enumerate(described.items()) if index % files == number}
        (directory / "teams" / f"{number}.yaml").write_text(yaml.safe_dump({"pipelines": part}))
    return whole


def _pipeline(number: int) -> dict[str, object]:
    return {
        "source": "erp",
        "query": f"select id, name, total, updated_at\nfrom orders_{number}\nwhere total > :least",
        "parameters": {"least": 10},
        "schedule": "0 3 * * *",
        "incremental_column": "updated_at",
        "masks": {"name": {"kind": "hash"}},
        "expect": {"rows": {"min": 1}, "unique": ["id"]},
        "tags": ["orders", f"team-{number % 40}"],
    }


def _validate(estate: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MiB of one process."""
    began = time.monotonic()
    process = subprocess.Popen([ROOT / "bin" / "hybrid", "validate", estate], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{estate} is not valid")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
