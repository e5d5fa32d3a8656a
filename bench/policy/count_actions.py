"""Actions that each role is allowed, beside those of the demonstration that this project descends from.

    .venv/bin/python bench/policy/count_actions.py

Both sides are expanded with the same list of IAM actions. The demonstration's statements are in
demonstration.json, with their address; AWS's managed policies in managed_policies.json, with version and
date. For the demonstration "every resource" counts what is allowed on `*`; for this project, actions that
take no resource at all are on `*` as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "constructs")]

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from hybrid.review.policies import as_list  # noqa: E402
from tests.policy.actions import allowed_actions  # noqa: E402
from tests.policy.matrix import estate  # noqa: E402

_KINDS = {
    "airflow": "hybrid-acme-airflow",
    "task": "hybrid-acme-regional-task",
    "execution": "hybrid-acme-on-premises-execution",
    "anywhere": "hybrid-acme-on-premises-anywhere",
}


def demonstration() -> dict[str, list[Mapping[str, Any]]]:
    """Kind of role → its policy documents in the demonstration."""
    managed = json.loads((HERE / "managed_policies.json").read_text())
    roles = json.loads((HERE / "demonstration.json").read_text())["roles"]
    return {
        kind: [{"Statement": role["statements"]}, *(managed[name]["document"] for name in role["managed"])]
        for kind, role in roles.items()
    }


def project() -> dict[str, list[Mapping[str, Any]]]:
    """Kind of role → its policy documents in the synthesized estate of the policy tests."""
    return {kind: list(estate("acme").policies.role(name).policies.values()) for kind, name in _KINDS.items()}


def counts(documents: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Actions that documents allow, and those of them on every resource and under no condition."""
    everywhere = [
        {"Statement": [one]}
        for document in documents
        for one in document["Statement"]
        if one["Effect"] == "Allow" and as_list(one["Resource"]) == ["*"] and not one.get("Condition")
    ]
    return len(allowed_actions(documents)), len(allowed_actions(everywhere))


def main() -> None:
    """Print the table."""
    table = Table("role", "here", "on every resource", "demonstration", "on every resource", box=None)
    theirs = demonstration()
    totals = [0, 0, 0, 0]
    for kind, documents in project().items():
        row = [*counts(documents), *counts(theirs[kind])]
        totals = [total + one for total, one in zip(totals, row, strict=True)]
        table.add_row(kind, *map(str, row))
    table.add_row("all four", *map(str, totals))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
