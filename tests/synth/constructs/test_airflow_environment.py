"""Managed Airflow: what its role may do, what it needs before it starts, and when it is updated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from hybrid_constructs import AirflowBundle, AirflowEnvironment, Logging, RunTarget, Scale
from hybrid_constructs.run_permissions import allow_runs_of

ECS = "arn:aws:ecs:eu-west-1:111122223333"
IAM = "arn:aws:iam::111122223333"
LOGS = "arn:aws:logs:eu-west-1:111122223333"

HYBRID_PAIR = (
    RunTarget(site="headquarters", sources=("crm",), hosts_join=False),
    RunTarget(site="on-premises", sources=("erp",), hosts_join=True),
)


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    path = tmp_path / "wheel.zip"
    path.write_bytes(b"wheel")
    return path


def airflow(
    bench: Any, plugins: Path, targets: Sequence[RunTarget] = HYBRID_PAIR, **changes: Any
) -> AirflowEnvironment:
    subnets = [
        ec2.Subnet.from_subnet_attributes(
            bench.stack,
            f"Subnet{zone}",
            subnet_id=f"subnet-{zone}",
            availability_zone=f"eu-west-1{zone}",
            route_table_id=f"rtb-{zone}",
        )
        for zone in ("a", "b")
    ]
    requirements = plugins.with_name("requirements.txt")
    requirements.touch()
    bundle = AirflowBundle(
        bench.stack,
        "Bundle",
        bucket=bench.buckets.dags,
        key=bench.buckets.key,
        plugins=plugins,
        requirements=requirements,
    )
    props: dict[str, Any] = {
        "names": bench.names,
        "version": "3.3.1",
        "vpc": bench.vpc,
        "subnets": subnets,
        "key": bench.buckets.key,
        "dag_bucket": bench.buckets.dags,
        "lake_bucket": bench.buckets.lake,
        "bundle": bundle,
        "targets": targets,
        "removal_policy": cdk.RemovalPolicy.RETAIN,
        **changes,
    }
    return AirflowEnvironment(bench.stack, "Airflow", **props)


def statements_by_sid(bench: Any) -> dict[str, dict[str, Any]]:
    found = bench.statements("hybrid-acme-airflow")
    assert len({statement["Sid"] for statement in found}) == len(found)
    return {statement.pop("Sid"): statement for statement in found}


def test_airflow_runs_each_source_only_at_its_own_site(bench: Any, plugins: Path) -> None:
    # Given a source in the cloud and one on premises
    airflow(bench, plugins)

    # Then each family is granted in the one cluster, and neither in the other's
    granted = statements_by_sid(bench)
    for sid, site, source in (("RunTasks1", "headquarters", "crm"), ("RunTasks2", "on-premises", "erp")):
        assert granted[sid] == {
            "Effect": "Allow",
            "Action": "ecs:RunTask",
            "Resource": f"{ECS}:task-definition/hybrid-acme-{source}:*",
            "Condition": {"ArnEquals": {"ecs:cluster": f"{ECS}:cluster/hybrid-acme-{site}"}},
        }


def test_airflow_watches_and_stops_tasks_of_its_sites_and_passes_only_their_roles(
    bench: Any, plugins: Path
) -> None:
    airflow(bench, plugins)

    granted = statements_by_sid(bench)
    clusters = [f"{ECS}:cluster/hybrid-acme-headquarters", f"{ECS}:cluster/hybrid-acme-on-premises"]
    at_the_sites = {"ArnEquals": {"ecs:cluster": clusters}}
    assert granted["WatchAndStopTasks"] == {
        "Effect": "Allow",
        "Action": ["ecs:DescribeTasks", "ecs:StopTask"],
        "Resource": [f"{ECS}:task/hybrid-acme-headquarters/*", f"{ECS}:task/hybrid-acme-on-premises/*"],
        "Condition": at_the_sites,
    }
    assert granted["FindTasks"] == {
        "Effect": "Allow",
        "Action": "ecs:ListTasks",
        "Resource": "*",
        "Condition": at_the_sites,
    }
    assert granted["PassRolesToTasks"] == {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": [
            f"{IAM}:role/hybrid/acme/execution/hybrid-acme-headquarters-execution",
            f"{IAM}:role/hybrid/acme/execution/hybrid-acme-on-premises-execution",
            f"{IAM}:role/hybrid/acme/task/hybrid-acme-crm-task",
            f"{IAM}:role/hybrid/acme/task/hybrid-acme-erp-task",
        ],
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    }
    assert granted["ReadTaskLogs"] == {
        "Effect": "Allow",
        "Action": "logs:GetLogEvents",
        "Resource": [
            f"{LOGS}:log-group:/hybrid/acme/headquarters:log-stream:*",
            f"{LOGS}:log-group:/hybrid/acme/on-premises:log-stream:*",
        ],
    }


def test_airflow_asks_whether_hosts_are_alive_only_where_there_are_hosts(bench: Any, plugins: Path) -> None:
    airflow(bench, plugins)

    granted = statements_by_sid(bench)
    cluster = f"{ECS}:cluster/hybrid-acme-on-premises"
    assert granted["ListHosts"] == {
        "Effect": "Allow",
        "Action": "ecs:ListContainerInstances",
        "Resource": cluster,
    }
    assert granted["DescribeHosts"] == {
        "Effect": "Allow",
        "Action": "ecs:DescribeContainerInstances",
        "Resource": f"{ECS}:container-instance/hybrid-acme-on-premises/*",
        "Condition": {"ArnEquals": {"ecs:cluster": [cluster]}},
    }
    assert granted["DescribeManagedHosts"] == {
        "Effect": "Allow",
        "Action": "ssm:DescribeInstanceInformation",
        "Resource": "*",
    }


def test_an_estate_in_the_cloud_alone_needs_no_liveness_gate(bench: Any, plugins: Path) -> None:
    airflow(bench, plugins, targets=HYBRID_PAIR[:1])

    assert {"ListHosts", "DescribeHosts", "DescribeManagedHosts"}.isdisjoint(statements_by_sid(bench))


def test_the_environment_has_what_mwaa_documents_and_a_receipt_is_all_it_reads_of_the_lake(
    bench: Any, plugins: Path
) -> None:
    airflow(bench, plugins)

    granted = statements_by_sid(bench)
    components = ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    assert granted["PublishMetrics"] == {
        "Effect": "Allow",
        "Action": "airflow:PublishMetrics",
        "Resource": "arn:aws:airflow:eu-west-1:111122223333:environment/hybrid-acme",
    }
    assert granted["WriteAndReadAirflowLogs"]["Resource"] == [
        f"{LOGS}:log-group:airflow-hybrid-acme-{component}:*" for component in components
    ]
    assert granted["ListNoOtherBuckets"] == {
        "Effect": "Deny",
        "Action": "s3:ListAllMyBuckets",
        "Resource": "*",
    }
    assert granted["ReadDagBucket"] == {
        "Effect": "Allow",
        "Action": ["s3:GetBucket*", "s3:GetObject*", "s3:List*"],
        "Resource": ["arn:aws:s3:::dag-bucket", "arn:aws:s3:::dag-bucket/*"],
    }
    assert granted["PutMetrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "AmazonMWAA"}}
    assert granted["UseCeleryQueue"]["Resource"] == "arn:aws:sqs:eu-west-1:*:airflow-celery-*"
    assert granted["UseKey"] == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"],
        "Resource": "arn:aws:kms:eu-west-1:111122223333:key/estate",
        "Condition": {
            "StringEquals": {"kms:ViaService": ["s3.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"]}
        },
    }
    assert granted["ReadReceipts"] == {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": ["arn:aws:s3:::lake/*/_manifest.json", "arn:aws:s3:::lake/*/_part.json"],
    }


def test_only_mwaa_for_this_environment_takes_the_role(bench: Any, plugins: Path) -> None:
    airflow(bench, plugins)

    assert bench.trust("hybrid-acme-airflow") == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["airflow-env.amazonaws.com", "airflow.amazonaws.com"]},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {
                    "aws:SourceArn": "arn:aws:airflow:eu-west-1:111122223333:environment/hybrid-acme"
                },
            },
        }
    ]


@pytest.mark.parametrize("sites", [6, 7, 1000])
def test_beyond_a_handful_of_sites_the_role_names_the_estate_and_grows_no_more(
    bench: Any, plugins: Path, sites: int
) -> None:
    # Given an estate with more sites than a policy can list
    targets = [RunTarget(site=f"plant-{n}", sources=(f"erp-{n}",), hosts_join=True) for n in range(sites)]

    # When its environment is made
    airflow(bench, plugins, targets=targets)

    # Then nothing in its role is about one site
    granted = statements_by_sid(bench)
    assert "plant-" not in json.dumps(granted)
    assert granted["RunTasks"] == {
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": f"{ECS}:task-definition/hybrid-acme-*:*",
        "Condition": {
            "ArnLike": {"ecs:cluster": f"{ECS}:cluster/hybrid-acme-*"},
            "StringEquals": {"aws:ResourceTag/hybrid:estate": "acme"},
        },
    }
    assert granted["PassRolesToTasks"]["Resource"] == [
        f"{IAM}:role/hybrid/acme/execution/*",
        f"{IAM}:role/hybrid/acme/task/*",
    ]


def test_the_longest_policy_that_names_sites_fits_into_its_quota(bench: Any, plugins: Path) -> None:
    # Given as many sources with the longest names as are still named one by one
    def targets(sources: int) -> list[RunTarget]:
        names = tuple(f"{'s' * 38}{n:02}" for n in range(sources))
        return [RunTarget(site="l" * 40, sources=names, hosts_join=True)]

    def is_listed(sources: int) -> bool:
        return allow_runs_of(bench.stack, bench.names, targets(sources))[0].sid == "RunTasks1"

    most = max(sources for sources in range(8, 32) if is_listed(sources))

    # When the environment is made, with buckets of the longest name that S3 allows
    airflow(bench, plugins, targets=targets(most))

    # Then its policy is below the 10,240 characters of an inline policy
    text = json.dumps(bench.statements("hybrid-acme-airflow"), separators=(",", ":"))
    assert 7_000 < len(text) + 3 * (63 - len("dag-bucket")) < 10_240


def test_the_environment_waits_for_bundle_role_logs_and_routes(bench: Any, plugins: Path) -> None:
    # Given an environment
    airflow(bench, plugins)

    # Then CloudFormation makes everything else first
    (environment,) = bench.template().find_resources("AWS::MWAA::Environment").values()
    waits_for = set(environment["DependsOn"])
    for kind in ("AWS::Logs::LogGroup", "AWS::IAM::Role", "Custom::CDKBucketDeployment"):
        names = {
            name
            for name in bench.template().find_resources(kind)
            if not name.startswith(
                ("CustomCDKBucketDeployment", "ObjectDeployment", "AWS679", "FunctionLogs")
            )
        }
        assert names, kind
        assert names <= waits_for, kind


def test_mwaa_is_told_the_version_of_each_file_that_it_installs(bench: Any, plugins: Path) -> None:
    # Given an environment
    airflow(bench, plugins)

    # Then the version is that of the file at the path, asked once the file is there
    environment = bench.only("AWS::MWAA::Environment")
    asked = bench.template().find_resources("Custom::AWS")
    assert len(asked) == 2
    for file in ("Plugins", "Requirements"):
        name, attribute = environment[f"{file}S3ObjectVersion"]["Fn::GetAtt"]
        assert attribute == "VersionId"
        call = json.dumps(asked[name]["Properties"]["Create"])
        assert "headObject" in call
        assert environment[f"{file}S3Path"] in call
        assert call == json.dumps(asked[name]["Properties"]["Update"])
        assert any("BundleDeployment" in one for one in asked[name]["DependsOn"])


def test_the_function_that_asks_for_versions_reads_the_bundle_and_nothing_else(
    bench: Any, plugins: Path
) -> None:
    airflow(bench, plugins)

    policies = bench.template().find_resources("AWS::IAM::Policy").values()
    asking = [policy for policy in policies if "CustomResourcePolicy" in policy["Properties"]["PolicyName"]]
    # What it may read is settled before the files are there: IAM takes its time with a new grant.
    assert not any("DependsOn" in policy for policy in asking)
    statements = [one for policy in asking for one in policy["Properties"]["PolicyDocument"]["Statement"]]
    read = {json.dumps(one["Resource"]) for one in statements if one["Action"] == "s3:GetObject"}
    assert len(read) == 2
    assert all("/airflow/" in resource and "*" not in resource for resource in read)
    assert {one["Action"] for one in statements} == {"s3:GetObject", "kms:Decrypt"}


def test_every_component_logs_to_a_group_that_was_made_before_with_retention_and_key(
    bench: Any, plugins: Path
) -> None:
    airflow(bench, plugins, logging=Logging(levels={"Task": "DEBUG"}, retention_days=30))

    groups = {
        group["Properties"]["LogGroupName"]: group["Properties"]
        for group in bench.template().find_resources("AWS::Logs::LogGroup").values()
        if "LogGroupName" in group["Properties"]
    }
    assert set(groups) == {
        f"airflow-hybrid-acme-{component}"
        for component in ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    }
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    assert all("KmsKeyId" in group for group in groups.values())
    logging = bench.only("AWS::MWAA::Environment")["LoggingConfiguration"]
    assert logging["TaskLogs"] == {"Enabled": True, "LogLevel": "DEBUG"}
    assert logging["WorkerLogs"]["Enabled"] is False


def test_the_components_reach_each_other_and_nobody_else_reaches_them(bench: Any, plugins: Path) -> None:
    airflow(bench, plugins)

    assert "SecurityGroupIngress" not in bench.only("AWS::EC2::SecurityGroup")
    rules = bench.template().find_resources("AWS::EC2::SecurityGroupIngress").values()
    assert {rule["Properties"]["FromPort"] for rule in rules} == {5432, 443}
    for rule in rules:
        properties = rule["Properties"]
        assert properties["SourceSecurityGroupId"] == properties["GroupId"]


def test_size_and_place_are_as_asked(bench: Any, plugins: Path) -> None:
    scale = Scale(environment_class="mw1.large", workers=(2, 20), webservers=(3, 5), schedulers=4)
    airflow(bench, plugins, scale=scale, access="PUBLIC_ONLY", configuration={"core.default_timezone": "utc"})

    environment = bench.only("AWS::MWAA::Environment")
    expected = {
        "Name": "hybrid-acme",
        "AirflowVersion": "3.3.1",
        "EnvironmentClass": "mw1.large",
        "MinWorkers": 2,
        "MaxWorkers": 20,
        "MinWebservers": 3,
        "MaxWebservers": 5,
        "Schedulers": 4,
        "WebserverAccessMode": "PUBLIC_ONLY",
        "DagS3Path": "dags",
        "AirflowConfigurationOptions": {"core.default_timezone": "utc"},
    }
    assert expected.items() <= environment.items()
    assert environment["NetworkConfiguration"]["SubnetIds"] == ["subnet-a", "subnet-b"]


def test_the_path_of_the_plugins_changes_with_their_content_and_with_nothing_else(
    bench: Any, plugins: Path
) -> None:
    # Given two stacks with bundles of the same content, and one of another
    def path(name: str, content: bytes) -> str:
        stack = cdk.Stack(bench.stack.node.root, name)
        plugins.write_bytes(content)
        bundle = AirflowBundle(
            stack, "Bundle", bucket=bench.buckets.dags, key=bench.buckets.key, plugins=plugins
        )
        return bundle.plugins_path

    one, same, other = path("one", b"1"), path("same", b"1"), path("other", b"2")

    # Then only the other one would update the environment
    assert one == same
    assert one != other


def test_fewer_than_two_subnets_are_refused(bench: Any, plugins: Path) -> None:
    with pytest.raises(ValueError, match="exactly two private subnets in two zones, not 0"):
        airflow(bench, plugins, subnets=[])
