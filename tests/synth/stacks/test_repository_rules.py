"""The rules of this repository: each finds its flaw, and finds nothing in a template without one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_s3 as s3

from stacks.checks import RULES, add_checks, cloudformation_rules

TEMPLATES = Path(__file__).parent / "templates"

#: Rule → where in the sound template a value stands, and the flaw in its place (None takes it away).
FLAWS: dict[str, list[tuple[str, Any]]] = {
    "HOUSE_TRUST_NAMES_ACCOUNT": [
        ("TaskRole.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals", None),
        ("TaskRole.AssumeRolePolicyDocument.Statement.0.Condition", None),
    ],
    "HOUSE_TRUST_NAMES_SOURCE": [
        ("TaskRole.AssumeRolePolicyDocument.Statement.0.Condition.ArnLike", None),
    ],
    "HOUSE_PASS_ROLE_NAMES_ROLES": [
        ("AirflowRole.Policies.0.PolicyDocument.Statement.0.Resource", "*"),
        ("AirflowRole.Policies.0.PolicyDocument.Statement.0.Resource", ["arn:aws:iam::1:role/a", "*"]),
        ("AirflowRole.Policies.0.PolicyDocument.Statement.0.Condition", None),
    ],
    "HOUSE_PASS_ROLE_NAMES_ROLES_IN_POLICIES": [
        ("Policy.PolicyDocument.Statement.0.Resource", "*"),
        ("Policy.PolicyDocument.Statement.0.Condition", None),
    ],
    "HOUSE_NO_ACTION_WILDCARD": [
        ("TaskRole.Policies.0.PolicyDocument.Statement.0.Action", "*"),
        ("TaskRole.Policies.0.PolicyDocument.Statement.0.Action", ["s3:GetObject", "s3:*"]),
    ],
    "HOUSE_NO_ACTION_WILDCARD_IN_POLICIES": [
        ("Policy.PolicyDocument.Statement.0.Action", ["iam:PassRole", "ecs:*"]),
    ],
    "HOUSE_BUCKET_PRIVATE": [
        ("Bucket.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
        ("Bucket.PublicAccessBlockConfiguration", None),
    ],
    "HOUSE_BUCKET_ENCRYPTED": [("Bucket.BucketEncryption", None)],
    "HOUSE_BUCKET_VERSIONED": [
        ("Bucket.VersioningConfiguration", None),
        ("Bucket.VersioningConfiguration.Status", "Suspended"),
    ],
    "HOUSE_BUCKET_POLICY_NOT_PUBLIC": [
        ("BucketPolicy.PolicyDocument.Statement.1.Principal", "*"),
        ("BucketPolicy.PolicyDocument.Statement.1.Principal", {"AWS": "*"}),
    ],
    "HOUSE_BUCKET_TLS_ONLY": [
        ("BucketPolicy.PolicyDocument.Statement.0.Condition", None),
        ("BucketPolicy.PolicyDocument.Statement.0.Condition.Bool", {"aws:SecureTransport": "true"}),
    ],
    "HOUSE_LOG_GROUP_ENDS": [("LogGroup.RetentionInDays", None)],
    "HOUSE_LOG_GROUP_ENCRYPTED": [("LogGroup.KmsKeyId", None)],
    "HOUSE_SECRET_HAS_NO_VALUE": [("Secret.SecretString", "swordfish")],
    "HOUSE_SECRET_ENCRYPTED": [("Secret.KmsKeyId", None)],
    "HOUSE_IMAGES_IMMUTABLE": [
        ("Repository.ImageTagMutability", "MUTABLE"),
        ("Repository.ImageScanningConfiguration", None),
    ],
    "HOUSE_SECURITY_GROUP_CLOSED": [
        ("SecurityGroup.SecurityGroupIngress.0.CidrIp", "0.0.0.0/0"),
        ("SecurityGroup.SecurityGroupIngress.0", {"IpProtocol": "tcp", "CidrIpv6": "::/0"}),
    ],
    "HOUSE_SECURITY_GROUP_RULE_CLOSED": [
        ("SecurityGroupRule.CidrIp", "0.0.0.0/0"),
        ("SecurityGroupRule.CidrIpv6", "::/0"),
    ],
    "HOUSE_AIRFLOW_CLASS": [("Environment.EnvironmentClass", "mw1.huge")],
    "HOUSE_AIRFLOW_KEY": [("Environment.KmsKey", None)],
    "HOUSE_AIRFLOW_PATHS_NAME_CONTENT": [
        ("Environment.PluginsS3Path", "plugins.zip"),
        ("Environment.RequirementsS3Path", "requirements.txt"),
    ],
    "HOUSE_AIRFLOW_TASK_LOGS": [("Environment.LoggingConfiguration", None)],
    "HOUSE_CONTAINER_CONFINED": [
        ("TaskDefinition.ContainerDefinitions.0.ReadonlyRootFilesystem", None),
        ("TaskDefinition.ContainerDefinitions.0.User", None),
        ("TaskDefinition.ContainerDefinitions.0.User", "0:0"),
        ("TaskDefinition.ContainerDefinitions.0.Privileged", True),
        ("TaskDefinition.ContainerDefinitions.0.LogConfiguration", None),
    ],
}
CASES = [(rule, where, flaw) for rule, flaws in FLAWS.items() for where, flaw in flaws]

Findings = Callable[[Mapping[str, Any]], set[tuple[str, str]]]


@jsii.implements(cdk.IPolicyValidationContext)
class OneTemplate:
    """What a validation plugin is told of an app, for one template."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    @property
    def stack_templates(self) -> list[cdk.PolicyValidationStack]:
        return [cdk.PolicyValidationStack(stack_construct_path="stack", template_path=self._path)]

    @property
    def template_paths(self) -> list[str]:
        return [self._path]


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    """Rule and logical id of every error in a template."""

    def found(template: Mapping[str, Any]) -> set[tuple[str, str]]:
        path = tmp_path / "stack.template.json"
        path.write_text(json.dumps(template), encoding="utf-8")
        engine, context = cloudformation_rules(), cast("cdk.IPolicyValidationContext", OneTemplate(path))
        return {
            (violation.rule_name, resource.resource_logical_id or "")
            for violation in engine.validate(context).violations
            for resource in violation.violating_resources
            if violation.rule_name.startswith("HOUSE_")
        }

    return found


@pytest.fixture
def sound() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((TEMPLATES / "sound.json").read_text(encoding="utf-8"))
    return loaded


def test_a_sound_template_passes_every_rule(findings: Findings, sound: dict[str, Any]) -> None:
    assert findings(sound) == set()


@pytest.mark.parametrize(
    ("rule", "where", "flaw"), CASES, ids=[f"{rule}-{where}" for rule, where, _ in CASES]
)
def test_a_rule_finds_its_flaw_where_it_is(
    findings: Findings, sound: dict[str, Any], rule: str, where: str, flaw: Any
) -> None:
    # Given a template that is sound but for one thing
    flawed = spoilt(sound, where, flaw)

    # Then the rule of that thing finds it, at the resource that has it
    assert (rule, where.split(".", maxsplit=1)[0]) in findings(flawed)


def test_a_user_is_found(findings: Findings, sound: dict[str, Any]) -> None:
    sound["Resources"]["Somebody"] = {"Type": "AWS::IAM::User"}

    assert "HOUSE_NO_USERS" in {rule for rule, _ in findings(sound)}


def test_every_rule_is_put_to_the_test() -> None:
    written = {
        line.split()[1]
        for file in RULES.glob("*.guard")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("rule ")
    }

    assert written == {*FLAWS, "HOUSE_NO_USERS"}
    assert len(written) >= 8


def test_the_rules_are_part_of_every_synth(tmp_path: Path) -> None:
    # Given an app as app.py checks it, with a bucket that could become public
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    s3.CfnBucket(cdk.Stack(app, "stack"), "Bucket")
    add_checks(app)

    # When it is synthesized, Then that fails and says which rule, and what to do
    with pytest.raises(
        RuntimeError, match=r"(?s)block all four kinds of public access.*HOUSE_BUCKET_PRIVATE"
    ):
        app.synth()


def spoilt(template: Mapping[str, Any], where: str, flaw: Any) -> dict[str, Any]:
    """The template with one value of one resource's properties replaced, or taken away."""
    result = copy.deepcopy(dict(template))
    name, *path, last = where.split(".")
    place: Any = result["Resources"][name]["Properties"]
    for step in path:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(last)] = flaw
    elif flaw is None:
        del place[last]
    else:
        place[last] = flaw
    return result
