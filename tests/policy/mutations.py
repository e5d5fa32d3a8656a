"""Changes to a policy that a tired author might make: each gives one changed document.

Widening ones drop a condition, star a resource, add an action, let another principal in; breaking ones
remove a statement, an action, a resource, a value, or turn what is allowed into what is denied.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hybrid.review.policies import as_list, statements

Statement = dict[str, Any]

#: Who is let in where a principal is changed: a stranger's account, everybody, and another service.
_STRANGERS: tuple[Any, ...] = (
    "*",
    {"AWS": "*"},
    {"AWS": "arn:aws:iam::999988887777:root"},
    {"AWS": "arn:aws:iam::111122223333:root"},
    {"Service": "lambda.amazonaws.com"},
)


@dataclass(frozen=True)
class Mutation:
    """A changed document.

    Attributes:
        name: statement and change, to be read by people.
        document: the whole changed document.
        actions: what the statement says of actions, before and after.
    """

    name: str
    document: Mapping[str, Any] = field(repr=False)
    actions: tuple[str, ...] = field(repr=False)


def mutations(document: Mapping[str, Any]) -> Iterator[Mutation]:
    """Every change to every statement of a document."""
    for index, statement in enumerate(statements(document)):
        sid = statement.get("Sid", f"statement {index + 1}")
        for change, changed in _changes(dict(statement)):
            if changed == statement:
                continue
            mutated = copy.deepcopy(dict(document))
            mutated["Statement"] = list(statements(document))
            mutated["Statement"][index : index + 1] = [] if changed is None else [changed]
            after = as_list(changed.get("Action")) if changed else []
            yield Mutation(f"{sid}: {change}", mutated, (*as_list(statement["Action"]), *after))


def _changes(statement: Statement) -> Iterator[tuple[str, Statement | None]]:
    yield "remove the statement", None
    yield "turn the effect", {**statement, "Effect": "Deny" if statement["Effect"] == "Allow" else "Allow"}
    yield from _of_conditions(statement)
    yield from _of_list(statement, "Action")
    yield from _of_actions(statement)
    yield from _of_list(statement, "Resource")
    yield from _of_resources(statement)
    yield from _of_principals(statement)


def _of_conditions(statement: Statement) -> Iterator[tuple[str, Statement]]:
    conditions = statement.get("Condition", {})
    if not conditions:
        return
    yield "drop every condition", {key: value for key, value in statement.items() if key != "Condition"}
    for operator, keys in conditions.items():
        for key, value in keys.items():
            rest = {
                o: {k: v for k, v in ks.items() if (o, k) != (operator, key)} for o, ks in conditions.items()
            }
            rest = {o: ks for o, ks in rest.items() if ks}
            yield f"drop the condition {key}", {**statement, "Condition": rest}
            starred = copy.deepcopy(rest)
            starred.setdefault("StringLike", {})[key] = "*"
            yield f"star the condition {key}", {**statement, "Condition": starred}
            for one in as_list(value) if isinstance(value, list) and len(value) > 1 else []:
                fewer = copy.deepcopy(conditions)
                fewer[operator][key] = [other for other in value if other != one]
                yield f"drop {one} from the condition {key}", {**statement, "Condition": fewer}


def _of_list(statement: Statement, element: str) -> Iterator[tuple[str, Statement]]:
    values = as_list(statement.get(element))
    for value in values if len(values) > 1 else []:
        yield f"drop {value}", {**statement, element: [other for other in values if other != value]}


def _of_actions(statement: Statement) -> Iterator[tuple[str, Statement]]:
    actions = as_list(statement["Action"])
    services = sorted({action.partition(":")[0] for action in actions} - {"*"})
    if statement["Effect"] == "Allow":
        yield "allow every action", {**statement, "Action": "*"}
    for service in services:
        if f"{service}:*" in actions:
            continue
        yield f"take all of {service}", {**statement, "Action": [*actions, f"{service}:*"]}
    for action in actions:
        shorter = re.sub(r"(?<=[a-z*])[A-Z][a-z]*\*?$", "*", action)
        if shorter not in actions:
            yield f"shorten {action} to {shorter}", {**statement, "Action": [*actions, shorter]}
        if action.endswith("*") and not action.endswith(":*"):
            rest = [other for other in actions if other != action]
            yield f"shorten {action} to its name", {**statement, "Action": [*rest, action.rstrip("*")]}


def _of_resources(statement: Statement) -> Iterator[tuple[str, Statement]]:
    for element in ("Resource", "NotResource"):
        resources = as_list(statement.get(element))
        for resource in resources:
            rest = [other for other in resources if other != resource]
            for change, wider in _wider(resource):
                yield f"{change} in {resource}", {**statement, element: [*rest, wider]}


def _wider(resource: str) -> Iterator[tuple[str, str]]:
    if resource == "*":
        return
    yield "star the resource", "*"
    parts = resource.split(":", 5)
    for position, word in ((3, "Region"), (4, "account")):
        if parts[position] not in {"", "*"}:
            yield f"star the {word}", ":".join([*parts[:position], "*", *parts[position + 1 :]])
    name = parts[5]
    yield "star the name", ":".join([*parts[:5], re.sub(r"(?<=[/:]).*$|^[^/:]*$", "*", name, count=1)])
    yield "end the name in a star", f"{resource.rstrip('*?').rstrip('/:-')}*"
    if name.endswith(("*", "?")):
        yield "end the name before its star", resource.rstrip("*?").rstrip("/:-")


def _of_principals(statement: Statement) -> Iterator[tuple[str, Statement]]:
    principal = statement.get("Principal")
    if principal is None:
        return
    for stranger in _STRANGERS:
        if stranger != principal and not _is_everybody(principal):
            yield f"let in {stranger}", {**statement, "Principal": _joined(principal, stranger)}
    services = as_list(principal.get("Service")) if isinstance(principal, dict) else []
    for service in services:
        others = [other for other in services if other != service]
        yield f"replace {service}", {**statement, "Principal": {"Service": [*others, "ec2.amazonaws.com"]}}
    if _is_everybody(principal):
        yield "let go of everybody", {**statement, "Principal": {"AWS": "arn:aws:iam::999988887777:root"}}


def _is_everybody(principal: Any) -> bool:
    return principal in ("*", {"AWS": "*"})


def _joined(principal: Any, stranger: Any) -> Any:
    if stranger == "*":
        return "*"
    joined = {kind: as_list(names) for kind, names in principal.items()}
    for kind, name in stranger.items():
        joined[kind] = [*joined.get(kind, []), name]
    return joined
