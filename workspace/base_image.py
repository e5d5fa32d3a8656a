"""The base of the ETL container's image: whatever it is, packages are installed for its Python."""

from __future__ import annotations

import os
import re
import subprocess

from workspace.environments import EnvironmentFailure
from workspace.paths import ETL

#: The base of the image; without it the Dockerfile's own default, the public slim Python image.
BASE_VARIABLE = "HYBRID_BASE_IMAGE"


def python_of_the_base() -> str:
    """Version of the base's Python, as `3.12`.

    Raises:
        EnvironmentFailure: the base that the variable names could not be asked.
    """
    if name := os.environ.get(BASE_VARIABLE):
        asked = "import sys; print('%d.%d' % sys.version_info[:2])"
        command = ["docker", "run", "--rm", "--entrypoint", "python3", name, "-c", asked]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            said, why = done.stdout.strip(), done.stderr.strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            said, why = "", str(error)
        if not said:
            raise EnvironmentFailure(
                f"{BASE_VARIABLE} names {name}, whose Python could not be asked for its version: {why}"
            )
        return said
    base = re.search(r"^ARG BASE=python:(\d+\.\d+)", (ETL / "Dockerfile").read_text(), re.MULTILINE)
    if base is None:
        raise EnvironmentFailure(f"{ETL / 'Dockerfile'} does not say which Python its base has")
    return base[1]
