"""A database with customers, and the command line that runs a pipeline against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from hybrid.paths import ROOT

#: The private servers of the container's tests. By its file: that folder has a conftest of its own.
_SPEC = spec_from_file_location("etl_servers", ROOT / "tests" / "etl" / "servers.py")
assert _SPEC is not None
assert _SPEC.loader is not None
servers = module_from_spec(_SPEC)
sys.modules[_SPEC.name] = servers
_SPEC.loader.exec_module(servers)

ESTATE = """\
environment: {name: trial, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {cellar: {kind: anywhere}}
sources: {shop: {site: cellar, engine: postgresql}}
pipelines:
  customers:
    source: shop
    query: select id, email, day from customers order by id
    masks: {email: {kind: redact}}
  daily:
    source: shop
    query: select id, day from customers
    incremental_column: day
"""
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


def say(server: Any, statement: str) -> None:
    """SQL, by the server's own client."""
    address = f"postgresql://{server.username}@{server.host}:{server.port}/{server.dbname}"
    subprocess.run(
        [str(servers.program("psql")), "-q", address, "-c", statement],
        env={**os.environ, "PGPASSWORD": server.password},
        check=True,
    )


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
