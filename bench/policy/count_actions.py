"""Actions that each role is allowed, beside those of the demonstration and of the peers.

    .venv/bin/python bench/policy/count_actions.py

All sides are expanded with the same list of IAM actions. The statements of the others are in peers.json,
each with repository, file and commit; AWS's managed policies in managed_policies.json, with version and
date. A cell is `actions / those of them on every resource and under no condition`; for this project, actions
that take no resource at all are on `*` as well. `-`: the peer has no such role.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
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

Documents = Sequence[Mapping[str, Any]]


def peers() -> Iterator[tuple[str, dict[str, Documents]]]:
    """Each peer with its policy documents by kind of role."""
    managed = json.loads((HERE / "managed_policies.json").read_text())
    for name, peer in json.loads((HERE / "peers.json").read_text()).items():
        yield (
            name,
            {
                kind: [
                    {"Statement": role["statements"]},
                    *(managed[policy]["document"] for policy in role["managed"]),
                ]
                for kind, role in peer["roles"].items()
            },
        )


def project() -> dict[str, Documents]:
    """Kind of role → its policy documents in the synthesized estate of the policy tests."""
    return {kind: list(estate("acme").policies.role(name).policies.values()) for kind, name in _KINDS.items()}


def counts(documents: Documents) -> tuple[int, int]:
    """Actions that documents allow, and those of them on every resource and under no condition."""
    everywhere = [
        {"Statement": [one]}
        for document in documents
        for one in document["Statement"]
        if one["Effect"] == "Allow" and as_list(one.get("Resource")) == ["*"] and not one.get("Condition")
    ]
    return len(allowed_actions(documents)), len(allowed_actions(everywhere))


def rows() -> list[list[str]]:
    """The table: a header, this project, and each peer."""
    found = [["", *_KINDS, "all"]]
    for name, roles in [("this project", project()), *peers()]:
        counted = {kind: counts(documents) for kind, documents in roles.items()}
        total = tuple(sum(numbers) for numbers in zip(*counted.values(), strict=True))
        cells = [*(counted.get(kind) for kind in _KINDS), total]
        found.append([name, *("-" if cell is None else " / ".join(map(str, cell)) for cell in cells)])
    return found


def main() -> None:
    """Print the table."""
    header, *lines = rows()
    table = Table(*header, box=None)
    for line in lines:
        table.add_row(*line)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
