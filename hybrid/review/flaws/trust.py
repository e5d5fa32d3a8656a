"""Who may take a role, and whom a resource's own policy lets in: nobody outside of the account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.review.flaws.flaw import Found, Rule, Template, condition_values, listed, statements, text

#: Services that act for a role's own resources only, so that their trust needs no condition.
_OWN_ONLY = frozenset({"lambda.amazonaws.com"})
#: Properties that hold the policy of an identity, not of a resource.
_IDENTITY = frozenset(
    {
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::UserPolicy",
        "AWS::IAM::GroupPolicy",
        "AWS::IAM::User",
        "AWS::IAM::Group",
    }
)
_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def _trust(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources("AWS::IAM::Role"):
        for statement in statements(properties.get("AssumeRolePolicyDocument")):
            if statement.get("Effect") != "Allow":
                continue
            yield from ((name, sentence) for sentence in _outsiders(template, statement))
            yield from ((name, sentence) for sentence in _whole_accounts(statement))
            principal = statement.get("Principal")
            if isinstance(principal, Mapping) and "Federated" in principal and not statement.get("Condition"):
                yield name, "A trust of an identity provider for all of its users: add a condition"
            if _needs_source(principal):
                yield from ((name, sentence) for sentence in _unnamed_source(template, statement))


def _resource_policies(template: Template) -> Iterator[Found]:
    for name, kind, properties in template.resources():
        if kind in _IDENTITY:
            continue
        for statement in statements(properties):
            if statement.get("Effect") == "Allow":
                yield from ((name, sentence) for sentence in _outsiders(template, statement))
        if kind == "AWS::Lambda::Permission":
            who, source = text(properties.get("Principal", "")), properties.get("SourceAccount")
            if who == "*" or template.strangers(who) or (source and not template.is_own_account(source)):
                yield name, "A function that others may call: name a principal of this account"


def _sources(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources():
        for statement in statements(properties):
            for _, value in condition_values(statement, "aws:SourceAccount"):
                if not template.is_own_account(value):
                    yield name, f"aws:SourceAccount is `{text(value)}`: name the account of the stack"
            for _, value in condition_values(statement, "aws:SourceArn"):
                if not _is_of_account(template, text(value)):
                    yield (
                        name,
                        f"aws:SourceArn is `{text(value)}`: name what it acts for, with the account of the "
                        "stack",
                    )


def _is_of_account(template: Template, arn: str) -> bool:
    """Whether an ARN, or a pattern of ARNs, is of the stack's account, or has no account, as a bucket's."""
    if _REFERENCE.fullmatch(arn):
        return True
    plain = _REFERENCE.sub(lambda found: "OWN" if found[1] == "AWS::AccountId" else "VALUE", arn)
    parts = plain.split(":", 5)
    return (
        len(parts) == 6 and (parts[4] in ("", "OWN") or template.is_own_account(parts[4])) and parts[5] != ""
    )


def _outsiders(template: Template, statement: Mapping[str, Any]) -> Iterator[str]:
    """Why a statement lets in somebody outside of the account."""
    if "NotPrincipal" in statement:
        yield "NotPrincipal lets everybody else in: name the principal"
    principal = statement.get("Principal")
    values = listed(principal.get("AWS")) if isinstance(principal, Mapping) else listed(principal)
    for value in values:
        who = text(value)
        if "*" in who:
            yield "A policy that lets everybody in: name the principal"
        elif accounts := template.strangers(value):
            yield f"A policy that lets account {accounts[0]} in: name a principal of this account"


def _whole_accounts(statement: Mapping[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    for value in listed(principal.get("AWS")) if isinstance(principal, Mapping) else []:
        if text(value).endswith(":root") or re.fullmatch(r"\d{12}|\$\{AWS::AccountId\}", text(value)):
            yield "A trust of an account as a whole: name the role that may take it"


def _needs_source(principal: Any) -> bool:
    services = listed(principal.get("Service")) if isinstance(principal, Mapping) else []
    return any(text(service) not in _OWN_ONLY for service in services)


def _unnamed_source(template: Template, statement: Mapping[str, Any]) -> Iterator[str]:
    accounts = [
        value
        for operator, value in condition_values(statement, "aws:SourceAccount")
        if operator == "StringEquals"
    ]
    if not accounts or not all(map(template.is_own_account, accounts)):
        yield "A trust of a service for other accounts too: aws:SourceAccount has to be the stack's own"


RULES = (
    Rule(
        "HOUSE_TRUST",
        "a trust of everybody, of another account, of a whole account, or of a service on behalf of others",
        _trust,
    ),
    Rule(
        "HOUSE_SOURCE",
        "`aws:SourceArn` or `aws:SourceAccount` that is a wildcard or of another account",
        _sources,
    ),
    Rule(
        "HOUSE_RESOURCE_POLICY",
        "a policy of a bucket, key, secret, topic, queue, registry or function for everybody or for another "
        "account",
        _resource_policies,
    ),
)
