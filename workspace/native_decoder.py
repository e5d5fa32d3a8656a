"""The container's native decoder in a clone, compiled where a C compiler is."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from workspace.files import exclusively, write_whole
from workspace.paths import ETL, STATE

_SOURCES = ETL / "hybrid_etl" / "native"
LIBRARY = _SOURCES / "decoder.so"
_STAMP = STATE / "native-decoder.made-from"
#: As `hybrid_etl.native.build` looks for one.
_COMPILERS = ("cc", "gcc", "clang")


def build(python: Path) -> None:
    """Compile it, if it is missing or of other sources.

    Without a compiler, or where it refuses, there is none; a run then says that it decodes in plain Python
    and what to do.

    Args:
        python: interpreter of the container's environment.
    """
    wanted = _digest()
    if is_current(wanted) or not has_compiler():
        return
    with exclusively(_STAMP):
        if is_current(wanted):
            return
        done = subprocess.run(
            [str(python), "-m", "hybrid_etl.native.build"],
            env={**os.environ, "PYTHONPATH": str(ETL)},
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            write_whole(_STAMP, wanted, mode=0o644)


def is_current(wanted: str | None = None) -> bool:
    """Whether it is there and of the sources as they are now."""
    return LIBRARY.is_file() and _STAMP.is_file() and _STAMP.read_text() == (wanted or _digest())


def has_compiler() -> bool:
    """Whether this machine has a C compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CC", ""), *_COMPILERS) if name)


def _digest() -> str:
    digest = hashlib.sha256()
    for file in sorted([*_SOURCES.glob("*.c"), *_SOURCES.glob("*.h")]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
