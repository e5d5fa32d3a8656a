"""A permission: one statement of a policy, with the reason for its wildcard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack

from hybrid_constructs.wildcard_reasons import flattened

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
        return plain(self.conditions)

    def characters(self, stack: Stack) -> int:
        """About how many characters the statement takes of a policy's quota, which counts no spaces."""
        values = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": [flattened(stack.resolve(resource)) for resource in self.resources],
            "Condition": {
                operator: {
                    key: flattened(stack.resolve(value))
                    if isinstance(value, str)
                    else [flattened(stack.resolve(one)) for one in value]
                    for key, value in keys.items()
                }
                for operator, keys in (self.conditions or {}).items()
            },
        }
        return len(json.dumps(values, separators=(",", ":")))


def plain(conditions: Conditions | None) -> dict[str, Any] | None:
    """Conditions as the AWS CDK takes them."""
    if conditions is None:
        return None
    return {
        operator: {key: value if isinstance(value, str) else list(value) for key, value in keys.items()}
        for operator, keys in conditions.items()
    }
