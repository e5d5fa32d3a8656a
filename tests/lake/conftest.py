"""A lake of files that the container's own writers made, and the command line that reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workspace.environments import ETL_PROCESS
from workspace.paths import ROOT

ESTATE = """\
environment: {name: lakeside, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {cellar: {kind: anywhere}}
sources: {shop: {site: cellar, engine: postgresql}}
pipelines:
  customers-regional: {source: shop, query: select 1 as id}
  daily: {source: shop, query: select 1 as id}
  orders-regional: {source: shop, query: select 1 as id}
  never-run: {source: shop, query: select 1 as id}
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def day(number: int) -> list[str]:
    """The interval of a day of November 2026."""
    return [f"2026-11-{number:02d}T00:00:00+00:00", f"2026-11-{number + 1:02d}T00:00:00+00:00"]


def land(root: Path, plans: list[dict[str, Any]]) -> None:
    """Land what `tests/etl/landing.py` is asked for, by the environment of the container's code."""
    root.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(ETL_PROCESS.ensure().python), str(ROOT / "tests" / "etl" / "landing.py"), str(root)],
        input=json.dumps(plans),
        text=True,
        check=True,
    )


CUSTOMERS = {
    "pipeline": "customers-regional",
    "interval": None,
    "schema": {"id": "int32", "name": "string", "balance": "decimal"},
    "rows": [
        {"id": 1, "name": "Ada", "balance": "1.50"},
        {"id": 2, "name": "", "balance": None},
        {"id": 3, "name": None, "balance": "-0.01"},
    ],
    "masked": {"name": "redact"},
}


@pytest.fixture(scope="session")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot, and three days of a pipeline of which the second had another column, and was read again."""
    root = tmp_path_factory.mktemp("a lake")
    of_daily = {"pipeline": "daily", "schema": {"id": "int32"}, "file_format": {"type": "csv"}}
    land(
        root,
        [
            CUSTOMERS,
            {**of_daily, "interval": day(1), "rows": [{"id": 1}]},
            {
                **of_daily,
                "interval": day(2),
                "schema": {"id": "int64", "note": "string"},
                "rows": [{"id": 2, "note": "a,b"}],
            },
            {**of_daily, "interval": day(3), "rows": []},
            {
                **of_daily,
                "interval": [day(1)[0], day(2)[1]],
                "rows": [{"id": 1}, {"id": 2}],
                "finished_at": "2026-11-09T00:00:00+00:00",
            },
        ],
    )
    return root


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    path = tmp_path / "an estate" / "hybrid.yaml"
    path.parent.mkdir()
    path.write_text(ESTATE)
    return path


@pytest.fixture
def lake(estate: Path) -> Run:
    """`lake("ls", "--local", AWS_PROFILE="x")`: arguments of `bin/hybrid lake`, then variables."""

    def call(*arguments: str, given: str | None = None, **changed: str) -> subprocess.CompletedProcess[str]:
        command, *rest = arguments
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        # No test finds the credentials or the machine's role of whoever runs it.
        none = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
        return subprocess.run(
            [sys.executable, "-m", "hybrid", "lake", command, *rest, "--estate", str(estate)],
            cwd=ROOT,
            env={**own, **none, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **changed},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return call
