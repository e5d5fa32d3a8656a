"""A fault of one pipeline costs one DAG, and is told by a file of its own; all others stay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hybrid_airflow.factory import build, build_dags, refuse_faults
from hybrid_airflow.manifest import ManifestError

ESTATE = Path(__file__).parent / "fixtures" / "estate"
DAGS = Path(__file__).parents[2] / "dags"
ALL = {
    "acme-customers",
    "acme-customers-headquarters",
    "acme-customers-regional",
    "acme-ledger-regional",
    "acme-orders-regional",
    "acme-orders-report",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The DAG folder as it is deployed."""
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))
    for file in ("hybrid_pipelines.py", "hybrid_faults.py"):
        shutil.copy(DAGS / file, directory)
    return directory


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def read(directory: Path) -> tuple[set[str], dict[str, str]]:
    """The DAGs that Airflow finds in the folder, and its import errors by the names of the files."""
    try:
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag  # noqa: PLC0415

    bag = DagBag(dag_folder=str(directory), collect_dags=False)
    for file in sorted(directory.glob("*.py")):
        bag.process_file(str(file), only_if_updated=False)
    return set(bag.dags), {Path(file).name: error for file, error in bag.import_errors.items()}


#: What is wrong with the pipeline `ledger-regional`, and what is said of it.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an hour that no day has": ({"schedule": "0 25 * * *"}, "none that Airflow takes"),
    "words": ({"schedule": "every day"}, "none that Airflow takes"),
    "a preset that is none": ({"schedule": "@fortnightly"}, "none that Airflow takes"),
    "a value by lot": ({"schedule": "H * * * *"}, "none that Airflow takes"),
    "a day that never comes": ({"schedule": "0 0 30 2 *", "uses_interval": True}, "none that Airflow takes"),
    "no year for a second run": ({"schedule": "@yearly", "start_date": "9999-12-31"}, "none that Airflow"),
    "after nothing": ({"schedule": "after"}, "neither 'after' nor 'after_assets' names anything"),
    "after an unknown one": ({"schedule": "after", "after": ["nobody"]}, "does not list 'nobody'"),
    "a long tag": ({"tags": ["x" * 120]}, "tag cannot be longer"),
    "several runs without a pause": ({"schedule": "@continuous", "max_active_runs": 2}, "max_active_runs"),
    "a start that is no date": ({"start_date": "soon"}, "start_date 'soon' is no date"),
    "an endless delay": ({"retry_delay_seconds": 10**15}, "OverflowError"),
    "a site that is not there": ({"site": "moon"}, "site 'moon' is not in manifest.json"),
    "a newer part": ({"version": 2}, "version: Input should be 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_pipeline_costs_one_dag(directory: Path, fault: str) -> None:
    # Given one pipeline that Airflow cannot take
    changes, says = FAULTS[fault]
    edit(directory / "manifest" / "ledger-regional.json", **changes)
    # When Airflow reads the folder
    dags, errors = read(directory)
    # Then all others are there, from a file without an error, and the error has a file of its own
    assert dags == ALL - {"acme-ledger-regional"}
    assert list(errors) == ["hybrid_faults.py"]
    last = errors["hybrid_faults.py"].rstrip().splitlines()[-1]
    assert "pipelines.ledger-regional of the estate file has no DAG" in last
    assert says in last


def test_a_part_that_is_not_there_yet_costs_what_needs_it(directory: Path) -> None:
    # Given a manifest that is shown before a part of it, as where files are copied one by one
    (directory / "manifest" / "customers-regional.json").unlink()
    # When Airflow reads the folder
    dags, errors = read(directory)
    # Then what only waits for that pipeline is there, and waits for its asset by name
    assert dags == ALL - {"acme-customers-regional", "acme-customers"}
    said = errors["hybrid_faults.py"]
    assert "pipelines.customers-regional of the estate file has no DAG" in said
    assert "dags.customers of the estate file has no DAG" in said
    waited = build_dags(directory)["acme-orders-report"].timetable.asset_condition.objects
    assert {asset.name for asset in waited} == {"acme-orders-regional", "acme-customers-regional"}
    # And with the part all is as before
    shutil.copy(ESTATE / "manifest" / "customers-regional.json", directory / "manifest")
    assert read(directory) == (ALL, {})


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"customers-regional": {"pipelines": ["ledger-regional"]}},
            "dags.customers-regional has the name of",
        ),
        ({"customers": {"pipelines": ["nobody"]}}, "dags.customers runs nobody"),
        (
            {"customers": {"pipelines": ["ledger-regional"], "schedule": "0 25 * * *"}},
            "none that Airflow takes",
        ),
        ({"customers": {"pipelines": ["ledger-regional"], "tags": ["x" * 101]}}, "tag cannot be longer"),
    ],
)
def test_a_fault_of_an_entry_of_dags_costs_that_entry(
    directory: Path, entry: dict[str, Any], says: str
) -> None:
    edit(directory / "manifest.json", dags=entry)
    dags, errors = read(directory)
    assert dags == ALL - {"acme-customers"}
    assert says in errors["hybrid_faults.py"]


def test_faults_of_several_are_all_told(directory: Path) -> None:
    edit(directory / "manifest" / "ledger-regional.json", schedule="every day")
    (directory / "manifest" / "orders-regional.json").write_text("{")
    with pytest.raises(ManifestError) as refused:
        refuse_faults(directory)
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [
        "pipelines.ledger-regional",
        "pipelines.orders-regional",
    ]


def test_what_a_fault_left_half_made_is_no_dag(directory: Path) -> None:
    # Given a fault that shows when the DAG is made, but its tasks are not
    edit(directory / "manifest" / "ledger-regional.json", retry_delay_seconds=10**15)
    # Then no DAG without its tasks is found in the place of it
    assert "acme-ledger-regional" not in read(directory)[0]
    assert build(directory).faults.keys() == {"pipelines.ledger-regional"}


def test_the_start_of_a_task_says_the_fault_of_its_own_dag_and_no_other(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(directory / "manifest" / "ledger-regional.json", schedule="every day")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "acme-orders-regional")
    assert list(build_dags(directory)) == ["acme-orders-regional"]
    refuse_faults(directory)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "acme-ledger-regional")
    with pytest.raises(ManifestError, match="none that Airflow takes"):
        build_dags(directory)


def test_without_a_manifest_one_file_says_so(tmp_path: Path) -> None:
    for file in ("hybrid_pipelines.py", "hybrid_faults.py"):
        shutil.copy(DAGS / file, tmp_path)
    dags, errors = read(tmp_path)
    assert (dags, list(errors)) == (set(), ["hybrid_pipelines.py"])


def test_a_good_estate_has_no_fault(directory: Path) -> None:
    assert read(directory) == (ALL, {})
