"""Writes the tables of docs/reference/roles.md from the synthesized policies.

.venv/bin/python -m tests.policy.roles_document
"""

from __future__ import annotations

import itertools
from pathlib import Path

from bench.policy import count_actions
from hybrid.review.permissions import GrantedPermission, permissions_of_role
from tests.policy.matrix import estate
from tests.policy.unused import UNUSED
from workspace.paths import ROOT

DOCUMENT = ROOT / "docs" / "reference" / "roles.md"

_ROLES = {
    "airflow": "hybrid-acme-airflow",
    "task": "hybrid-acme-regional-task",
    "execution": "hybrid-acme-on-premises-execution",
    "anywhere": "hybrid-acme-on-premises-anywhere",
}


def updated(text: str) -> str:
    """The document with its tables as they are now."""
    tables = {kind: _table(kind) for kind in _ROLES} | {"actions": _actions(), "unused": _unused()}
    for name, table in tables.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}{table}{end}{tail}"
    return text


def _actions() -> str:
    header, *lines = count_actions.rows()
    rows = [header, ["---"] * len(header), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _unused() -> str:
    rows = ["| role | action | who uses it |", "|---|---|---|"]
    for kind, reasons in UNUSED.items():
        for reason, patterns in itertools.groupby(reasons, key=reasons.__getitem__):
            rows.append(f"| {kind} | {', '.join(f'`{pattern}`' for pattern in patterns)} | {reason} |")
    return "\n".join(rows) + "\n"


def _table(kind: str) -> str:
    role = estate("acme").policies.role(_ROLES[kind])
    rows = ["| statement | actions | on | if | why |", "|---|---|---|---|---|"]
    for one in permissions_of_role(role):
        if one.policy.startswith("role "):
            rows.append(f"| {' | '.join(_cells(one))} |")
    return "\n".join(rows) + "\n"


def _cells(one: GrantedPermission) -> list[str]:
    actions = ("deny " if one.effect == "Deny" else "") + ", ".join(f"`{action}`" for action in one.actions)
    resources = ", ".join(f"`{_named(arn)}`" for arn in one.resources)
    conditions = "; ".join(
        f"`{key}` {' or '.join(f'`{_named(value)}`' for value in values)}"
        for keys in one.conditions.values()
        for key, values in keys.items()
    )
    return [one.sid, actions, resources, conditions, one.why]


def _named(text: str) -> str:
    """An ARN in the words of the estate instead of stand-ins for generated names."""
    place = estate("acme")
    for name in ("lake", "dags", "key", "images"):
        text = text.replace(place.placeholders[name], name.upper())
    here = f"{place.stack.region}:{place.stack.account}"
    return (
        text.replace(f"arn:aws:iam::{place.stack.account}", "iam")
        .replace(f":{here}", "")
        .replace("arn:aws:", "")
    )


def main(document: Path = DOCUMENT) -> None:
    """Bring the document up to date."""
    document.write_text(updated(document.read_text()))


if __name__ == "__main__":
    main()
