"""`python -m hybrid_etl.native.build`: compile the decoder with the machine's C compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hybrid_etl.native.sources import DIRECTORY, LIBRARY, source_digest

FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")


class CompilerFailure(Exception):
    """There is no compiler, or it refused; the text says which."""


def compile_library(target: Path = LIBRARY) -> Path:
    """Compile the C sources into one shared library, put in place in one step.

    Needs a C11 compiler for gcc's dialect (`$CC`, cc, gcc or clang) and no headers beyond the C library's.
    Raises CompilerFailure.
    """
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CC", ""), "cc", "gcc", "clang"))), None)
    if compiler is None:
        raise CompilerFailure("no C compiler (cc, gcc or clang) on PATH; install one, or do without")
    sources = [str(path) for path in sorted(DIRECTORY.glob("*.c"))]
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        made = Path(directory) / target.name
        digest = f'-DSOURCE_DIGEST="{source_digest()}"'
        done = subprocess.run(
            [compiler, *FLAGS, digest, *sources, "-o", str(made)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CompilerFailure(f"{compiler} failed:\n{done.stderr.strip()}")
        made.replace(target)
    return target


def main() -> int:
    """Compile and say where the library is; 1 when it could not be made."""
    try:
        sys.stdout.write(f"{compile_library()}\n")
    except CompilerFailure as error:
        sys.stderr.write(f"The native decoder was not built: {error}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
