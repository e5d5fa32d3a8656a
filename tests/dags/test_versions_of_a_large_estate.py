"""Thirty edits of an estate of 300 pipelines: each makes new versions of those DAGs alone that it is of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from airflow_server import edit
from test_dag_factory import serialized

from hybrid_airflow.factory import build_dags

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PIPELINES, SITES, EDITS = 300, 10, 30
SEED = int(os.environ.get("HYBRID_TEST_SEED", "4"))


def part(number: int) -> dict[str, Any]:
    """Each third pipeline is read in parts, each fifth waits for the one before, half read intervals."""
    site = f"site{number % SITES}"
    return {
        "version": 1,
        "pipeline": f"p{number}",
        "site": site,
        "source": site,
        "engine": "postgresql",
        "family": f"hybrid-acme-{site}",
        "container": "etl",
        "log_stream_prefix": f"{site}/etl",
        "specification": f"{number:064d}",
        "prefix": f"{site}/p{number}",
        "query": f"select {number}",
        "uses_interval": number % 2 == 0,
        "schedule": "after" if number % 5 == 4 else "@daily",
        "after": [f"p{number - 1}"] if number % 5 == 4 else [],
        "parts": 3 if number % 3 == 0 else None,
        "deadline_seconds": 3600 if number % 7 == 0 else None,
    }


class Estate:
    """One in a directory, and what an edit of it may make new versions of."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.parts = {f"p{number}": part(number) for number in range(PIPELINES)}
        self.sites = {
            f"site{number}": {
                "launch_type": "EXTERNAL",
                "cluster": f"hybrid-acme-site{number}",
                "log_group": f"/hybrid/acme/site{number}",
                "pool": f"site-site{number}",
                "slots": 8,
            }
            for number in range(SITES)
        }
        (directory / "manifest").mkdir()
        for name in self.parts:
            self.write(name)
        self.write_estate()

    def write(self, name: str) -> None:
        (self.directory / "manifest" / f"{name}.json").write_text(json.dumps(self.parts[name]))

    def write_estate(self) -> None:
        manifest = {"version": 1, "estate": "acme", "region": "eu-west-1", "lake_bucket": "lake"}
        (self.directory / "manifest.json").write_text(
            json.dumps({**manifest, "sites": self.sites, "pipelines": sorted(self.parts), "dags": {}})
        )

    def edit(self, kind: str, chance: Random) -> set[str]:
        """Do an edit; the pipelines whose DAGs it is of."""
        name = chance.choice(sorted(self.parts))
        site = chance.choice(sorted(self.sites))
        if kind == "add":
            number = PIPELINES + chance.randrange(10_000)
            self.parts[f"p{number}"] = part(number) | {"schedule": "@daily", "after": []}
            self.write(f"p{number}")
            self.write_estate()
            return {f"p{number}"}
        if kind == "remove":
            name = chance.choice(
                sorted(set(self.parts) - {w for p in self.parts.values() for w in p["after"]})
            )
            del self.parts[name]
            self.write_estate()
            return {name}
        if kind in {"slots", "log_group"}:
            self.sites[site][kind] = 5 if kind == "slots" else f"/another/{chance.random()}"
            self.write_estate()
            return set() if kind == "slots" else {one for one, p in self.parts.items() if p["site"] == site}
        self.parts[name][kind] = f"changed {chance.random()}"
        edit(self.directory / "manifest" / f"{name}.json", **{kind: self.parts[name][kind]})
        waiting = {one for one, p in self.parts.items() if name in p["after"]}
        return {name} | (waiting if kind == "prefix" else set())


def versions(directory: Path) -> dict[str, str]:
    """Pipeline → what Airflow stores of its DAG."""
    return {
        dag_id.removeprefix("acme-"): json.dumps(serialized(dag), sort_keys=True, default=str)
        for dag_id, dag in build_dags(directory).items()
    }


def test_each_edit_makes_versions_of_the_dags_that_it_is_of_and_no_other(tmp_path: Path) -> None:
    # Given an estate of 300 pipelines
    chance, estate = Random(SEED), Estate(tmp_path)
    kinds = ["description", "query", "prefix", "owner", "add", "remove", "slots", "log_group"]
    before = versions(tmp_path)
    assert len(before) == PIPELINES
    for number in range(EDITS):
        # When it is edited
        kind = kinds[number] if number < len(kinds) else chance.choice(kinds)
        of = estate.edit(kind, chance)
        after = versions(tmp_path)
        # Then those that the edit is of are new, and no other
        new = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert new == of, kind
        before = after
