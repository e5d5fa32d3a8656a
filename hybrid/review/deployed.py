"""The stacks of an estate as they are deployed, read from CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hybrid.review.assembly import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

#: States of a stack of which nothing is there (CloudFormation API Reference, Stack, StackStatus).
_NOT_THERE = {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}


def deployed_stacks(client: CloudFormationClient, *, prefix: str, region: str) -> list[Stack]:
    """The stacks that are deployed, also those that left the estate file.

    Args:
        client: of CloudFormation.
        prefix: what the names of the estate's stacks begin with, as `hybrid-acme-`.
        region: of the estate.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: CloudFormation did not answer.
    """
    return sorted(_stacks(client, prefix, region), key=lambda stack: stack.name)


def _stacks(client: CloudFormationClient, prefix: str, region: str) -> Iterator[Stack]:
    estate = prefix.removeprefix("hybrid-").removesuffix("-")
    for page in client.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            # Another estate's name may begin with this one's; the tag tells them apart.
            if not stack["StackName"].startswith(prefix) or tags.get("hybrid:estate", estate) != estate:
                continue
            if stack["StackStatus"] in _NOT_THERE:
                continue
            body: Any = client.get_template(StackName=stack["StackName"], TemplateStage="Original")[
                "TemplateBody"
            ]
            account = stack.get("StackId", "").split(":")[4:5]
            yield Stack(
                name=stack["StackName"],
                account=account[0] if account else "",
                region=region,
                template=json.loads(body) if isinstance(body, str) else dict(body),
                status=stack["StackStatus"],
            )
