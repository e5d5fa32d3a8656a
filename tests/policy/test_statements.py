"""What holds for every statement of the estate's own roles, whatever the matrix asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hybrid.review.policies import Role, as_list, statements
from tests.policy.matrix import estate

#: Actions that take no resource (Service Authorization Reference): for these, and only these, `*` is right.
_WITHOUT_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    "ecr:GetAuthorizationToken",
    "ecs:DiscoverPollEndpoint",
    "s3:GetAccountPublicAccessBlock",
    "ssm:DescribeInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}

#: On `*` as well: a condition is their wall, or MWAA asks for them in its list of permissions.
_OTHERWISE_BOUND = {"ecs:ListTasks": "ecs:cluster", "logs:DescribeLogGroups": None}


def _own_roles(name: str = "acme") -> list[Role]:
    return [role for role in estate(name).policies.roles if role.path.startswith("/hybrid/")]


def _allowing() -> Iterator[tuple[Role, Mapping[str, Any]]]:
    for role in _own_roles():
        for document in role.policies.values():
            for statement in statements(document):
                if statement["Effect"] == "Allow":
                    yield role, statement


def _condition_keys(statement: Mapping[str, Any]) -> set[str]:
    return {key for keys in statement.get("Condition", {}).values() for key in keys}


def test_no_own_role_has_a_managed_policy() -> None:
    assert [role.name for role in _own_roles() if role.managed] == []


def test_every_statement_has_a_sid_of_its_own() -> None:
    for role in _own_roles():
        sids = [s.get("Sid") for document in role.policies.values() for s in statements(document)]
        assert None not in sids
        assert len(sids) == len(set(sids)), role.name


def test_every_trust_names_account_and_source_of_each_service() -> None:
    for role in _own_roles():
        for statement in statements(role.trust):
            assert statement["Action"] == "sts:AssumeRole", role.name
            assert set(statement["Principal"]) == {"Service"}, role.name
            assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}, role.name
            assert _condition_keys(statement) == {"aws:SourceAccount", "aws:SourceArn"}, role.name


def test_a_star_stands_only_where_an_action_takes_no_resource() -> None:
    for role, statement in _allowing():
        if as_list(statement["Resource"]) != ["*"]:
            assert "*" not in as_list(statement["Resource"])
            continue
        for action in as_list(statement["Action"]):
            if action in _OTHERWISE_BOUND:
                wall = _OTHERWISE_BOUND[action]
                assert wall is None or wall in _condition_keys(statement), (role.name, action)
            else:
                assert action in _WITHOUT_RESOURCE, (role.name, action)


def test_a_resource_names_its_own_region_and_account() -> None:
    place = estate("acme").stack
    for role, statement in _allowing():
        for arn in as_list(statement["Resource"]):
            if arn == "*":
                continue
            _, partition, service, region, account, _ = arn.split(":", 5)
            assert partition == place.partition
            assert region == ("" if service in {"iam", "s3"} else place.region), (role.name, arn)
            expected = {"s3": "", "sqs": "*"}.get(service, place.account)
            assert account == expected, (role.name, arn)


def test_every_use_of_the_key_goes_through_a_service() -> None:
    for role, statement in _allowing():
        if any(action.startswith("kms:") for action in as_list(statement["Action"])):
            assert "kms:ViaService" in _condition_keys(statement), (role.name, statement["Sid"])


def test_only_airflow_passes_roles_and_only_to_tasks() -> None:
    passing = [(r, s) for r, s in _allowing() if "iam:PassRole" in as_list(s["Action"])]

    assert {role.name for role, _ in passing} == {"hybrid-acme-airflow"}
    for _, statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


@pytest.mark.parametrize("word", ["Create", "Put", "Delete", "Attach", "Update", "Tag"])
def test_no_own_role_changes_iam(word: str) -> None:
    for _, statement in _allowing():
        assert not any(action.startswith(f"iam:{word}") for action in as_list(statement["Action"]))
