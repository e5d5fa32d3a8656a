"""What statements allow, spelled out in IAM actions."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from hybrid.review.policies import as_list, statements
from tests.policy.simulator import known_actions


@functools.cache
def expand(pattern: str) -> frozenset[str]:
    """The IAM actions that a pattern such as `s3:Get*` matches; case does not matter, as in IAM.

    Raises:
        ValueError: none does; a misspelled action would otherwise allow nothing without a word.
    """
    wanted = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.IGNORECASE)
    found = frozenset(action for action in known_actions() if wanted.fullmatch(action))
    if not found:
        raise ValueError(f"{pattern} is no IAM action and matches none")
    return found


def allowed_actions(documents: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The actions that some documents allow on anything at all, less those denied on everything.

    Raises:
        ValueError: a statement says NotAction, which allows what nobody has listed.
    """
    allowed: set[str] = set()
    denied: set[str] = set()
    for document in documents:
        for statement in statements(document):
            if "NotAction" in statement and statement["Effect"] == "Allow":
                raise ValueError(f"statement {statement.get('Sid', '?')} allows NotAction")
            actions = {action for name in as_list(statement.get("Action")) for action in expand(name)}
            if statement["Effect"] == "Allow":
                allowed |= actions
            elif as_list(statement.get("Resource")) == ["*"] and "Condition" not in statement:
                denied |= actions
    return frozenset(allowed - denied)
