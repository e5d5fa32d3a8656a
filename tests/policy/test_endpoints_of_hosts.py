"""A host is asked to reach what its site's roles allow, and nothing else."""

from __future__ import annotations

import pytest

from hybrid.fleet.host_kit.endpoints import ENDPOINTS, of_site
from hybrid.review.policies import Role, as_list, statements
from sandbox.endpoint.access import HOST_ACTIONS
from tests.policy.matrix import estate


def _services_called_from_hosts(role: Role) -> set[str]:
    """Services of the actions that a role allows, but for those that it allows through another service."""
    called: set[str] = set()
    for document in role.policies.values():
        for statement in statements(document):
            keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
            if statement["Effect"] == "Allow" and "kms:ViaService" not in keys:
                called |= {action.partition(":")[0] for action in as_list(statement["Action"])}
    return called


def test_the_local_site_lets_a_host_do_what_its_role_allows_and_no_more() -> None:
    # Given the role of a host, without the message gateway, which the local site has not
    roles = [role for role in estate("acme").policies.roles if role.path.strip("/").endswith("anywhere")]
    assert roles
    for role in roles:
        found = [s for document in role.policies.values() for s in statements(document)]
        allowed = {a for s in found if s["Effect"] == "Allow" for a in as_list(s["Action"])}

        # Then the endpoint, which the real agents run against, admits the same of ECS and Systems Manager
        assert {a for a in allowed if a.partition(":")[0] in ("ecs", "ssm")} == HOST_ACTIONS


@pytest.mark.parametrize("name", ["acme", "china", "government"])
def test_the_endpoints_of_a_host_are_those_of_the_actions_of_its_roles(name: str) -> None:
    # Given the roles that a host and its containers take
    kinds = ("anywhere", "execution", "task")
    roles = [role for role in estate(name).policies.roles if role.path.strip("/").split("/")[-1] in kinds]
    assert len(roles) > len(kinds)

    # Then each service that they may call has an endpoint in the list, and the list has no other
    allowed = set().union(*(_services_called_from_hosts(role) for role in roles))
    assert {service for one in ENDPOINTS for service in one.services} == allowed


def test_a_host_with_a_registry_at_its_site_is_not_asked_for_the_way_to_amazon_ecr() -> None:
    # Its execution role may not call Amazon ECR (tests/synth/constructs/test_sites.py)
    found = of_site("registry.plant.example:5000/cache")
    assert not any("ecr" in one.services for one in found)
    assert [one.name for one in found if not one.services] == ["registry.plant.example:5000"]
    # And on the loopback of each host there is nothing to try
    assert [one for one in of_site("127.0.0.1:5000") if not one.services] == []
