"""Measures `cdk synth`: time, peak memory, and whether two runs give the same bytes.

.venv/bin/python bench/synth.py [--runs 3] [--estate hybrid.yaml]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def synthesize(estate: Path, out: Path) -> tuple[float, float]:
    """Seconds and peak MiB (the largest process) of one `cdk synth`."""
    start = time.monotonic()
    command = [ROOT / "bin" / "hybrid", "cdk", "synth", "--quiet", "-o", out, "-c", f"estate={estate}"]
    process = subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"cdk synth ended with exit code {process.returncode}"
    return time.monotonic() - start, usage.ru_maxrss / 1024


def digest(out: Path) -> str:
    """One hash over the templates of an assembly."""
    whole = hashlib.sha256()
    for path in sorted(out.glob("*.template.json")):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--estate", type=Path, default=ROOT / "hybrid.yaml")
    arguments = parser.parse_args()
    seconds, memory, digests = [], [], set()
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as directory:
            took, peak = synthesize(arguments.estate, Path(directory))
            seconds.append(took)
            memory.append(peak)
            digests.add(digest(Path(directory)))
    print(
        f"aws-cdk-lib {version('aws-cdk-lib')}, cdk-nag {version('cdk-nag')}, "
        f"Python {platform.python_version()}"
    )
    print(f"cdk synth with all checks, {arguments.runs} runs of {arguments.estate.name}:")
    print(f"  seconds   median {statistics.median(seconds):6.1f}  ({min(seconds):.1f} to {max(seconds):.1f})")
    print(f"  peak MiB  median {statistics.median(memory):6.0f}  ({min(memory):.0f} to {max(memory):.0f})")
    print(f"  templates {'identical to the byte' if len(digests) == 1 else 'DIFFER between runs'}")


if __name__ == "__main__":
    main()
