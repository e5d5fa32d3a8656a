"""What bin/hybrid runs in a new .venv: installs uv by pip, and by uv the rest of the command line.

Run as a file with nothing installed: `python workspace/supply/first.py [arguments of bin/hybrid]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from workspace.paths import ROOT
from workspace.supply import settings, words
from workspace.supply.certificates import CertificateProblem
from workspace.supply.offline import OfflineProblem, asked_for

_LOCK = ROOT / "requirements.txt"


def main(arguments: list[str]) -> int:
    """Install, and say why not; returns the exit code."""
    try:
        offline = asked_for(arguments)
        if offline is None and arguments[:1] == ["setup"]:
            settings.keep_offline(None)
        supply = settings.read(Path(sys.executable), offline=offline)
        _install(supply)
    except (CertificateProblem, OfflineProblem) as problem:
        return _say(str(problem), code=2)
    except _InstallFailure as failure:
        return _say(str(failure), code=1)
    packages = Path(sysconfig.get_path("purelib"))
    # Relative: Python reads such a file in the character set of the locale, and a path may have letters
    # that LC_ALL=C does not (Python, "site").
    root = os.path.relpath(ROOT, packages)
    (packages / "hybrid.pth").write_text(f"{root}\n{root}/constructs\n", encoding="ascii")
    return 0


class _InstallFailure(Exception):
    """Words for the user."""


def _install(supply: settings.Supply) -> None:
    pip = [sys.executable, "-m", "pip", *(["--isolated"] if supply.offline else [])]
    uv = Path(sys.executable).parent / "uv"
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lock:
        lock.write(pinned("uv", _LOCK.read_text(encoding="utf-8")))
        lock.flush()
        # Not quiet: why an index was left out pip says in between, and only that lets one know what to do.
        options = ["--no-deps", "--require-hashes", *supply.pip_arguments(), "-r", lock.name]
        _run(supply, [*pip, "install", *options], supply.for_pip(), "pip install uv")
    quiet = ["--quiet", "--require-hashes", *supply.uv_arguments()]
    command = [str(uv), "pip", "install", *quiet, "--python", sys.executable, "-r", str(_LOCK)]
    _run(supply, command, supply.for_uv(), "uv pip install")


def pinned(name: str, lock: str) -> str:
    """The lines of a lock file for one package: its version and its hashes."""
    lines = lock.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(f"{name}=="))
    last = first
    while lines[last].rstrip().endswith("\\"):
        last += 1
    return "\n".join(lines[first : last + 1]) + "\n"


def _run(supply: settings.Supply, command: list[str], environ: dict[str, str], what: str) -> None:
    # From the clone: uv reads the settings of the project that it is called in.
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, errors="replace"
    )
    if done.returncode:
        raise _InstallFailure(words.failure(what, done.stdout + done.stderr, secrets=supply.secrets()))


def _say(message: str, *, code: int) -> int:
    print(f"hybrid: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
