"""What the estate becomes for the container and for the DAGs."""

from __future__ import annotations

import hashlib
import json

import pytest

from hybrid.artifacts.compile import SiteNetwork, estate_manifest, pipeline_manifest, specification
from hybrid.estate import load_estate
from hybrid.estate.model import Partitions
from hybrid.estate.rules import findings
from workspace.paths import ESTATE


def test_a_specification_is_addressed_by_its_content() -> None:
    # Given the estate at the root, when a pipeline is compiled
    made = specification(load_estate(ESTATE), "customers-regional")

    # Then its address is the digest of its bytes, under its source
    assert made.key == f"regional/{hashlib.sha256(made.content.encode()).hexdigest()}.json"
    assert json.loads(made.content)["prefix"] == "regional/customers-regional"
    assert made.content == json.dumps(json.loads(made.content), sort_keys=True, separators=(",", ":"))


def test_a_changed_query_is_another_specification() -> None:
    estate = load_estate(ESTATE)
    pipeline = estate.pipelines["customers-regional"].model_copy(update={"query": "select 2"})
    changed = estate.model_copy(update={"pipelines": {**estate.pipelines, "customers-regional": pipeline}})

    before, after = specification(estate, "customers-regional"), specification(changed, "customers-regional")

    assert before.sha256 != after.sha256


def test_the_manifest_says_how_a_task_is_started_at_each_site() -> None:
    network = SiteNetwork(subnets=["subnet-1"], security_groups=["sg-1"])

    manifest = estate_manifest(
        load_estate(ESTATE), region="eu-west-1", lake_bucket="lake", networks={"headquarters": network}
    )

    assert manifest["sites"]["on-premises"] == {
        "launch_type": "EXTERNAL",
        "hosts_join": True,
        "where": "its own machines (ECS Anywhere)",
        "cluster": "hybrid-acme-on-premises",
        "log_group": "/hybrid/acme/on-premises",
        "pool": "site-on-premises",
        "slots": 8,
        "subnets": [],
        "security_groups": [],
    }
    assert manifest["sites"]["headquarters"]["launch_type"] == "FARGATE"
    assert manifest["sites"]["headquarters"]["subnets"] == ["subnet-1"]
    assert manifest["dags"]["customers"]["pipelines"] == ["customers-headquarters", "customers-regional"]


def test_a_pipeline_part_names_its_specification_and_where_its_log_is() -> None:
    estate = load_estate(ESTATE)

    part = pipeline_manifest(estate, "customers-regional")

    assert part["specification"] == specification(estate, "customers-regional").sha256
    assert part["log_stream_prefix"] == "regional/etl"
    assert part["uses_interval"] is False


def test_a_pipeline_that_names_the_interval_uses_it() -> None:
    estate = load_estate(ESTATE)
    pipeline = estate.pipelines["customers-regional"].model_copy(
        update={"query": "select * from t where d >= :from and d < :to and c = 'a:b' -- :none"}
    )
    estate = estate.model_copy(update={"pipelines": {"customers-regional": pipeline}})

    assert pipeline_manifest(estate, "customers-regional")["uses_interval"] is True


def test_key_ranges_are_for_the_container_and_their_number_for_the_dag() -> None:
    estate = load_estate(ESTATE)
    ranges = Partitions(column="id", lower=0, upper=4_000_000, count=4)
    pipeline = estate.pipelines["customers-regional"].model_copy(update={"partitions": ranges})
    estate = estate.model_copy(update={"pipelines": {"customers-regional": pipeline}})

    made = json.loads(specification(estate, "customers-regional").content)
    part = pipeline_manifest(estate, "customers-regional")

    assert made["partitions"] == {"column": "id", "lower": 0, "upper": 4_000_000, "count": 4}
    assert (part["parts"], part["parts_at_once"]) == (4, 2)


def test_ranges_without_a_key_for_each_are_refused() -> None:
    with pytest.raises(ValueError, match="less than one key for each of 4 ranges"):
        Partitions(column="id", lower=0, upper=3, count=4)


@pytest.mark.parametrize(("version", "refused"), [("3.0.6", True), ("3.2.1", False), ("3.3.1", False)])
def test_a_deadline_needs_an_airflow_that_has_alerts(version: str, refused: bool) -> None:
    estate = load_estate(ESTATE)
    pipeline = estate.pipelines["customers-regional"].model_copy(update={"deadline": 7200})
    airflow = estate.airflow.model_copy(update={"version": version})
    estate = estate.model_copy(update={"pipelines": {"customers-regional": pipeline}, "airflow": airflow})

    found = [
        said for path, said in findings(estate) if path == ("pipelines", "customers-regional", "deadline")
    ]

    assert bool(found) == refused
    assert all("has no deadline alerts" in said for said in found)
