"""A source: what its container may do, and how it runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import aws_iam as iam

from hybrid_constructs import AnywhereSite, CloudSite, EtlSource

ECS = "arn:aws:ecs:eu-west-1:111122223333"
TMP = "/tmp"  # noqa: S108 - the container's
KEY = "arn:aws:kms:eu-west-1:111122223333:key/estate"


def source_at(bench: Any, site: AnywhereSite | CloudSite, **changes: Any) -> EtlSource:
    props: dict[str, Any] = {
        "name": "erp",
        "site": site,
        "buckets": bench.buckets,
        "prefixes": ["erp/orders", "erp/items"],
        "image_tag": "0123456789abcdef",
        "memory_mib": 512,
        "cpu_units": 256,
        **changes,
    }
    return EtlSource(bench.stack, "Erp", **props)


@pytest.fixture
def on_premises(bench: Any) -> AnywhereSite:
    return AnywhereSite(
        bench.stack, "Site", name="on-premises", services=bench.services, log_retention_days=90
    )


@pytest.fixture
def headquarters(bench: Any) -> CloudSite:
    return CloudSite(
        bench.stack,
        "Site",
        name="headquarters",
        services=bench.services,
        log_retention_days=90,
        vpc=bench.vpc,
        subnet_ids=["subnet-1"],
    )


def test_a_container_reads_its_own_specifications_and_secret_and_writes_its_own_prefixes(
    bench: Any, on_premises: AnywhereSite
) -> None:
    # Given a source with two pipelines
    # When it is made
    source_at(bench, on_premises)

    # Then its role can do these things and no others
    assert bench.statements("hybrid-acme-erp-task") == [
        {
            "Sid": "ReadSpecifications",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::dag-bucket/pipelines/erp/*",
        },
        {
            "Sid": "UseOwnLake",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::lake/erp/items/*", "arn:aws:s3:::lake/erp/orders/*"],
        },
        {
            "Sid": "FindOwnReceipts",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::lake",
            "Condition": {"StringLike": {"s3:prefix": ["erp/items/*", "erp/orders/*"]}},
        },
        {
            "Sid": "NeverOverwriteFiles",
            "Effect": "Deny",
            "Action": "s3:PutObject",
            "NotResource": ["arn:aws:s3:::lake/*/_manifest.json", "arn:aws:s3:::lake/*/_part.json"],
            "Condition": {
                "Bool": {"s3:ObjectCreationOperation": "true"},
                "Null": {"s3:if-none-match": "true"},
            },
        },
        {
            "Sid": "UseKeyForObjects",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": KEY,
            "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
        },
        {
            "Sid": "ReadOwnSecret",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hybrid/acme/sources/erp-??????",
        },
        {
            "Sid": "DecryptOwnSecret",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": KEY,
            "Condition": {
                "StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"},
                "StringLike": {
                    "kms:EncryptionContext:SecretARN": (
                        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hybrid/acme/sources/erp-??????"
                    )
                },
            },
        },
    ]


def test_only_ecs_tasks_of_this_account_and_region_take_the_role(
    bench: Any, on_premises: AnywhereSite
) -> None:
    source_at(bench, on_premises)

    assert bench.trust("hybrid-acme-erp-task") == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {"aws:SourceArn": f"{ECS}:*"},
            },
        }
    ]
    assert bench.role("hybrid-acme-erp-task")["Path"] == "/hybrid/acme/task/"


def test_a_source_without_pipelines_cannot_write(bench: Any, on_premises: AnywhereSite) -> None:
    source_at(bench, on_premises, prefixes=[])

    sids = [statement["Sid"] for statement in bench.statements("hybrid-acme-erp-task")]

    assert not {"UseOwnLake", "FindOwnReceipts"} & set(sids)


def test_more_prefixes_than_a_policy_holds_are_refused_with_the_way_out(
    bench: Any, on_premises: AnywhereSite
) -> None:
    # Given a hundred pipelines of one source
    prefixes = [f"erp/table-{number}" for number in range(100)]

    # When it is made, Then it fails before AWS would
    with pytest.raises(ValueError, match="split the source into two"):
        source_at(bench, on_premises, prefixes=prefixes)


def test_the_policy_of_the_most_prefixes_that_are_taken_fits_into_its_quota(
    bench: Any, on_premises: AnywhereSite
) -> None:
    # Given as many pipelines as are just taken, in a bucket with the longest name that S3 allows
    prefixes = [f"erp/table-{number:03}" for number in range(61)]
    source_at(bench, on_premises, prefixes=prefixes)

    # When the role's policy is measured as IAM measures it
    text = json.dumps(bench.statements("hybrid-acme-erp-task"), separators=(",", ":"))
    longest = text.replace("arn:aws:s3:::lake", f"arn:aws:s3:::{'b' * 63}")

    # Then it is below the 10,240 characters of an inline policy
    assert 7_000 < len(longest) < 10_240


def test_at_an_anywhere_site_the_container_is_confined_and_keeps_nothing_on_the_hosts_disk(
    bench: Any, on_premises: AnywhereSite
) -> None:
    source_at(bench, on_premises)

    task = bench.only("AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert task["Family"] == "hybrid-acme-erp"
    assert task["RequiresCompatibilities"] == ["EXTERNAL"]
    assert task["NetworkMode"] == "bridge"
    assert container["Name"] == "etl"
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == "65532:65532"
    assert container["Memory"] == 512
    assert container["Cpu"] == 256
    assert container["DockerSecurityOptions"] == ["no-new-privileges"]
    assert container["LinuxParameters"] == {
        "Capabilities": {"Drop": ["ALL"]},
        "InitProcessEnabled": True,
        "Tmpfs": [{"ContainerPath": TMP, "MountOptions": ["nosuid", "nodev"], "Size": 128}],
    }
    assert "Volumes" not in task


def test_in_the_cloud_the_container_runs_on_fargate_with_a_volume_for_tmp(
    bench: Any, headquarters: CloudSite
) -> None:
    source_at(bench, headquarters)

    task = bench.only("AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    assert task["NetworkMode"] == "awsvpc"
    assert (task["Cpu"], task["Memory"]) == ("256", "512")
    assert task["Volumes"] == [{"Name": "tmp"}]
    assert container["MountPoints"] == [{"ContainerPath": TMP, "ReadOnly": False, "SourceVolume": "tmp"}]
    assert "Tmpfs" not in container["LinuxParameters"]
    assert "DockerSecurityOptions" not in container, "Fargate refuses them"


def test_the_container_gets_exactly_the_contracts_variables(bench: Any, on_premises: AnywhereSite) -> None:
    source_at(bench, on_premises)

    (container,) = bench.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]

    assert {entry["Name"]: entry["Value"] for entry in container["Environment"]} == {
        "HYBRID_SPECIFICATIONS": "s3://dag-bucket/pipelines/erp",
        "HYBRID_LAKE": "s3://lake",
        "HYBRID_SECRET": "hybrid/acme/sources/erp",
        "AWS_REGION": "eu-west-1",
    }
    assert "Secrets" not in container, "the container fetches its secret itself"


def test_logs_go_to_the_sites_group_in_streams_named_after_source_and_container(
    bench: Any, on_premises: AnywhereSite
) -> None:
    source_at(bench, on_premises)

    (container,) = bench.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    options = container["LogConfiguration"]["Options"]

    assert options["awslogs-stream-prefix"] == "erp"
    assert container["Name"] == "etl"


def test_the_secret_is_made_empty_and_under_the_estates_key(bench: Any, headquarters: CloudSite) -> None:
    source_at(bench, headquarters)

    secret = bench.only("AWS::SecretsManager::Secret")

    assert secret["Name"] == "hybrid/acme/sources/erp"
    assert secret["KmsKeyId"] == KEY
    assert {"SecretString", "GenerateSecretString"}.isdisjoint(secret)


def test_a_grant_to_run_names_the_family_the_cluster_and_the_roles_to_pass(
    bench: Any, on_premises: AnywhereSite
) -> None:
    # Given a source, and somebody else's role
    source = source_at(bench, on_premises)
    operator = iam.Role(
        bench.stack, "Operator", role_name="operator", assumed_by=iam.AccountPrincipal("111122223333")
    )

    # When it may run the source
    source.grant_run(operator)

    # Then it is given every revision of the family, in this cluster, with these two roles
    policy = bench.only("AWS::IAM::Policy")
    statements = {
        action: statement
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert statements["ecs:RunTask"] == {
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": f"{ECS}:task-definition/hybrid-acme-erp:*",
        "Condition": {"ArnEquals": {"ecs:cluster": f"{ECS}:cluster/hybrid-acme-on-premises"}},
    }
    assert statements["iam:PassRole"] == {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": [
            "arn:aws:iam::111122223333:role/hybrid/acme/execution/hybrid-acme-on-premises-execution",
            "arn:aws:iam::111122223333:role/hybrid/acme/task/hybrid-acme-erp-task",
        ],
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    }
