"""A company's network: its authority, its index, and a machine on which nothing else is set."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_index import UV_VERSION, Authority, Index, Machine, make_authority, running, tiny, uv_that_calls


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def packages() -> dict[str, bytes]:
    """File name → bytes of the packages that an index has: `tiny`, and uv."""
    uv = uv_that_calls(Path(sys.executable).parent / "uv")
    return {"tiny-1.0-py3-none-any.whl": tiny(), f"uv-{UV_VERSION}-py3-none-any.whl": uv}


@pytest.fixture
def index(authority: Authority, packages: dict[str, bytes]) -> Iterator[Index]:
    with running(authority, packages) as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """`machine(command, VARIABLE=…)` on a machine with an empty home, and nothing set but these variables."""
    home = tmp_path / "home"
    home.mkdir()

    def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            # PIP_CONFIG_FILE as the null device: pip reads no file of the machine that the tests run on.
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "PIP_CONFIG_FILE": os.devnull,
                "UV_HTTP_RETRIES": "0",
                "PIP_RETRIES": "0",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run
