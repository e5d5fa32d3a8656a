"""What holds for every statement of the estate's own roles, whatever the matrix asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.review.assembly import Stack
from hybrid.review.policies import Role, as_list, statements

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

#: Wildcards among actions: those of the MWAA User Guide ("Amazon MWAA execution role"), for Airflow's role.
_DOCUMENTED_ACTIONS = {"kms:GenerateDataKey*", "s3:GetBucket*", "s3:GetObject*", "s3:List*"}

#: A wildcard that is not a whole part of a name: MWAA's queue, as documented, and the six characters with
#: which Secrets Manager ends an ARN.
_PARTIAL_WILDCARD = re.compile(r":airflow-celery-\*$|-\?{6}$")

#: A wildcard is a whole part of a name: `family:*`, never `family*`, which would match a neighbour too.
_WHOLE_WILDCARD = re.compile(r"(?<=[/:])\*(?=[/:]|$)")

#: Services that take the roles of a kind.
_TRUSTED = {
    "airflow": {"airflow.amazonaws.com", "airflow-env.amazonaws.com"},
    "anywhere": {"ssm.amazonaws.com"},
    "execution": {"ecs-tasks.amazonaws.com"},
    "task": {"ecs-tasks.amazonaws.com"},
}

#: Account in the ARNs of a service, where it is not the estate's: buckets have none, and MWAA's queue is in
#: an account of the service.
_ACCOUNT_OF = {"s3": "", "sqs": "*"}


def faults(role: Role, place: Stack) -> list[str]:
    """What is wrong with a role, a line each; empty for a good one."""
    found = list(_trust_faults(role))
    if role.managed:
        found.append(f"has managed policies: {', '.join(role.managed)}")
    for document in role.policies.values():
        sids = [statement.get("Sid") for statement in statements(document)]
        if None in sids or len(sids) != len(set(sids)):
            found.append("has statements without a sid of their own")
        for statement in statements(document):
            if statement["Effect"] == "Allow":
                sid = statement.get("Sid", "?")
                found += [f"{sid}: {fault}" for fault in _statement_faults(statement, role, place)]
    return found


def _trust_faults(role: Role) -> Iterator[str]:
    for statement in statements(role.trust):
        if statement["Action"] != "sts:AssumeRole":
            yield f"trust: allows {statement['Action']}"
        if set(statement["Principal"]) != {"Service"}:
            yield "trust: a principal is no service"
        elif set(as_list(statement["Principal"]["Service"])) != _TRUSTED[role.path.strip("/").split("/")[2]]:
            yield "trust: lets other services in, or not its own"
        condition = statement.get("Condition", {})
        if {operator: set(keys) for operator, keys in condition.items()} != {
            "StringEquals": {"aws:SourceAccount"},
            "ArnLike": {"aws:SourceArn"},
        }:
            yield "trust: is not closed by account and source"


def _statement_faults(statement: Mapping[str, Any], role: Role, place: Stack) -> Iterator[str]:
    actions = as_list(statement["Action"])
    keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
    for arn in as_list(statement["Resource"]):
        if arn == "*":
            yield from _star_faults(actions, keys)
        else:
            yield from _place_faults(arn, place)
            rest = _PARTIAL_WILDCARD.sub("", _WHOLE_WILDCARD.sub("", arn.split(":", 5)[5]))
            if re.search(r"[*?]", rest) and not _PARTIAL_WILDCARD.search(arn):
                yield f"{arn} has a wildcard that would match a neighbour's name"
    if [a for a in actions if "*" in a and ("/airflow/" not in role.path or a not in _DOCUMENTED_ACTIONS)]:
        yield "has a wildcard among its actions"
    if any(action.lower().startswith("kms:") for action in actions) and "kms:ViaService" not in keys:
        yield "uses the key without a service between"
    if any(action.lower().startswith("iam:") for action in actions):
        passes = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
        if (
            "/airflow/" not in role.path
            or actions != ["iam:PassRole"]
            or statement.get("Condition") != passes
        ):
            yield "does more in IAM than to pass a role to a task of Airflow's"


def _star_faults(actions: list[str], keys: set[str]) -> Iterator[str]:
    for action in actions:
        wall = _OTHERWISE_BOUND.get(action)
        if action not in _WITHOUT_RESOURCE and (
            action not in _OTHERWISE_BOUND or (wall and wall not in keys)
        ):
            yield f"{action} on everything"


def _place_faults(arn: str, place: Stack) -> Iterator[str]:
    _, partition, service, region, account, _ = arn.split(":", 5)
    if partition != place.partition:
        yield f"{arn} is in another partition"
    if region != ("" if service in {"iam", "s3"} else place.region):
        yield f"{arn} is in another Region"
    if account != _ACCOUNT_OF.get(service, place.account):
        yield f"{arn} is in another account"
