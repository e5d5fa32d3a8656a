"""An IAM role of one estate: a fixed name and path, a closed trust and statements written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from hybrid_constructs.acknowledgement import acknowledge, nist
from hybrid_constructs.permission import Conditions, Permission, plain
from hybrid_constructs.wildcard_reasons import WildcardReasons

#: Characters of an inline policy's documents on one role (IAM and AWS STS quotas, "Character limits").
INLINE_POLICY_LIMIT = 10_240


@dataclass(frozen=True)
class Trust:
    """Which services may take a role, and on whose behalf.

    Attributes:
        services: service principals, as in `ecs-tasks.amazonaws.com`.
        source_arn: ARN pattern of what the service acts for. Together with the account it closes the
            confused deputy (IAM User Guide, "The confused deputy problem").
    """

    services: tuple[str, ...]
    source_arn: str

    def principal(self, stack: Stack) -> iam.PrincipalBase:
        """The trust as a principal."""
        conditions: dict[str, Any] = {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": self.source_arn},
        }
        principals = [iam.ServicePrincipal(service, conditions=conditions) for service in self.services]
        return principals[0] if len(principals) == 1 else iam.CompositePrincipal(*principals)


class ScopedRole(iam.Role):
    """A role whose permissions are hand-written statements, each with a sid, in one inline policy.

    The policy is part of the role's own resource: whoever waits for the role waits for its permissions,
    and both go together.

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: role name; None leaves it to CloudFormation.
        path: IAM path.
        description: what the role is for.
        trust: who may take it.

    Raises:
        ValueError: the name is longer than the 64 characters that IAM allows.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None,
        path: str,
        description: str,
        trust: Trust,
    ) -> None:
        if name is not None and len(name) > 64:
            raise ValueError(f"role name {name} has {len(name)} characters, IAM allows 64: shorten a name")
        document = iam.PolicyDocument()
        super().__init__(
            scope,
            construct_id,
            role_name=name,
            path=path,
            description=description,
            assumed_by=trust.principal(Stack.of(scope)),
            inline_policies={"permissions": document},
        )
        self._document = document
        self._wildcards = WildcardReasons(self)
        acknowledge(
            self,
            {
                nist("IAMNoInlinePolicy"): (
                    "The permissions belong to this one role, are created and deleted with it, and cannot "
                    "be attached to another."
                )
            },
        )

    def allow(
        self,
        sid: str,
        *,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: Conditions | None = None,
        wildcard: str | None = None,
    ) -> None:
        """Add a statement that allows something.

        Args:
            sid: id of the statement.
            actions: IAM actions.
            resources: ARNs, or `*` for actions that take no resource.
            conditions: IAM conditions.
            wildcard: why the statement has to have a wildcard; without it cdk-nag reports one.
        """
        self.allow_each(
            [
                Permission(
                    sid=sid,
                    actions=tuple(actions),
                    resources=tuple(resources),
                    conditions=conditions,
                    wildcard=wildcard,
                )
            ]
        )

    def allow_each(self, permissions: Iterable[Permission]) -> None:
        """Add a statement for each permission."""
        for permission in permissions:
            self._document.add_statements(
                iam.PolicyStatement(
                    sid=permission.sid,
                    actions=list(permission.actions),
                    resources=list(permission.resources),
                    conditions=permission.plain_conditions(),
                )
            )
            if permission.wildcard is not None:
                self._wildcards.add(
                    actions=permission.actions, resources=permission.resources, reason=permission.wildcard
                )

    def deny(
        self,
        sid: str,
        *,
        actions: Sequence[str],
        but_on: Sequence[str] = (),
        conditions: Conditions | None = None,
    ) -> None:
        """Add a statement that denies something, whatever else allows it.

        Args:
            sid: id of the statement.
            actions: IAM actions.
            but_on: ARNs that are spared; without any, it is denied on everything.
            conditions: IAM conditions under which it is denied.
        """
        self._document.add_statements(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                actions=list(actions),
                resources=None if but_on else ["*"],
                not_resources=list(but_on) or None,
                conditions=plain(conditions),
            )
        )
