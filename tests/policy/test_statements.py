"""Every statement of the estate's own roles keeps the rules of this repository; each rule can be broken."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from hybrid.review.policies import Role
from tests.policy.matrix import estate
from tests.policy.rules import faults


def _own_roles(name: str = "acme") -> list[Role]:
    return [role for role in estate(name).policies.roles if role.path.startswith("/hybrid/")]


@pytest.mark.parametrize("name", ["acme", "china", "government"])
def test_no_role_of_the_estate_breaks_a_rule_in_any_partition(name: str) -> None:
    assert {role.name: faults(role, estate(name).stack) for role in _own_roles(name)} == {
        role.name: [] for role in _own_roles(name)
    }
    assert len(_own_roles(name)) == 10


def test_in_a_wide_estate_only_the_clusters_and_families_of_airflow_are_reached_by_prefix() -> None:
    found = {role.name: faults(role, estate("wide").stack) for role in _own_roles("wide")}

    by_prefix = found.pop("hybrid-acme-airflow")
    assert [fault for faults_of_role in found.values() for fault in faults_of_role] == []
    assert by_prefix
    assert all(
        re.fullmatch(r"\w+: arn:aws:ecs:\S+/hybrid-acme-\*\S* has a wildcard that would .*", fault)
        for fault in by_prefix
    )


def _broken(change: Callable[[dict[str, Any]], None]) -> Role:
    """The regional task role with its first statement, or its trust, changed."""
    role = estate("acme").policies.role("hybrid-acme-regional-task")
    parts = copy.deepcopy({"trust": role.trust, "policy": role.policies["permissions"]})
    change(parts)
    return dataclasses.replace(role, trust=parts["trust"], policies={"permissions": parts["policy"]})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: p["trust"]["Statement"][0].pop("Condition"), "trust: is not closed by account and source"),
        (
            lambda p: p["trust"]["Statement"][0].update(Principal={"AWS": "*"}),
            "trust: a principal is no service",
        ),
        (lambda p: p["trust"]["Statement"][0].update(Action="sts:*"), "trust: allows sts:*"),
        (lambda p: p["policy"]["Statement"][0].pop("Sid"), "has statements without a sid of their own"),
        (
            lambda p: p["policy"]["Statement"][0].update(Resource="*"),
            "ReadSpecifications: s3:GetObject on everything",
        ),
        (
            lambda p: p["policy"]["Statement"][0].update(Action="iam:PassRole"),
            "ReadSpecifications: does more in IAM than to pass a role to a task of Airflow's",
        ),
        (
            lambda p: p["policy"]["Statement"][4].pop("Condition"),
            "UseKeyForObjects: uses the key without a service between",
        ),
        (
            lambda p: p["policy"]["Statement"][0].update(
                Resource="arn:aws:ecs:*:111122223333:cluster/hybrid-acme-cellar"
            ),
            "ReadSpecifications: arn:aws:ecs:*:111122223333:cluster/hybrid-acme-cellar is in another Region",
        ),
        (
            lambda p: p["policy"]["Statement"][0].update(Resource="arn:aws:ecs:eu-west-1:*:cluster/c"),
            "ReadSpecifications: arn:aws:ecs:eu-west-1:*:cluster/c is in another account",
        ),
        (
            lambda p: p["policy"]["Statement"][0].update(Resource="arn:aws-cn:s3:::b"),
            "ReadSpecifications: arn:aws-cn:s3:::b is in another partition",
        ),
    ],
)
def test_a_broken_rule_is_named(change: Callable[[dict[str, Any]], None], fault: str) -> None:
    assert faults(_broken(change), estate("acme").stack) == [fault]


def test_a_managed_policy_is_a_fault() -> None:
    role = dataclasses.replace(_own_roles()[0], managed=("arn:aws:iam::aws:policy/AdministratorAccess",))

    assert faults(role, estate("acme").stack) == [
        "has managed policies: arn:aws:iam::aws:policy/AdministratorAccess"
    ]


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("anywhere", r"hybrid-acme-(on-premises|cellar)|/hybrid/acme/(on-premises|cellar)"),
        (
            "execution",
            r"hybrid-acme-(on-premises|cellar|headquarters)|/acme/(on-premises|cellar|headquarters)",
        ),
        ("task", r"(regional-archive|regional|headquarters|erp)(?=-|/)"),
    ],
)
def test_roles_of_a_kind_are_alike_but_for_names(kind: str, parts: str) -> None:
    """So that what the matrix and the mutants show of one role holds for all of its kind."""
    roles = [role for role in _own_roles() if role.path == f"/hybrid/acme/{kind}/"]

    shapes = {role.name: _shape(role, parts) for role in roles}

    assert len(roles) > 1
    assert len({str(shape) for shape in shapes.values()}) == 1, shapes


def _shape(role: Role, names: str) -> list[Any]:
    statements = copy.deepcopy([role.trust["Statement"], role.policies["permissions"]["Statement"]])
    for statement in statements[1]:
        if statement["Sid"] == "FindOwnReceipts":
            named = statement["Condition"]["StringLike"]["s3:prefix"]
            assert all(prefix.endswith("/*") for prefix in _listed(named))
            statement["Condition"] = "PREFIXES"
        if statement["Sid"] == "UseOwnLake":
            # As many as the source has pipelines, wherever those write.
            assert all(arn.endswith("/*") for arn in _listed(statement["Resource"]))
            statement["Resource"] = "PREFIXES"
    return [re.sub(names, "NAME", str(statement)) for statement in statements]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
