"""The manifest is read whole or refused with a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hybrid_airflow.manifest import ManifestError, read_estate, read_pipeline

ESTATE = Path(__file__).parent / "fixtures" / "estate"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ESTATE, tmp_path / "dags"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_estate_and_its_pipelines_are_read() -> None:
    estate = read_estate(ESTATE)
    pipeline = read_pipeline(ESTATE, "customers-regional", estate=estate)
    assert estate.sites[pipeline.site].launch_type == "EXTERNAL"
    assert (pipeline.family, pipeline.run_deadline_seconds) == ("hybrid-acme-regional", 14400)


def test_what_a_pipeline_s_part_does_not_say_is_the_least_that_a_pipeline_does(directory: Path) -> None:
    # Given a part with nothing but what names the run
    path = directory / "manifest" / "orders-regional.json"
    document = json.loads(path.read_text())
    names = ("version", "pipeline", "site", "source", "engine", "family", "container", "log_stream_prefix")
    path.write_text(json.dumps({name: document[name] for name in (*names, "specification", "prefix")}))

    # When it is read
    found = read_pipeline(directory, "orders-regional", estate=read_estate(directory))

    # Then it has no interval and no schedule, is tried three times, and has the deadlines of the contract
    assert (found.incremental, found.uses_interval, found.schedule, found.catchup) == (
        False,
        False,
        None,
        False,
    )
    assert (found.max_active_runs, found.retries, found.retry_delay_seconds) == (1, 2, 300)
    assert (found.start_deadline_seconds, found.run_deadline_seconds) == (900, 14400)
    assert (found.deadline_seconds, found.on_drift) == (None, "widen")


def test_keys_of_a_newer_manifest_are_let_through(directory: Path) -> None:
    edit(directory / "manifest.json", colour="blue")
    assert read_estate(directory).estate == "acme"


def test_a_missing_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json: there is no such file.*deploy the dags stack"):
        read_estate(tmp_path)


def test_a_pipeline_without_its_part_says_which(directory: Path) -> None:
    (directory / "manifest" / "customers-regional.json").unlink()
    with pytest.raises(ManifestError, match=r"customers-regional\.json: there is no such file"):
        read_pipeline(directory, "customers-regional", estate=read_estate(directory))


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("manifest.json", {"version": 2}, "version: Input should be 1"),
        ("manifest.json", {"lake_bucket": None}, "lake_bucket: Input should be a valid string"),
        ("manifest/customers-regional.json", {"site": "moon"}, "site 'moon' is not in manifest.json"),
        (
            "manifest/customers-regional.json",
            {"pipeline": "other"},
            "the file name says 'customers-regional'",
        ),
        ("manifest/customers-regional.json", {"specification": "abc"}, "specification: String should match"),
        (
            "manifest/customers-regional.json",
            {"run_deadline_seconds": 0},
            "run_deadline_seconds: Input should be greater",
        ),
    ],
)
def test_a_wrong_manifest_is_refused_by_file_and_key(
    directory: Path, file: str, changes: dict[str, Any], said: str
) -> None:
    edit(directory / file, **changes)
    with pytest.raises(ManifestError) as refused:
        read_pipeline(directory, "customers-regional", estate=read_estate(directory))
    assert said in str(refused.value)
    assert file.rsplit("/", 1)[-1] in str(refused.value)


def test_what_is_not_json_is_refused_with_its_line(directory: Path) -> None:
    (directory / "manifest.json").write_text('{\n "version": 1,,\n}')
    with pytest.raises(ManifestError, match="not JSON at line 2"):
        read_estate(directory)
