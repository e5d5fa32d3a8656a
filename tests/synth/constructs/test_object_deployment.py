"""Objects that a stack brings to a bucket."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_s3_deployment as s3deploy

from hybrid_constructs import ObjectDeployment


def deploy(bench: Any, prefix: str, *, prune: bool) -> None:
    ObjectDeployment(
        bench.stack,
        f"Deployment-{prefix}",
        bucket=bench.buckets.dags,
        key=bench.buckets.key,
        prefix=prefix,
        sources=[s3deploy.Source.data("file.txt", prefix)],
        prune=prune,
    )


def test_only_what_may_be_pruned_is_and_nothing_goes_with_the_stack(bench: Any) -> None:
    # Given one deployment that is pruned and one that is not
    deploy(bench, "dags", prune=True)
    deploy(bench, "pipelines", prune=False)

    # Then each says so, and both leave their objects when they are removed
    found = bench.template().find_resources("Custom::CDKBucketDeployment").values()
    assert {
        (one["Properties"]["DestinationBucketKeyPrefix"], one["Properties"]["Prune"]) for one in found
    } == {("dags", True), ("pipelines", False)}
    assert {one["Properties"]["RetainOnDelete"] for one in found} == {True}


def test_the_functions_log_ends_and_is_encrypted_and_there_is_one_for_all(bench: Any) -> None:
    deploy(bench, "dags", prune=True)
    deploy(bench, "pipelines", prune=False)

    log_group = bench.only("AWS::Logs::LogGroup")
    assert log_group["RetentionInDays"] == 30
    assert log_group["KmsKeyId"] == "arn:aws:kms:eu-west-1:111122223333:key/estate"
