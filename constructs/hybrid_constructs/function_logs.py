"""Log groups of the AWS CDK's own functions: Lambda would make them itself, without key and without end."""

from __future__ import annotations

from typing import cast

from aws_cdk import CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs


def function_logs(stack: Stack, construct_id: str, *, key: kms.IKey) -> logs.ILogGroup:
    """The log group of some functions of a stack, under the estate's key, kept for a month.

    Args:
        stack: whose functions log there.
        construct_id: of the log group in the stack; one that is there already is taken.
        key: the estate's key.
    """
    existing = stack.node.try_find_child(construct_id)
    if isinstance(existing, logs.LogGroup):
        return existing
    return logs.LogGroup(
        stack,
        construct_id,
        encryption_key=key,
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=RemovalPolicy.DESTROY,
    )


def log_to(stack: Stack, provider: str, group: logs.ILogGroup) -> None:
    """Have a function log there that the AWS CDK makes with no word for its log group.

    Args:
        stack: whose provider it is.
        provider: id of the provider in the stack, as the AWS CDK names it.
        group: where it is to log.
    """
    handler = cast("CfnResource", stack.node.find_child(provider).node.find_child("Handler"))
    handler.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
