"""The ceiling: every action that a role may do at all, spelled out.

A role that grows fails here until somebody has read what it gained and taken it over with
`pytest tests/policy/test_ceiling.py --snapshot-update`.
"""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from hybrid.review.policies import Role
from tests.policy.actions import allowed_actions, expand
from tests.policy.matrix import estate

#: Prefix of the path of the four roles; what the AWS CDK makes for its custom resources has none.
_OWN = "/hybrid/acme/"


def _kind(role: Role) -> str:
    return role.path.removeprefix(_OWN).strip("/")


def _own_roles() -> list[Role]:
    return [role for role in estate("acme").policies.roles if role.path.startswith(_OWN)]


def _other_roles() -> list[Role]:
    return [role for role in estate("acme").policies.roles if not role.path.startswith(_OWN)]


@pytest.mark.parametrize("kind", ["airflow", "anywhere", "execution", "task"])
def test_a_role_is_allowed_no_action_that_nobody_has_read(kind: str, snapshot: SnapshotAssertion) -> None:
    roles = [role for role in _own_roles() if _kind(role) == kind]
    assert roles

    allowed = {role.name: sorted(allowed_actions(role.policies.values())) for role in roles}

    # All roles of a kind are alike, whatever their site or source.
    first, *others = allowed.values()
    assert all(other == first for other in others)
    assert first == snapshot


def test_what_custom_resources_may_do_is_read_as_well(snapshot: SnapshotAssertion) -> None:
    allowed = {
        f"{role.stack}: {role.logical_id}": {
            "managed": sorted(role.managed),
            "actions": sorted(allowed_actions(role.policies.values())),
        }
        for role in _other_roles()
    }

    assert allowed == snapshot


def test_there_is_one_airflow_role_two_roles_a_site_and_one_a_source() -> None:
    kinds = [_kind(role) for role in _own_roles()]

    assert {kind: kinds.count(kind) for kind in sorted(kinds)} == {
        "airflow": 1,
        "anywhere": 2,
        "execution": 3,
        "task": 4,
    }


def test_expansion_knows_wildcards_and_refuses_what_is_no_action() -> None:
    assert "s3:GetObjectVersion" in expand("s3:GetObject*")
    assert expand("S3:getobject") == {"s3:GetObject"}
    with pytest.raises(ValueError, match="s3:GetObjekt is no IAM action"):
        expand("s3:GetObjekt")
