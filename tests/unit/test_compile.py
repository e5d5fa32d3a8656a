"""What the estate becomes for the container and for the DAGs."""

from __future__ import annotations

import hashlib
import json

from hybrid.compile import SiteNetwork, estate_manifest, pipeline_manifest, specification
from hybrid.estate import load_estate
from hybrid.paths import ESTATE


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
