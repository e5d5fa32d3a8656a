"""A database with customers, and the command line that runs a pipeline against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workspace.paths import ROOT

sys.path.insert(0, str(Path(__file__).parent))
from trial_servers import ESTATE, say, servers

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def shop() -> Iterator[Any]:
    if not servers.program("initdb"):
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with (
        tempfile.TemporaryDirectory(prefix="hybrid-trial-", ignore_cleanup_errors=True) as directory,
        servers.postgresql(Path(directory)) as server,
    ):
        say(server, "create table customers (id int, email text, day timestamptz)")
        say(
            server,
            "insert into customers select n, 'c' || n || '@example.com', timestamptz '2026-11-01 12:00+00' "
            "+ n * interval '1 day' from generate_series(1, 5) n",
        )
        yield server


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    path = tmp_path / "an estate" / "hybrid.yaml"
    path.parent.mkdir()
    path.write_text(ESTATE)
    return path


@pytest.fixture
def environment(shop: Any) -> dict[str, str]:
    """The variables that a user sets once: where the database is, and its password."""
    return {
        **os.environ,
        "HYBRID_DATABASE": f"postgresql://{shop.username}@{shop.host}:{shop.port}/{shop.dbname}",
        "HYBRID_DATABASE_PASSWORD": shop.password,
    }


@pytest.fixture
def command(estate: Path) -> list[str]:
    """The command line up to the pipeline's name, with a lake beside the estate file."""
    lake = estate.parent / "lake"
    return [sys.executable, "-m", "hybrid", "run", "--estate", str(estate), "--lake", str(lake)]


@pytest.fixture
def run(command: list[str], environment: dict[str, str]) -> Run:
    """`run("customers", "--json", TMPDIR=…)`: arguments of `bin/hybrid run`, then changed variables."""

    def call(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env={**environment, **changed},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return call
