"""What each use of a clone needs: the demo, deploying to an account, the tests."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from workspace.environments import (
    AIRFLOW,
    AIRFLOW_MATRIX,
    BILL_OF_MATERIALS,
    DATABASES,
    DOCS,
    EMULATOR,
    ETL_PROCESS,
    PythonEnvironment,
)
from workspace.paths import ETL, ROOT


class Purpose(StrEnum):
    """What somebody wants to do with a clone."""

    DEMO = "demo"
    DEPLOY = "deploy"
    TEST = "test"


#: The lock file of the command line and the CDK app, which are installed in .venv before anything else.
COMMAND_LINE = ROOT / "requirements.txt"
#: What the tests add to .venv.
DEVELOPMENT = ROOT / "requirements-dev.txt"
#: Lock files of what `etl/Dockerfile` installs.
IMAGE = (ETL / "requirements.txt", ETL / "image" / "requirements-sbom.txt")

_SHARED = (EMULATOR, DATABASES, ETL_PROCESS, AIRFLOW)


def environments_for(purposes: Collection[Purpose]) -> list[PythonEnvironment]:
    """Environments beside .venv; deploying needs none."""
    wanted = [*(_SHARED if {Purpose.DEMO, Purpose.TEST} & set(purposes) else ())]
    return [
        *wanted,
        *((DOCS, BILL_OF_MATERIALS, *AIRFLOW_MATRIX.values()) if Purpose.TEST in purposes else ()),
    ]


def locks_for(purposes: Collection[Purpose]) -> list[Path]:
    """Lock files of all that is installed on this machine, .venv included."""
    found = [COMMAND_LINE, *([DEVELOPMENT] if Purpose.TEST in purposes else [])]
    for environment in environments_for(purposes):
        found += environment.requirements
    return found
