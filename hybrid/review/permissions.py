"""Who may do what on which resource, under which condition, and why: policies as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hybrid.review.policies import Document, EstatePolicies, Role, as_list, statements
from hybrid.review.reasons import reason_of_resource, reason_of_role

#: Condition operator → key → values, sorted.
Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]

#: How an entry begins that stands for everything but what it names.
EXCEPT = "not "


@dataclass(frozen=True)
class GrantedPermission:
    """A statement of a policy, with who it is about.

    Attributes:
        who: a role's name, or the principal that a resource's policy names.
        effect: Allow or Deny.
        actions: IAM actions, wildcards as written.
        resources: ARNs, wildcards as written; `not A, B` is everything else.
        conditions: all of them have to hold.
        policy: where it is written: `role NAME`, `trust of NAME`, or `policy of NAME`.
        sid: id of the statement, empty without one.
        why: the reason, empty where none is known.
    """

    who: str
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions
    policy: str
    sid: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """As JSON data, which `permissions_from_json` reads back."""
        return {
            "who": self.who,
            "effect": self.effect,
            "actions": list(self.actions),
            "resources": list(self.resources),
            "conditions": {
                operator: {key: list(values) for key, values in keys.items()}
                for operator, keys in self.conditions.items()
            },
            "policy": self.policy,
            "sid": self.sid,
            "why": self.why,
        }


def permissions_of(estate: EstatePolicies) -> list[GrantedPermission]:
    """Every permission of an estate: of each role and its trust, then of its resources."""
    found = [one for role in estate.roles for one in permissions_of_role(role)]
    for policy in estate.resources:
        found += _of_document(policy.document, policy=f"policy of {policy.name}", resource=policy.arn)
    return found


def permissions_of_role(role: Role) -> list[GrantedPermission]:
    """What a role may do, and who may take it."""
    found = [one for document in role.policies.values() for one in permissions_of_document(document, role)]
    for arn in role.managed:
        why = "A managed policy of AWS: its content is not in the template."
        found.append(
            GrantedPermission(role.name, "Allow", (f"({arn})",), ("*",), {}, f"role {role.name}", "", why)
        )
    return [*found, *_of_document(role.trust, policy=f"trust of {role.name}", resource=role.arn)]


def permissions_of_document(document: Document, role: Role) -> list[GrantedPermission]:
    """What a policy document gives a role."""
    return list(_of_document(document, policy=f"role {role.name}", who=role.name, role_arn=role.arn))


def permissions_from_json(data: Mapping[str, Any]) -> list[GrantedPermission]:
    """What `as_json` wrote.

    Raises:
        KeyError: a key is missing.
    """
    return [
        GrantedPermission(
            who=one["who"],
            effect=one["effect"],
            actions=tuple(one["actions"]),
            resources=tuple(one["resources"]),
            conditions=_conditions(one["conditions"]),
            policy=one["policy"],
            sid=one["sid"],
            why=one["why"],
        )
        for one in data["permissions"]
    ]


def _of_document(
    document: Document, *, policy: str, who: str = "", role_arn: str = "", resource: str = ""
) -> Iterator[GrantedPermission]:
    for statement in statements(document):
        sid = str(statement.get("Sid", ""))
        for principal in [who] if who else _principals(statement):
            yield GrantedPermission(
                who=principal,
                effect=statement["Effect"],
                actions=_written(statement, "Action"),
                resources=_written(statement, "Resource") or (resource,),
                conditions=_conditions(statement.get("Condition", {})),
                policy=policy,
                sid=sid,
                why=reason_of_role(role_arn, sid) if who else reason_of_resource(sid),
            )


def _written(statement: Mapping[str, Any], element: str) -> tuple[str, ...]:
    """Action or Resource, sorted; what NotAction and NotResource name is one entry: `not A, B`."""
    listed = sorted(str(value) for value in as_list(statement.get(element)))
    spared = sorted(str(value) for value in as_list(statement.get(f"Not{element}")))
    return (*listed, *((EXCEPT + ", ".join(spared),) if spared else ()))


def _principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal", "*")
    if isinstance(principal, str):
        return ["everybody" if principal == "*" else principal]
    names = [str(name) for kind in sorted(principal) for name in as_list(principal[kind])]
    return ["everybody" if name == "*" else name for name in names]


def _conditions(written: Mapping[str, Mapping[str, Any]]) -> Conditions:
    return {
        operator: {key: tuple(sorted(str(value) for value in as_list(keys[key]))) for key in sorted(keys)}
        for operator, keys in sorted(written.items())
    }
