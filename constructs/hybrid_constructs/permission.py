"""A permission: one statement of a policy, with the reason for its wildcard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Condition operator → condition key → value or values.
Conditions = Mapping[str, Mapping[str, str | tuple[str, ...]]]


@dataclass(frozen=True)
class Permission:
    """A statement that allows something.

    Attributes:
        sid: id of the statement.
        actions: IAM actions.
        resources: ARNs, or `*` for actions that take no resource.
        conditions: IAM conditions.
        wildcard: why the statement has to have a wildcard; without it cdk-nag reports one.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions | None = None
    wildcard: str | None = None

    def plain_conditions(self) -> dict[str, Any] | None:
        """The conditions as the AWS CDK takes them."""
        if self.conditions is None:
            return None
        return {
            operator: {key: value if isinstance(value, str) else list(value) for key, value in keys.items()}
            for operator, keys in self.conditions.items()
        }
