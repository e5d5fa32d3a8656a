"""An engine, a sink and a kind of site are one file each: they are added to a copy of the clone, and run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workspace.environments import ETL_PROCESS
from workspace.paths import ROOT

pytestmark = pytest.mark.slow

_HERE = Path(__file__).resolve().parent
#: What of the clone the CDK app and the command line read.
_COPIED = (
    "app.py",
    "cdk.json",
    "pyproject.toml",
    "stacks",
    "constructs",
    "hybrid",
    "workspace",
    "contracts",
    "dags",
    "etl",
    "rules",
)
_ADDED = {
    "sqlite_engine.py": "etl/hybrid_etl/engines/sqlite.py",
    "folder_sink.py": "etl/hybrid_etl/sinks/flat.py",
    "rack_site.py": "hybrid/estate/site_kinds/rack.py",
}
_ESTATE = """\
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {cellar: {kind: rack, slots: 3}}
sources: {notes: {site: cellar, engine: sqlite, memory: MEMORY}}
pipelines:
  notes: {source: notes, query: "select id, word from notes where id >= :least", parameters: {least: 2}}
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the clone with one file more for each of the three, and the contract made anew."""
    place = tmp_path_factory.mktemp("clone")
    for name in _COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(source, place / name, ignore=ignored) if source.is_dir() else shutil.copy(
            source, place
        )
    for name, target in _ADDED.items():
        shutil.copy(_HERE / name, place / target)
    engines = _python(place, "-m", "hybrid_etl.engines", path=[place / "etl"])
    (place / "contracts" / "engines.json").write_text(engines.stdout)
    return place


def _python(
    place: Path, *arguments: str, path: list[Path], program: Path | str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Python with the copy's packages, and with none of this clone's."""
    paths = os.pathsep.join(map(str, path))
    return subprocess.run(
        [str(program), "-P", *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": paths, "AWS_EC2_METADATA_DISABLED": "true", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _validate(clone: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return _python(clone, "-m", "hybrid", "validate", str(file), path=[clone, clone / "constructs"])


def test_an_estate_may_name_the_engine_and_the_kind_and_is_held_to_their_rules(
    clone: Path, tmp_path: Path
) -> None:
    fits, large, wrong = tmp_path / "fits.yaml", tmp_path / "large.yaml", tmp_path / "wrong.yaml"
    fits.write_text(_ESTATE.replace("MEMORY", "512"))
    large.write_text(_ESTATE.replace("MEMORY", "4096"))
    wrong.write_text(_ESTATE.replace("MEMORY", "512").replace("kind: rack", "kind: attic"))

    assert _validate(clone, fits).returncode == 0
    assert (
        "sources.notes.memory: a rack has 2048 MiB for a container, not 4096"
        in _validate(clone, large).stderr
    )
    assert "`rack` (EC2 instances of a rack)" in _validate(clone, wrong).stderr


def test_the_estate_synthesizes_with_the_task_definition_of_the_kind(clone: Path, tmp_path: Path) -> None:
    # Given an estate whose only site is of the new kind
    file = tmp_path / "hybrid.yaml"
    file.write_text(_ESTATE.replace("MEMORY", "512"))
    context = json.loads((clone / "cdk.json").read_text())["context"] | {"estate": str(file)}

    # When it is synthesized
    done = _python(
        clone,
        "app.py",
        path=[clone, clone / "constructs"],
        CDK_OUTDIR=str(tmp_path / "out"),
        CDK_CONTEXT_JSON=json.dumps(context),
    )

    # Then its task definition is for EC2, and Airflow may run it and has no liveness gate for it
    assert done.returncode == 0, done.stderr
    site = json.loads((tmp_path / "out" / "hybrid-acme-site-cellar.template.json").read_text())
    (task,) = [r for r in site["Resources"].values() if r["Type"] == "AWS::ECS::TaskDefinition"]
    assert task["Properties"]["RequiresCompatibilities"] == ["EC2"]
    airflow = (tmp_path / "out" / "hybrid-acme-airflow.template.json").read_text()
    assert "hybrid-acme-notes" in airflow
    assert "ListContainerInstances" not in airflow


def test_the_container_reads_the_engine_and_lands_in_the_sink(clone: Path, tmp_path: Path) -> None:
    # Given a database of the new engine
    database = sqlite3.connect(tmp_path / "notes.db")
    database.execute("create table notes (id integer, word text)")
    database.executemany("insert into notes values (?, ?)", [(1, "a"), (2, "é"), (3, None)])
    database.commit()
    specification = _specification()
    content = json.dumps(specification, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / f"{digest}.json").write_bytes(content)
    secret = {"host": "here", "username": "u", "password": "p", "dbname": str(tmp_path / "notes.db")}
    (tmp_path / "secret.json").write_text(json.dumps({**secret, "engine": "sqlite"}))

    # When its pipeline runs into the new sink, twice
    for attempt in ("first", "second"):
        done = _python(
            tmp_path,
            *("-m", "hybrid_etl", "run", digest, "--full", "--attempt", attempt),
            path=[clone / "etl"],
            program=ETL_PROCESS.python,
            HYBRID_SPECIFICATIONS=f"file://{tmp_path}",
            HYBRID_SECRET=f"file://{tmp_path}/secret.json",
            HYBRID_LAKE=f"flat://{tmp_path}/lake",
        )
        assert done.returncode == 0, done.stdout + done.stderr

    # Then the rows are there, once, with a receipt that says where from
    receipt = json.loads((tmp_path / "lake" / "notes!notes!interval=full!_manifest.json").read_text())
    assert (receipt["rows"], receipt["attempt"], receipt["database"]["engine"]) == (2, "second", "sqlite")
    (file,) = receipt["files"]
    rows = [json.loads(line) for line in (tmp_path / "lake" / file["key"].replace("/", "!")).open()]
    assert rows == [{"id": 2, "word": "é"}, {"id": 3, "word": None}]


def _specification() -> dict[str, Any]:
    return {
        "version": 1,
        "estate": "acme",
        "site": "cellar",
        "source": "notes",
        "pipeline": "notes",
        "engine": "sqlite",
        "query": "select id, word from notes where id >= :least",
        "parameters": {"least": 2},
        "prefix": "notes/notes",
        "format": {"type": "jsonl", "compression": "none"},
    }
