"""`bin/hybrid sites retire`: a site that left the file leaves the account, and nothing goes unnamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fleet_estate import DeployedEstate, LocalAws

from hybrid.estate.naming import Names

pytestmark = pytest.mark.slow


def _create(aws: LocalAws, name: str, resources: dict[str, Any], *, estate: str, **more: Any) -> None:
    stacks = aws.client("cloudformation")
    stacks.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources, **more}),
        Tags=[{"Key": "hybrid:estate", "Value": estate}],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )


def _site(names: Names, site: str) -> dict[str, Any]:
    """A site's stack as it is deployed: cluster and role go with it, its secret and its logs stay."""
    kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
    return {
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": names.cluster(site)}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": names.anywhere_role(site),
                "Path": names.role_path("anywhere"),
                "AssumeRolePolicyDocument": trust,
            },
        },
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": names.log_group(site)},
            **kept,
        },
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": names.activation_secret(site)},
            **kept,
        },
    }


@pytest.fixture
def left(deploy: Callable[..., DeployedEstate], aws_environment: LocalAws) -> DeployedEstate:
    """An estate with a site `attic` that has a stack, and that `leave` takes out of the file."""
    found = deploy(["depot", "attic"], deployed=["depot"])
    template = _site(found.names, "attic")
    _create(aws_environment, found.names.site_stack("attic"), template, estate=found.name)
    return found


def _leave(estate: DeployedEstate) -> None:
    text = estate.file.read_text()
    estate.file.write_text(text.replace("  attic: {kind: anywhere}\n", ""))


def _stacks(estate: DeployedEstate) -> set[str]:
    pages = estate.aws.client("cloudformation").get_paginator("describe_stacks").paginate()
    names = [one["StackName"] for page in pages for one in page["Stacks"]]
    return {name for name in names if name.startswith(f"hybrid-{estate.name}-site-")}


def _nodes(estate: DeployedEstate) -> set[str]:
    pages = estate.aws.client("ssm").get_paginator("describe_instance_information").paginate()
    return {node["InstanceId"] for page in pages for node in page["InstanceInformationList"]}


def _retire(estate: DeployedEstate, *options: str) -> Any:
    return estate.run("sites", "retire", "attic", *options)


def test_hosts_activations_and_stack_of_a_site_that_left_go_and_are_named_first(
    left: DeployedEstate,
) -> None:
    # Given a site that left the file, with a host that joined, and a code with which another could
    host = left.host("rack-9", site="attic")
    made = left.run("sites", "activate", "attic", "--to-file", str(left.file.with_name("code")))
    assert made.exit_code == 0, made.output
    (live,) = [one["ActivationId"] for one in left.activations() if one["RegistrationsCount"] == 0]
    _leave(left)

    # When nobody can be asked
    asked = _retire(left)

    # Then all of it is named, and nothing happened
    assert asked.exit_code == 2
    assert "nobody can be asked here, so nothing was changed: add --yes" in asked.stderr
    stack = left.names.site_stack("attic")
    for line in (
        f"deregisters rack-9 ({host.node}, ready)",
        f"revokes activation {live}",
        f"deletes stack {stack}, with",
        f"- AWS::ECS::Cluster {left.names.cluster('attic')}",
        f"- AWS::IAM::Role {left.names.anywhere_role('attic')}",
        f"keeps AWS::SecretsManager::Secret {left.names.activation_secret('attic')}",
        f"keeps AWS::Logs::LogGroup {left.names.log_group('attic')}",
    ):
        assert line in asked.stdout.splitlines()
    assert stack in _stacks(left)
    assert live in [one["ActivationId"] for one in left.activations()]

    # And when it is said so, it goes; the other site, the secret and the logs stay
    done = _retire(left, "--yes")
    assert done.exit_code == 0, done.output
    assert _stacks(left) == {left.names.site_stack("depot")}
    assert live not in [one["ActivationId"] for one in left.activations()]
    assert host.node not in _nodes(left)
    secrets = left.aws.client("secretsmanager")
    assert secrets.describe_secret(SecretId=left.names.activation_secret("attic"))
    groups = left.aws.client("logs").describe_log_groups(logGroupNamePrefix=left.names.log_group("attic"))
    assert len(groups["logGroups"]) == 1

    # And once more there is nothing to do
    again = _retire(left, "--yes")
    assert again.exit_code == 2
    assert f"there is no stack {stack}" in again.stderr


def test_the_secrets_go_too_where_that_is_wanted(left: DeployedEstate) -> None:
    _leave(left)

    done = _retire(left, "--with-secrets", "--yes", "--json")

    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    secret = left.names.activation_secret("attic")
    assert f"deleted secret {secret}" in document["done"]
    assert f"deletes for good AWS::SecretsManager::Secret {secret}" in done.stderr
    with pytest.raises(ClientError, match="ResourceNotFound"):
        left.aws.client("secretsmanager").describe_secret(SecretId=secret)


def test_a_site_of_the_file_is_not_retired(left: DeployedEstate) -> None:
    refused = _retire(left, "--yes")

    assert refused.exit_code == 2
    assert "site `attic` is in the estate file" in refused.stderr
    assert left.names.site_stack("attic") in _stacks(left)


def test_a_site_that_the_deployed_dags_still_use_is_not_retired(left: DeployedEstate) -> None:
    # Given DAGs that were deployed before the site was taken out of the file
    bucket = f"{left.name}-dags"
    left.aws.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    left.aws.client("s3").put_object(
        Bucket=bucket, Key="dags/manifest.json", Body=json.dumps({"sites": {"attic": {}}}).encode()
    )
    _create(
        left.aws,
        left.names.stack("storage"),
        {"Topic": {"Type": "AWS::SNS::Topic"}},
        estate=left.name,
        Outputs={"DagBucketName": {"Value": bucket}},
    )
    _leave(left)

    refused = _retire(left, "--yes")

    assert refused.exit_code == 2
    assert "the DAGs that are deployed still use site `attic`" in refused.stderr
    assert left.names.site_stack("attic") in _stacks(left)

    # And once they are deployed without it, it is
    left.aws.client("s3").put_object(Bucket=bucket, Key="dags/manifest.json", Body=b'{"sites": {}}')
    assert _retire(left, "--yes").exit_code == 0


def test_a_site_with_tasks_is_left_alone(left: DeployedEstate) -> None:
    host = left.host("rack-9", site="attic")
    left.host("rack-1", site="depot")
    host.report(left.start_task(site="attic"), "RUNNING")
    _leave(left)

    refused = _retire(left, "--yes")

    assert refused.exit_code == 2
    assert "host rack-9 has 1 task" in refused.stderr
    assert left.names.site_stack("attic") in _stacks(left)
    assert host.node in _nodes(left)


def test_what_is_planned_is_only_said(left: DeployedEstate) -> None:
    _leave(left)

    told = _retire(left, "--dry-run")

    assert told.exit_code == 0, told.output
    assert f"deletes stack {left.names.site_stack('attic')}, with" in told.stdout
    assert left.names.site_stack("attic") in _stacks(left)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ([{"Key": "hybrid:estate", "Value": "another"}], "is of estate `another`: nothing was changed"),
        ([], "carries no tag `hybrid:estate`"),
    ],
)
def test_the_stack_of_another_estate_or_of_nobody_is_not_taken(
    left: DeployedEstate, tags: list[Any], says: str
) -> None:
    # Given an estate whose site has a stack that is named as one of this estate's would be
    name = left.names.site_stack("cellar")
    left.aws.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
        Tags=tags,
    )

    refused = left.run("sites", "retire", "cellar", "--yes")

    assert refused.exit_code == 2
    assert says in refused.stderr
    assert name in _stacks(left)
