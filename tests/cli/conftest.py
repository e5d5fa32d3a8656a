"""The command line as a process of its own, as a shell starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from workspace.paths import ROOT

Hybrid = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hybrid() -> Hybrid:
    """`hybrid("sites", "list", AWS_PROFILE="work")`: arguments, then variables added to the environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hybrid", *arguments],
            cwd=ROOT,
            env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
