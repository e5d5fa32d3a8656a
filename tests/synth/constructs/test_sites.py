"""Sites: what a host may do, what pulls and logs, and where Fargate runs."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import aws_iam

from hybrid.estate.private_endpoints import PrivateEndpoints
from hybrid_constructs import AnywhereSite, CloudSite, EtlSource
from hybrid_constructs.site import TaskProps

ECS = "arn:aws:ecs:eu-west-1:111122223333"
CLUSTER = f"{ECS}:cluster/hybrid-acme-on-premises"
INSTANCES = f"{ECS}:container-instance/hybrid-acme-on-premises/*"

#: What the role of a host may do: these things and no others.
HOST_STATEMENTS = [
    {"Sid": "FindEcs", "Effect": "Allow", "Action": "ecs:DiscoverPollEndpoint", "Resource": "*"},
    {
        "Sid": "JoinCluster",
        "Effect": "Allow",
        "Action": [
            "ecs:RegisterContainerInstance",
            "ecs:SubmitContainerStateChange",
            "ecs:SubmitTaskStateChange",
        ],
        "Resource": CLUSTER,
    },
    {
        "Sid": "TakeWork",
        "Effect": "Allow",
        "Action": ["ecs:Poll", "ecs:StartTelemetrySession"],
        "Resource": INSTANCES,
        "Condition": {"ArnEquals": {"ecs:cluster": CLUSTER}},
    },
    {
        "Sid": "ReportToSystemsManager",
        "Effect": "Allow",
        "Action": "ssm:UpdateInstanceInformation",
        "Resource": "arn:aws:ssm:eu-west-1:111122223333:managed-instance/*",
    },
    {
        "Sid": "HoldChannels",
        "Effect": "Allow",
        "Action": [
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
        "Resource": "*",
    },
]


def anywhere(bench: Any, **changes: Any) -> AnywhereSite:
    props: dict[str, Any] = {
        "name": "on-premises",
        "services": bench.services,
        "log_retention_days": 90,
        **changes,
    }
    return AnywhereSite(bench.stack, "Site", **props)


def cloud(bench: Any, **changes: Any) -> CloudSite:
    props: dict[str, Any] = {
        "name": "headquarters",
        "services": bench.services,
        "log_retention_days": 90,
        "vpc": bench.vpc,
        "subnet_ids": ["subnet-1", "subnet-2"],
        **changes,
    }
    return CloudSite(bench.stack, "Site", **props)


def test_a_host_joins_its_own_cluster_and_reports_to_systems_manager_and_nothing_else(bench: Any) -> None:
    anywhere(bench)

    assert bench.statements("hybrid-acme-on-premises-anywhere") == HOST_STATEMENTS


def test_only_systems_manager_of_this_account_and_region_takes_the_hosts_role(bench: Any) -> None:
    anywhere(bench)

    assert bench.trust("hybrid-acme-on-premises-anywhere") == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ssm.amazonaws.com"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {"aws:SourceArn": "arn:aws:ssm:eu-west-1:111122223333:*"},
            },
        }
    ]
    assert "ManagedPolicyArns" not in bench.role("hybrid-acme-on-premises-anywhere")


@pytest.mark.parametrize(("make", "site"), [(anywhere, "on-premises"), (cloud, "headquarters")])
def test_the_execution_role_pulls_the_image_and_writes_the_sites_logs(
    bench: Any, make: Any, site: str
) -> None:
    make(bench)

    assert bench.statements(f"hybrid-acme-{site}-execution") == [
        {
            "Sid": "AuthorizeAtRegistry",
            "Effect": "Allow",
            "Action": "ecr:GetAuthorizationToken",
            "Resource": "*",
        },
        {
            "Sid": "PullImage",
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            "Resource": "arn:aws:ecr:eu-west-1:111122223333:repository/images",
        },
        {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:eu-west-1:111122223333:log-group:/hybrid/acme/{site}:log-stream:*",
        },
    ]


def test_a_site_is_one_cluster_with_its_own_encrypted_logs_that_end(bench: Any) -> None:
    anywhere(bench, log_retention_days=30)

    assert bench.only("AWS::ECS::Cluster")["ClusterName"] == "hybrid-acme-on-premises"
    logs = bench.only("AWS::Logs::LogGroup")
    assert logs["LogGroupName"] == "/hybrid/acme/on-premises"
    assert logs["RetentionInDays"] == 30
    assert logs["KmsKeyId"] == "arn:aws:kms:eu-west-1:111122223333:key/estate"


def test_an_anywhere_site_has_an_empty_secret_for_its_activation_and_a_cloud_site_has_none(
    bench: Any,
) -> None:
    anywhere(bench)

    secret = bench.only("AWS::SecretsManager::Secret")

    assert secret["Name"] == "hybrid/acme/sites/on-premises/activation"
    assert {"SecretString", "GenerateSecretString"}.isdisjoint(secret)


def test_a_cloud_site_makes_a_security_group_that_lets_nothing_in(bench: Any) -> None:
    site = cloud(bench)

    group = bench.only("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert len(site.security_group_ids) == 1
    bench.template().resource_count_is("AWS::SecretsManager::Secret", 0)


def test_a_cloud_site_takes_the_security_groups_that_are_there(bench: Any) -> None:
    site = cloud(bench, security_group_ids=["sg-1"])

    assert site.security_group_ids == ["sg-1"]
    bench.template().resource_count_is("AWS::EC2::SecurityGroup", 0)


@pytest.mark.parametrize(("architecture", "told"), [("x86_64", "X86_64"), ("arm64", "ARM64")])
def test_the_tasks_of_a_cloud_site_run_on_the_processors_that_it_names(
    bench: Any, architecture: str, told: str
) -> None:
    site = cloud(bench, architecture=architecture)
    role = aws_iam.Role.from_role_name(bench.stack, "Role", "role")

    site.task_definition(
        bench.stack,
        TaskProps(family="f", task_role=role, execution_role=role, memory_mib=512, cpu_units=256),
    )

    platform = bench.only("AWS::ECS::TaskDefinition")["RuntimePlatform"]
    assert platform == {"CpuArchitecture": told, "OperatingSystemFamily": "LINUX"}


def test_a_cloud_site_without_a_subnet_is_refused(bench: Any) -> None:
    with pytest.raises(ValueError, match="site headquarters: Fargate needs a subnet"):
        cloud(bench, subnet_ids=[])


def test_a_retention_that_cloudwatch_does_not_have_is_refused_with_those_that_it_has(bench: Any) -> None:
    with pytest.raises(
        ValueError, match=r"17 days is no retention of CloudWatch Logs: take one of \[1, 3, 5"
    ):
        anywhere(bench, log_retention_days=17)


def test_a_role_name_that_iam_would_refuse_is_refused_here(bench: Any) -> None:
    with pytest.raises(ValueError, match="has 73 characters, IAM allows 64"):
        anywhere(bench, name="a" * 51)


def test_a_site_with_a_registry_of_its_own_may_not_pull_from_the_estate_s(bench: Any) -> None:
    # Given a site with a mirror
    site = AnywhereSite(
        bench.stack,
        "Site",
        name="on-premises",
        services=bench.services,
        log_retention_days=90,
        registry_mirror="registry.plant.example:5000/cache",
    )
    # When a source is there
    EtlSource(
        bench.stack,
        "Erp",
        name="erp",
        site=site,
        buckets=bench.buckets,
        prefixes=[],
        image_tag="0123456789abcdef",
        memory_mib=512,
        cpu_units=256,
    )
    # Then its image is the mirror's, under the repository and tag of the estate's
    (container,) = bench.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["Image"] == "registry.plant.example:5000/cache/images:0123456789abcdef"
    # And the execution role writes logs, and that is all
    actions = [one["Action"] for one in bench.statements("hybrid-acme-on-premises-execution")]
    assert actions == [["logs:CreateLogStream", "logs:PutLogEvents"]]


def test_containers_of_a_site_with_private_endpoints_are_told_them(bench: Any) -> None:
    site = AnywhereSite(
        bench.stack,
        "Site",
        name="on-premises",
        services=bench.services,
        log_retention_days=90,
        environment=PrivateEndpoints(
            s3="https://bucket.vpce-1.example.com", secretsmanager="https://vpce-2.example.com", ecs=None
        ).container_environment,
    )
    EtlSource(
        bench.stack,
        "Erp",
        name="erp",
        site=site,
        buckets=bench.buckets,
        prefixes=[],
        image_tag="0123456789abcdef",
        memory_mib=512,
        cpu_units=256,
    )
    (container,) = bench.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    told = {one["Name"]: one["Value"] for one in container["Environment"] if "URL" in one["Name"]}
    assert told == {
        "AWS_ENDPOINT_URL_S3": "https://bucket.vpce-1.example.com",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce-2.example.com",
    }
