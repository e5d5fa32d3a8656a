"""What the dags stack brings to the bucket, byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def deployment(assembly: Any, prefix: str) -> dict[str, Any]:
    (found,) = [
        resource["Properties"]
        for resource in assembly.template("dags")["Resources"].values()
        if resource["Type"] == "Custom::CDKBucketDeployment"
        and resource["Properties"]["DestinationBucketKeyPrefix"] == prefix
    ]
    return dict(found)


def files(assembly: Any, prefix: str) -> dict[str, bytes]:
    """Path below the prefix → content, of what a deployment brings."""
    content: dict[str, bytes] = {}
    for key in deployment(assembly, prefix)["SourceObjectKeys"]:
        directory = Path(assembly.directory, f"asset.{key.removesuffix('.zip')}")
        content |= {
            path.relative_to(directory).as_posix(): path.read_bytes()
            for path in directory.rglob("*")
            if path.is_file()
        }
    return content


def test_the_bucket_gets_the_dag_files_and_their_manifests_but_neither_wheel_nor_examples(
    estate_assembly: Any,
) -> None:
    assert set(files(estate_assembly, "dags")) == {
        ".airflowignore",
        "hybrid_pipelines.py",
        "manifest.json",
        "manifest/customers.json",
        "manifest/orders.json",
    }


def test_a_pipeline_that_left_the_estate_leaves_the_bucket_and_its_specifications_stay(
    estate_assembly: Any,
) -> None:
    assert deployment(estate_assembly, "dags")["Prune"] is True
    assert deployment(estate_assembly, "pipelines")["Prune"] is False
    assert deployment(estate_assembly, "pipelines")["RetainOnDelete"] is True


def test_the_specifications_are_in_the_bucket_before_the_dags_that_name_them(estate_assembly: Any) -> None:
    resources = estate_assembly.template("dags")["Resources"]
    (dags,) = [
        resource
        for resource in resources.values()
        if resource.get("Properties", {}).get("DestinationBucketKeyPrefix") == "dags"
    ]

    waits_for = [
        resources[name]["Properties"].get("DestinationBucketKeyPrefix") for name in dags["DependsOn"]
    ]

    assert "pipelines" in waits_for


def test_a_specification_is_addressed_by_its_bytes_below_its_source(estate_assembly: Any) -> None:
    specifications = files(estate_assembly, "pipelines")

    assert sorted(key.split("/")[0] for key in specifications) == ["crm", "erp"]
    for key, content in specifications.items():
        assert key.split("/")[1] == f"{hashlib.sha256(content).hexdigest()}.json"
        assert json.loads(content)["source"] == key.split("/")[0]


def test_a_manifests_specification_is_one_that_is_in_the_bucket(estate_assembly: Any) -> None:
    parts = files(estate_assembly, "dags")
    specifications = files(estate_assembly, "pipelines")

    for name in ("customers", "orders"):
        part = json.loads(parts[f"manifest/{name}.json"])
        assert f"{part['source']}/{part['specification']}.json" in specifications


def test_the_estates_manifest_learns_bucket_subnets_and_security_groups_when_it_is_deployed(
    estate_assembly: Any,
) -> None:
    # Given the estate's manifest with marks for what is not known yet
    manifest = files(estate_assembly, "dags")["manifest.json"].decode()
    marks = [mark for mark in deployment(estate_assembly, "dags")["SourceMarkers"] if mark]

    # When the marks are replaced as the deployment does it
    (markers,) = marks
    for mark, value in markers.items():
        (reference,) = [part for part in value["Fn::Join"][1] if isinstance(part, dict)]
        manifest = manifest.replace(mark, f'"{reference["Fn::GetStackOutput"]["OutputName"]}"')
    read = json.loads(manifest)

    # Then it is what the DAGs read
    assert "LakeBucket" in read["lake_bucket"].replace("RefLake", "LakeBucket")
    cloud, anywhere = read["sites"]["headquarters"], read["sites"]["on-premises"]
    assert (cloud["launch_type"], anywhere["launch_type"]) == ("FARGATE", "EXTERNAL")
    assert len(cloud["subnets"]) == 2
    assert len(cloud["security_groups"]) == 1
    assert anywhere["subnets"] == anywhere["security_groups"] == []
    assert read["pipelines"] == ["customers", "orders"]


def test_an_estate_that_has_no_pipeline_yet_can_be_deployed(synthesize: Any) -> None:
    # Given an estate with its sites alone
    assembly = synthesize({"sources": {"crm": None, "erp": None}, "pipelines": None})

    # Then the bucket gets the estate's manifest, without a pipeline in it
    assert set(files(assembly, "dags")) == {".airflowignore", "hybrid_pipelines.py", "manifest.json"}
    assert not [name for name in assembly.template("dags")["Resources"] if name.startswith("Specif")]
    assert '"pipelines":[]' in files(assembly, "dags")["manifest.json"].decode()
