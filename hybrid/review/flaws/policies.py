"""What roles may do: no right that leads to all others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.review.flaws.flaw import Found, Rule, Template, condition_values, listed, statements, text

_IDENTITY = (
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
)
#: Services whose actions are never named by a pattern.
_NEVER_BY_PATTERN = ("iam", "sts", "organizations", "sso")
#: Actions that no pattern may reach, and that name what they may be used on.
_SENSITIVE = ("iam:PassRole", "sts:AssumeRole", "secretsmanager:GetSecretValue", "ssm:StartSession")
#: Managed policies of AWS with which a role may do all, or make itself a role that may.
_BROAD = re.compile(
    r":policy/(?:job-function/)?(?:Administrator|PowerUser|SystemAdministrator|IAMFullAccess|.*FullAccess$)"
)


def _allowed(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, kind, properties in template.resources(*_IDENTITY):
        where = properties.get("Policies") if kind == "AWS::IAM::Role" else properties.get("PolicyDocument")
        for statement in statements(where):
            if statement.get("Effect") == "Allow":
                yield name, statement


def reaches(statement: Mapping[str, Any], action: str) -> bool:
    """Whether a statement is about an action, by name, by pattern, or by sparing others."""
    if "NotAction" in statement:
        return not any(_matches(text(one), action) for one in listed(statement["NotAction"]))
    return any(_matches(text(one), action) for one in listed(statement.get("Action")))


def _matches(pattern: str, action: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, action, re.IGNORECASE) is not None


def _pass_role(template: Template) -> Iterator[Found]:
    for name, statement in _allowed(template):
        if not reaches(statement, "iam:PassRole"):
            continue
        if "NotAction" in statement or any(
            _matches(text(one), "iam:PassRole") and text(one).lower() != "iam:passrole"
            for one in listed(statement.get("Action"))
        ):
            yield name, "iam:PassRole is allowed by a pattern: name the action iam:PassRole"
        if "NotResource" in statement or not all(map(_names_roles, listed(statement.get("Resource")))):
            yield (
                name,
                "iam:PassRole on roles of everyone: name each role, or the estate's path of roles, as "
                "role/hybrid/ESTATE/task/*",
            )
        services = condition_values(statement, "iam:PassedToService")
        if not services or any(
            operator not in ("StringEquals", "StringLike") or "*" in text(value)
            for operator, value in services
        ):
            yield name, "iam:PassRole to any service: add iam:PassedToService, with the service's name"


def _names_roles(resource: Any) -> bool:
    """Whether an ARN names a role, or all roles below a path of two folders or more."""
    arn = text(resource)
    if "*" not in arn and "?" not in arn:
        return True
    account, _, role = arn.partition(":role/")
    before_pattern = re.split(r"[*?]", role, maxsplit=1)[0]
    return "*" not in account.rpartition(":")[2] and before_pattern.count("/") >= 2


def _patterns(template: Template) -> Iterator[Found]:
    for name, statement in _allowed(template):
        if "NotAction" in statement:
            yield name, "NotAction allows all that it does not name: name the actions"
        for action in map(text, listed(statement.get("Action"))):
            service = action.partition(":")[0].lower()
            if "*" not in action and "?" not in action:
                continue
            if service in _NEVER_BY_PATTERN or any(_matches(action, one) for one in _SENSITIVE):
                yield name, f"`{action}` reaches actions that give further rights: name the actions"


def _everything(template: Template) -> Iterator[Found]:
    for name, statement in _allowed(template):
        for action in ("secretsmanager:GetSecretValue", "sts:AssumeRole", "ssm:StartSession"):
            resources = [text(one) for one in listed(statement.get("Resource"))]
            if reaches(statement, action) and (
                "NotResource" in statement or any(one.rpartition(":")[2] in ("*", "") for one in resources)
            ):
                yield name, f"{action} on everything: name what it is for"


def _managed(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        for arn in map(text, listed(properties.get("ManagedPolicyArns"))):
            if _BROAD.search(arn):
                yield name, f"{arn.rpartition('/')[2]} may do nearly all: write down what is needed"


RULES = (
    Rule(
        "HOUSE_PASS_ROLE",
        "`iam:PassRole` on all roles, on a pattern that is not a path of the estate, by a pattern of the "
        "action, or to any service",
        _pass_role,
    ),
    Rule(
        "HOUSE_ACTION_PATTERN",
        "actions of IAM and STS, or of reading secrets, by a pattern or by `NotAction`",
        _patterns,
    ),
    Rule(
        "HOUSE_RESOURCE_NAMED", "secrets read, roles assumed or sessions started on everything", _everything
    ),
    Rule("HOUSE_MANAGED_POLICY", "a managed policy of AWS that may do nearly all", _managed),
)
