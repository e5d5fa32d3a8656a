"""Why a policy has a wildcard: acknowledged by the id of exactly that finding, and of no other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import jsii
from aws_cdk import Stack
from constructs import IConstruct, IValidation

from hybrid_constructs.acknowledgement import acknowledge, solutions


@jsii.implements(IValidation)
class WildcardReasons:
    """Acknowledges the wildcards of a construct's policies (AwsSolutions-IAM5).

    cdk-nag names a finding after the resolved resource, and a reference to another stack becomes an
    import only during synthesis. Validation is the first step after that, so this is one that never fails.

    Args:
        construct: whose policies, its own or of the constructs below it.
    """

    def __init__(self, construct: IConstruct) -> None:
        self._construct = construct
        self._reasons: dict[str, str] = {}
        self._resources: list[tuple[str, str]] = []
        construct.node.add_validation(self)

    def add(self, *, actions: Iterable[str], resources: Iterable[str], reason: str) -> None:
        """Give the reason of those among some actions and resources that have a wildcard."""
        stack = Stack.of(self._construct)
        self._reasons |= {f"IAM5[Action::{action}]": reason for action in actions if "*" in action}
        self._resources += [(arn, reason) for arn in resources if "*" in str(stack.resolve(arn))]

    def validate(self) -> list[str]:
        """Acknowledge, once; there is nothing that could be invalid."""
        stack = Stack.of(self._construct)
        for arn, reason in self._resources:
            self._reasons.setdefault(f"IAM5[Resource::{flattened(stack.resolve(arn))}]", reason)
        acknowledge(self._construct, {solutions(rule): reason for rule, reason in self._reasons.items()})
        self._reasons, self._resources = {}, []
        return []


def flattened(value: Any) -> str:
    """A resolved CloudFormation value in the spelling that cdk-nag uses in the ids of its findings.

    `Fn::Join` is joined, a reference becomes `<LogicalId>`, an attribute `<LogicalId.Arn>`, an import its
    export's name, an output of another stack its JSON (cdk-nag, src/utils/flatten-cfn-reference.ts).

    Raises:
        ValueError: another intrinsic function.
    """
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(flattened(part) for part in parts)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{flattened(resource)}.{flattened(attribute)}>"
        case {"Fn::ImportValue": name}:
            return flattened(name)
        case {"Fn::GetStackOutput": _}:
            return json.dumps(value, separators=(",", ":"))
        case {"Ref": name}:
            return f"<{name}>"
    raise ValueError(f"no spelling is known for {value!r} in the id of a finding")
