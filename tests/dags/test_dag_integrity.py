"""Every DAG file of a folder is held to what costs a night when it is broken. Made to be copied.

Copy it beside your own DAGs, and set `FOLDER` to where they and the manifest are.
"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow before 3.2
    from airflow.models.dagbag import DagBag

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
DAGS = HERE.parents[1] / "dags"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAG folder as it is deployed: DAG files beside the manifest."""
    folder = Path(shutil.copytree(HERE / "fixtures" / "estate", tmp_path_factory.mktemp("dags") / "dags"))
    for file in (*sorted(DAGS.glob("*.py")), *sorted((DAGS / "examples").glob("*.py"))):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def bag(folder: Path) -> Any:
    bag = DagBag(dag_folder=str(folder), collect_dags=False)
    for file in sorted(folder.glob("*.py")):
        bag.process_file(str(file), only_if_updated=False)
    return bag


def each_task(bag: Any) -> list[tuple[Any, Any]]:
    return [(dag, task) for dag in bag.dags.values() for task in dag.tasks]


def test_every_file_imports_and_has_a_dag(bag: Any, folder: Path) -> None:
    assert bag.import_errors == {}
    with_dags = {file.name for file in folder.glob("*.py")} - {"hybrid_faults.py"}
    assert {Path(dag.fileloc).name for dag in bag.dags.values()} == with_dags


def test_every_dag_says_what_it_is_and_can_be_found(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.doc_md, f"{dag.dag_id} has no page"
        assert dag.tags, f"{dag.dag_id} has no tag"


def test_every_pool_is_one_of_a_site_or_the_default(bag: Any, folder: Path) -> None:
    sites = json.loads((folder / "manifest.json").read_text())["sites"].values()
    known = {site["pool"] for site in sites} | {"default_pool"}
    for dag, task in each_task(bag):
        assert task.pool in known, f"{dag.dag_id}.{task.task_id} waits for ever: no pool {task.pool}"


def test_retries_are_few_and_do_not_hammer(bag: Any) -> None:
    for dag, task in each_task(bag):
        assert task.retries <= 5, f"{dag.dag_id}.{task.task_id} is tried {task.retries} times again"
        if task.retries:
            assert task.retry_delay >= timedelta(seconds=30), f"{dag.dag_id}.{task.task_id} does not wait"


def test_runs_at_once_are_bounded_where_a_dag_catches_up(bag: Any) -> None:
    for dag in bag.dags.values():
        if dag.catchup:
            assert dag.max_active_runs <= 4, f"{dag.dag_id} would run {dag.max_active_runs} intervals at once"


def test_an_asset_of_one_name_has_one_address(bag: Any) -> None:
    landed: dict[str, set[str]] = {}
    for _, task in each_task(bag):
        for outlet in task.outlets:
            landed.setdefault(outlet.name, set()).add(outlet.uri)
    assert all(len(uris) == 1 for uris in landed.values()), landed
