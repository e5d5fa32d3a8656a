"""plugins.zip of the MWAA environment: the wheel of the Airflow layer, under another name.

MWAA unpacks plugins.zip into a directory on `sys.path` of scheduler, worker, triggerer and web server,
and a wheel is a zip of just what belongs there. hatchling builds reproducibly, so equal sources give
equal bytes and the content hash in the object's path changes only with the sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from workspace.paths import PLUGIN

#: Files of a zip cannot be older than 1980; the moment itself means nothing.
_SOURCE_DATE_EPOCH = "315532800"


def build_plugins_zip(target: Path, *, source: Path = PLUGIN) -> Path:
    """Build the wheel of a source root and put it at `target`.

    Raises:
        RuntimeError: the build failed; the message holds the last line that it wrote.
    """
    with tempfile.TemporaryDirectory() as directory:
        built = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", directory],
            cwd=source,
            env={**os.environ, "SOURCE_DATE_EPOCH": _SOURCE_DATE_EPOCH},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            lines = (built.stderr or built.stdout).strip().splitlines()
            raise RuntimeError(f"{source}: the wheel cannot be built: {lines[-1] if lines else 'no output'}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(next(Path(directory).glob("*.whl")), target)
    return target
