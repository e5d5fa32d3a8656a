"""The command line and the CDK side against contracts/, which the tests of container and DAGs read too."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import SecretStr

from hybrid.artifacts.compile import SiteNetwork, estate_manifest, pipeline_manifest, specification
from hybrid.estate import Estate
from hybrid.estate.loading import load_estate
from hybrid.estate.naming import Names
from hybrid.fleet import errors
from hybrid.fleet.source_credentials import checked
from hybrid.trial.running import Trial
from workspace.paths import ESTATE, ROOT

_CONTRACTS = ROOT / "contracts"
_EVERYTHING = """\
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {cellar: {kind: anywhere}, cloud: {kind: cloud}}
sources:
  shop: {site: cellar, engine: mariadb, connections: 3, bytes_per_second: 1000000}
  crm: {site: cloud, engine: postgresql, encoding: latin1}
pipelines:
  orders:
    source: shop
    query: select id, at, amount, country, name from orders where country in (:countries) and amount > :least
    parameters: {countries: [PT, ES], least: 1.5}
    incremental_column: at
    incremental_zone: Europe/Lisbon
    settle: 60
    overlap: 0
    partition_by: [country]
    partitions: {column: id, lower: 0, upper: 1000, count: 4}
    format: {type: csv, compression: gzip}
    columns: [id, at, amount, country, name]
    masks: {name: {kind: truncate, length: 3}}
    on_drift: fail
    expect:
      {rows: {min: 1, change: 50%}, nulls: {id: 0}, unique: [id], range: {amount: [0, 100]}, freshness: 2d}
  people:
    source: crm
    query: select * from people
    after: [orders]
    schedule: null
    decimal_width: 256
    deadline: 3600
dags:
  all: {pipelines: [orders, people]}
"""


def _cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_CONTRACTS / "cases" / f"{name}.json").read_text())
    return found


def _check(document: Any, *, schema: str) -> None:
    described = json.loads((_CONTRACTS / "schemas" / f"{schema}.schema.json").read_text())
    jsonschema.Draft202012Validator(described).validate(document)


@pytest.fixture(params=["example", "everything"])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Estate:
    if request.param == "example":
        return load_estate(ESTATE)
    file = tmp_path / "hybrid.yaml"
    file.write_text(_EVERYTHING)
    return load_estate(file)


@pytest.mark.parametrize("case", _cases("secrets"), ids=str)
def test_sources_secret_takes_what_the_container_takes(case: dict[str, Any]) -> None:
    text = SecretStr(json.dumps(case["secret"]))
    if "refused" in case:
        with pytest.raises(errors.SecretRefused, match=case["refused"]):
            checked(text, engine=case["engine"], origin="standard input")
    else:
        assert checked(text, engine=case["engine"], origin="standard input") is text


@pytest.mark.parametrize("case", [one for one in _cases("intervals") if "directory" in one], ids=str)
def test_a_trial_finds_the_directory_of_its_interval(case: dict[str, Any], tmp_path: Path) -> None:
    if case.get("full") and case["from"]:
        pytest.skip("a trial makes no full refresh")
    times = (case["from"], case["to"])
    interval = (datetime.fromisoformat(times[0]), datetime.fromisoformat(times[1])) if times[0] else None
    trial = Trial(estate=load_estate(ESTATE), pipeline="customers-regional", interval=interval, lake=tmp_path)
    assert trial.receipt.parent.name == case["directory"]


def test_what_is_compiled_is_as_its_schema(estate: Estate) -> None:
    for pipeline in estate.pipelines:
        _check(json.loads(specification(estate, pipeline).content), schema="specification")
        _check(pipeline_manifest(estate, pipeline), schema="pipeline")
    networks = {"cloud": SiteNetwork(subnets=["subnet-1"], security_groups=["sg-1"])}
    _check(
        estate_manifest(estate, region="eu-west-1", lake_bucket="lake", networks=networks), schema="manifest"
    )


@pytest.mark.parametrize("case", _cases("names"), ids=lambda case: case["estate"])
def test_names_in_aws_are_those_of_the_contract(case: dict[str, Any]) -> None:
    names, site, source = Names(case["estate"]), case["site"], case["source"]

    assert case["names"] == {
        "stack of the site": names.site_stack(site),
        "cluster": names.cluster(site),
        "log group": names.log_group(site),
        "family": names.family(source),
        "log stream prefix": names.log_stream_prefix(source),
        "secret of the source": names.source_secret(source),
        "secret of the activation": names.activation_secret(site),
        "task role": names.role_path("task") + names.task_role(source),
        "execution role": names.role_path("execution") + names.execution_role(site),
        "anywhere role": names.role_path("anywhere") + names.anywhere_role(site),
        "environment": names.airflow_environment,
        "airflow role": names.role_path("airflow") + names.airflow_role,
        "pool": names.pool(site),
    }
