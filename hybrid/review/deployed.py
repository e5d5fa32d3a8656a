"""The stacks of an estate as they are deployed, read from CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hybrid.review.assembly import AssemblyError, Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

#: States of a stack of which nothing is there (CloudFormation API Reference, Stack, StackStatus).
_NOT_THERE = {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}

#: Parts of an estate that are stacks (stacks/), as the names of stacks end.
_PART = re.compile(r"storage|network|dags|airflow|observability|site-.+")


def deployed_stacks(client: CloudFormationClient, *, prefix: str, region: str) -> list[Stack]:
    """The stacks that are deployed, also those that left the estate file.

    Args:
        client: of CloudFormation.
        prefix: what the names of the estate's stacks begin with, as `hybrid-acme-`.
        region: of the estate.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: CloudFormation did not answer.
        AssemblyError: a stack of that name was not deployed by the AWS CDK.
    """
    return sorted(_stacks(client, prefix, region), key=lambda stack: stack.name)


def _stacks(client: CloudFormationClient, prefix: str, region: str) -> Iterator[Stack]:
    estate = prefix.removeprefix("hybrid-").removesuffix("-")
    for page in client.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            # Another estate's name may begin with this one's; the tag tells them apart. And somebody may have
            # named a stack of their own after the estate.
            if not _PART.fullmatch(stack["StackName"].removeprefix(prefix)):
                continue
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
                template=_template(stack["StackName"], body),
                status=stack["StackStatus"],
            )


def _template(name: str, body: Any) -> dict[str, Any]:
    try:
        return dict(json.loads(body) if isinstance(body, str) else body)
    except ValueError as error:
        raise AssemblyError(
            f"stack {name} has a template that is no JSON, so it was not deployed by this project: give it "
            "another name, or the estate"
        ) from error
