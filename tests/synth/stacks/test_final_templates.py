"""Each flaw, planted in a template, trips its rule, whatever wrote it there."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from hybrid.review.flaws import RULES, flaws
from hybrid.review.flaws.page import page
from stacks.checks import add_checks
from workspace.paths import ROOT

ACCOUNT = "111122223333"
SOUND = json.loads((Path(__file__).parent / "templates" / "sound.json").read_text(encoding="utf-8"))

#: An AWS::IAM::Role's statement in the sound template, and the one of its trust.
PASSING = "AirflowRole.Policies.0.PolicyDocument.Statement.0"
STATEMENT = "TaskRole.Policies.0.PolicyDocument.Statement.0"
TRUST = "TaskRole.AssumeRolePolicyDocument.Statement.0"
CONTAINER = "TaskDefinition.ContainerDefinitions.0"
ROOT_OF_ANOTHER = "arn:aws:iam::999988887777:root"


def policy(principal: Any, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def another(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


#: Rule → where in the sound template a flaw is written; without a place, a resource that is added.
PLANTED: dict[str, list[tuple[str, Any]]] = {
    "HOUSE_PASS_ROLE": [
        (f"{PASSING}.Resource", "*"),
        (f"{PASSING}.Resource", "arn:aws:iam::111122223333:role/*"),
        (f"{PASSING}.Resource", ["arn:aws:iam::111122223333:role/hybrid*"]),
        (f"{PASSING}.Resource", {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":role/*"]]}),
        (f"{PASSING}.Resource", "arn:aws:iam::*:role/hybrid/acme/task/*"),
        (f"{PASSING}.Action", "iam:Pass*"),
        (f"{PASSING}.Action", ["iam:passrol?"]),
        (f"{PASSING}.Condition", {"StringLike": {"iam:PassedToService": "*"}}),
        (f"{PASSING}.Condition", {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        (f"{STATEMENT}", {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),
        ("Policy.PolicyDocument.Statement.0.Resource", ["arn:aws:iam::111122223333:role/*"]),
    ],
    "HOUSE_ACTION_PATTERN": [
        (f"{STATEMENT}.Action", "iam:Create*"),
        (f"{STATEMENT}.Action", "sts:*"),
        (f"{STATEMENT}.Action", "secretsmanager:Get*"),
        (f"{STATEMENT}", {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    ],
    "HOUSE_RESOURCE_NAMED": [
        (f"{STATEMENT}", {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}),
        (
            f"{STATEMENT}",
            {
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
            },
        ),
        (f"{STATEMENT}", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}),
    ],
    "HOUSE_MANAGED_POLICY": [
        ("TaskRole.ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
        (
            "TaskRole.ManagedPolicyArns",
            [{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/PowerUserAccess"]]}],
        ),
        ("TaskRole.ManagedPolicyArns", ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]),
    ],
    "HOUSE_TRUST": [
        (f"{TRUST}.Principal", {"AWS": ROOT_OF_ANOTHER}),
        (f"{TRUST}.Principal", {"AWS": "999988887777"}),
        (f"{TRUST}.Principal", {"AWS": ["arn:aws:iam::111122223333:role/a", ROOT_OF_ANOTHER]}),
        (f"{TRUST}.Principal", {"AWS": "*"}),
        (f"{TRUST}.Principal", "*"),
        (f"{TRUST}.Principal", {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}),
        (f"{TRUST}", {"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "1"}}),
        (
            f"{TRUST}",
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": "cognito-identity.amazonaws.com"},
            },
        ),
        (f"{TRUST}.Condition.StringEquals", {"aws:SourceAccount": "999988887777"}),
        (f"{TRUST}.Condition", {"StringLike": {"aws:SourceAccount": "*"}}),
    ],
    "HOUSE_SOURCE": [
        (f"{TRUST}.Condition.ArnLike", {"aws:SourceArn": "*"}),
        (f"{TRUST}.Condition.ArnLike", {"aws:SourceArn": "arn:aws:ecs:eu-west-1:*:*"}),
        (f"{TRUST}.Condition.ArnLike", {"aws:SourceArn": "arn:aws:ecs:eu-west-1:999988887777:*"}),
        (f"{TRUST}.Condition.StringEquals", {"AWS:sourceaccount": "999988887777"}),
    ],
    "HOUSE_RESOURCE_POLICY": [
        ("", another("AWS::SecretsManager::ResourcePolicy", ResourcePolicy=policy("*"))),
        ("", another("AWS::SecretsManager::ResourcePolicy", ResourcePolicy=policy({"AWS": ROOT_OF_ANOTHER}))),
        ("", another("AWS::KMS::Key", KeyPolicy=policy({"AWS": ROOT_OF_ANOTHER}))),
        ("", another("AWS::KMS::Key", KeyPolicy=policy({"AWS": "*"}, Condition={"Bool": {"a:b": "true"}}))),
        ("", another("AWS::SNS::TopicPolicy", PolicyDocument=policy({"AWS": "999988887777"}))),
        ("", another("AWS::SQS::QueuePolicy", PolicyDocument=policy("*"))),
        ("", another("AWS::S3::BucketPolicy", PolicyDocument=policy({"AWS": ROOT_OF_ANOTHER}))),
        ("", another("AWS::ECR::Repository", RepositoryPolicyText=policy("*"))),
        ("", another("AWS::Logs::ResourcePolicy", PolicyDocument=json.dumps(policy("*")))),
        ("", another("AWS::Lambda::Permission", Principal="*", Action="lambda:InvokeFunction")),
        ("", another("AWS::Lambda::Permission", Principal="999988887777", Action="lambda:InvokeFunction")),
    ],
    "HOUSE_INGRESS": [
        ("SecurityGroup.SecurityGroupIngress.0.CidrIp", "0.0.0.0/0"),
        ("SecurityGroup.SecurityGroupIngress.0.CidrIp", "0.0.0.0/1"),
        ("SecurityGroup.SecurityGroupIngress.0.CidrIp", "128.0.0.0/1"),
        ("SecurityGroup.SecurityGroupIngress.0.CidrIp", "52.0.0.0/8"),
        ("SecurityGroup.SecurityGroupIngress.0", {"IpProtocol": "-1", "CidrIpv6": "::/0"}),
        ("SecurityGroup.SecurityGroupIngress.0", {"IpProtocol": "-1", "CidrIpv6": "2000::/3"}),
        ("SecurityGroupRule.CidrIp", "0.0.0.0/1"),
    ],
    "HOUSE_PUBLIC_ADDRESS": [("", another("AWS::EC2::Subnet", MapPublicIpOnLaunch=True))],
    "HOUSE_CONTAINER_HOST": [
        (f"{CONTAINER}.LinuxParameters.Capabilities", {"Add": ["SYS_ADMIN"], "Drop": ["ALL"]}),
        (f"{CONTAINER}.LinuxParameters.Capabilities", {"Drop": ["NET_RAW"]}),
        (f"{CONTAINER}.LinuxParameters", None),
        ("TaskDefinition.Volumes", [{"Name": "d", "Host": {"SourcePath": "/var/run/docker.sock"}}]),
        ("TaskDefinition.Volumes", [{"Name": "d", "Host": {"SourcePath": "/"}}]),
        ("TaskDefinition.PidMode", "host"),
        ("TaskDefinition.IpcMode", "host"),
        (f"{CONTAINER}.Privileged", True),
        (f"{CONTAINER}.DockerSecurityOptions", ["apparmor:unconfined"]),
        (f"{CONTAINER}.LinuxParameters.Devices", [{"HostPath": "/dev/sda"}]),
    ],
    "HOUSE_FARGATE": [
        (
            "TaskDefinition",
            {
                "RequiresCompatibilities": ["FARGATE"],
                "ContainerDefinitions": [
                    {
                        "Name": "etl",
                        "LinuxParameters": {
                            "Capabilities": {"Drop": ["ALL"]},
                            "Tmpfs": [{"ContainerPath": "/scratch", "Size": 64}],
                        },
                    }
                ],
            },
        )
    ],
    "HOUSE_CLEAR_TEXT": [
        (f"{CONTAINER}.Environment", [{"Name": "DB_PASSWORD", "Value": "hunter2"}]),
        (f"{CONTAINER}.Environment", [{"Name": "PGPASSWORD", "Value": {"Ref": "Parameter"}}]),
        (f"{CONTAINER}.Environment", [{"Name": "API_TOKEN", "Value": "hunter2"}]),
        (f"{CONTAINER}.Environment", [{"Name": "URL", "Value": "postgresql://me:hunter2@db/crm"}]),
        (f"{CONTAINER}.Command", ["--dsn", "mysql://me:hunter2@db/crm"]),
        ("", another("AWS::Lambda::Function", Environment={"Variables": {"DB_PASSWORD": "hunter2"}})),
    ],
    "HOUSE_AIRFLOW_OPTIONS": [
        ("Environment.AirflowConfigurationOptions", {"smtp.smtp_password": "hunter2"}),
        ("Environment.AirflowConfigurationOptions", {"core.dags_folder": "/dags"}),
    ],
    "HOUSE_FUNCTION_LOG": [
        ("Function.LoggingConfig", None),
        ("Function.LoggingConfig", {"LogGroup": "/aws/lambda/the-functions-own"}),
        ("Function.LoggingConfig", {"LogGroup": {"Ref": "Secret"}}),
        ("", another("AWS::Lambda::Function", Runtime="nodejs24.x")),
    ],
    "HOUSE_KEY_OF_AWS": [
        ("Secret.KmsKeyId", "alias/aws/secretsmanager"),
        (
            "Secret.KmsKeyId",
            {"Fn::Sub": "arn:aws:kms:${AWS::Region}:${AWS::AccountId}:alias/aws/secretsmanager"},
        ),
        ("Environment.KmsKey", "alias/aws/airflow"),
        ("", another("AWS::SNS::Topic", KmsMasterKeyId="alias/aws/sns")),
    ],
    "HOUSE_SECRET_VALUE": [
        ("Secret.SecretString", "hunter2"),
        ("Secret.GenerateSecretString", {"PasswordLength": 20}),
        ("", another("AWS::SSM::Parameter", Name="/acme/db_password", Value="hunter2")),
    ],
}
CASES = [(rule, where, flaw) for rule, planted in PLANTED.items() for where, flaw in planted]


def test_every_rule_has_a_planted_flaw() -> None:
    assert set(PLANTED) == set(RULES)


def test_a_sound_template_has_no_flaw() -> None:
    assert list(flaws(SOUND, account=ACCOUNT)) == []


@pytest.mark.parametrize(
    ("rule", "where", "flaw"), CASES, ids=[f"{n}-{rule}-{where}" for n, (rule, where, _) in enumerate(CASES)]
)
def test_a_planted_flaw_trips_its_rule_at_its_resource(rule: str, where: str, flaw: Any) -> None:
    template = planted(SOUND, where, flaw)

    found = [one for one in flaws(template, account=ACCOUNT) if one.rule == rule]

    assert {one.resource for one in found} == {where.split(".", maxsplit=1)[0] or "Planted"}
    assert all("hunter2" not in one.sentence for one in found)


def test_templates_of_estates_have_no_flaw(synthesize: Any, estate_assembly: Any) -> None:
    wide = {
        "environment": {"account": ACCOUNT, "alarm_email": "duty@example.org"},
        "network": {"egress": "endpoints"},
        "sites": {f"plant-{n}": {"kind": "anywhere"} for n in range(8)},
        "sources": {f"plant-{n}": {"site": f"plant-{n}", "engine": "mysql"} for n in range(8)},
        "airflow": {"secrets_backend": True},
    }
    for assembly in (estate_assembly, synthesize(wide)):
        for name, template in assembly.templates().items():
            assert list(flaws(template, account=ACCOUNT)) == [], name


def test_what_an_override_writes_fails_the_synth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a role, a task definition and a secret, each spoilt by the escape hatch after cdk-nag's view of it
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False, stack_traces=False)
    stack = cdk.Stack(app, "stack", env=cdk.Environment(account=ACCOUNT, region="eu-west-1"))
    role = iam.CfnRole(
        stack, "Role", assume_role_policy_document=policy({"AWS": f"arn:aws:iam::{ACCOUNT}:role/one"})
    )
    role.add_property_override("AssumeRolePolicyDocument.Statement.0.Principal.AWS", ROOT_OF_ANOTHER)
    task = ecs.CfnTaskDefinition(stack, "Task", container_definitions=[])
    task.add_property_override("PidMode", "host")
    secret = secretsmanager.CfnSecret(stack, "Secret", kms_key_id="arn:aws:kms:eu-west-1:1:key/x")
    secret.add_property_override("KmsKeyId", "alias/aws/secretsmanager")

    # When the app is checked as `cdk synth` does it
    add_checks(app)
    monkeypatch.setenv("CDK_APP_MODE", "process")
    with pytest.raises(RuntimeError):
        app.synth()

    # Then the report has all three
    report = json.loads((tmp_path / "validation-report.json").read_text(encoding="utf-8"))
    (own,) = [one for one in report["pluginReports"] if one["pluginName"] == "Repository"]
    assert {"HOUSE_TRUST", "HOUSE_CONTAINER_HOST", "HOUSE_KEY_OF_AWS"} <= {
        violation["ruleName"] for violation in own["violations"]
    }


def test_the_page_of_flaws_is_the_one_of_the_rules() -> None:
    assert (ROOT / "docs/reference/flaws.md").read_text(encoding="utf-8") == page()


def planted(template: Mapping[str, Any], where: str, flaw: Any) -> dict[str, Any]:
    """The template with a flaw at a place of a resource's properties, or with one resource more."""
    result = copy.deepcopy(dict(template))
    if not where:
        result["Resources"]["Planted"] = flaw
        return result
    name, *path = where.split(".")
    if not path:
        result["Resources"][name]["Properties"] = flaw
        return result
    place: Any = result["Resources"][name]["Properties"]
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(path[-1])] = flaw
    elif flaw is None:
        del place[path[-1]]
    else:
        place[path[-1]] = flaw
    return result
