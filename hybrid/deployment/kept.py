"""Secrets and log groups that a stack let go and kept, in the way of a stack that is to make them anew.

Their names are contract, so a source that moves or comes back wants the very secret that was kept. The
content of a secret is set aside under another name before the old secret is deleted, and brought back when
the stack has made the new one: at every moment one of the two holds it, so that a command which is stopped
half-way is run again. CloudFormation itself takes over log groups (`cdk deploy --import-existing-resources`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hybrid.estate import Estate
from hybrid.fleet import errors
from hybrid.fleet.aws_errors import translated
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.hardening import guarded
from hybrid.review.assembly import Stack
from hybrid.review.differences import fixed_name, resources

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRET, LOGS = "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"

#: Seconds between two looks at a secret that was deleted, and in all: its name is free a little later
#: (Secrets Manager API Reference, DeleteSecret, ForceDeleteWithoutRecovery).
LOOK, LONGEST = 1.0, 120.0

_CONTENT = ("SecretString", "SecretBinary")


@dataclass(frozen=True)
class Kept:
    """Something that is there, belongs to no stack, and has the name of what a stack is to make.

    Attributes:
        kind: CloudFormation's type.
        name: its name.
        stack: the stack that is to make it.
    """

    kind: str
    name: str
    stack: str


class Content(StrEnum):
    """What became of the content of a secret that was set aside."""

    NONE = "nothing was set aside"
    BACK = "is back"
    WAITS = "waits for the secret to be made"
    FILLED = "stays set aside, as the secret has another content already"


def in_the_way(aws: AwsClient, before: Sequence[Stack], after: Sequence[Stack]) -> list[Kept]:
    """What was kept and is in the way, by name.

    Args:
        aws: the client.
        before: the stacks that are deployed.
        after: the stacks to deploy.

    Raises:
        errors.FleetError: AWS could not be asked.
    """
    owned = {fixed_name(one) for one in resources(before).values()}
    wanted = [
        Kept(*name, stack=place[0])
        for place, one in resources(after).items()
        if (name := fixed_name(one)) and name[0] in (SECRET, LOGS) and name not in owned
    ]
    found = []
    for one, there in each(wanted, lambda kept: _exists(aws, kept), workers=aws.workers):
        if isinstance(there, errors.FleetError):
            raise there
        found += [one] if there else []
    return sorted(found, key=lambda kept: (kept.kind, kept.name))


def aside(name: str) -> str:
    """Where the content of a secret of the estate is set aside: `hybrid/ESTATE/set-aside/…`."""
    project, estate, rest = name.split("/", 2)
    return f"{project}/{estate}/set-aside/{rest}"


def set_aside(aws: AwsClient, name: str) -> bool:
    """Copy the content of a secret that was kept, and delete the secret; its name is free then.

    Args:
        aws: the client.
        name: of a secret of the estate that no stack has.

    Returns:
        Whether it had a content.

    Raises:
        errors.FleetError: AWS refused; the content is in the secret, or in its copy.
    """
    client = aws.secretsmanager
    with guarded(), translated(f"set aside secret {name}"):
        described = client.describe_secret(SecretId=name)
        if "DeletedDate" in described:
            client.restore_secret(SecretId=name)
        content = _content(client, name)
        if content:
            _copy(client, aside(name), content, key=described.get("KmsKeyId"))
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    end = time.monotonic() + LONGEST
    while _exists(aws, Kept(SECRET, name, "")):
        if time.monotonic() > end:
            raise errors.PartlyDone(
                f"secret {name} was deleted and its name is not free after {LONGEST:.0f} s; its content is "
                f"in {aside(name)}: run the same again later"
            )
        time.sleep(LOOK)
    return bool(content)


def bring_back(aws: AwsClient, name: str) -> Content:
    """Put what was set aside into the secret that a stack has made, and delete the copy.

    Raises:
        errors.FleetError: AWS refused; the copy is still there.
    """
    client = aws.secretsmanager
    try:
        with guarded(), translated(f"read secret {aside(name)}"):
            content = _content(client, aside(name))
    except errors.NotFound:
        return Content.NONE
    if not _exists(aws, Kept(SECRET, name, "")):
        return Content.WAITS
    with guarded(), translated(f"bring back secret {name}"):
        there = _content(client, name)
        if there and there != content:
            return Content.FILLED
        if content and not there:
            client.put_secret_value(SecretId=name, **content)
        client.delete_secret(SecretId=aside(name), ForceDeleteWithoutRecovery=True)
    return Content.BACK


def set_aside_before(aws: AwsClient, estate: Estate) -> list[str]:
    """Names of the secrets of an estate whose content is set aside, by this run or by one that was stopped.

    Raises:
        errors.FleetError: AWS could not be asked.
    """
    beginning = f"hybrid/{estate.environment.name}/set-aside/"
    found = []
    with translated(f"look for secrets {beginning}…"):
        pages = aws.secretsmanager.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [beginning]}]
        )
        for page in pages:
            found += [one["Name"] for one in page["SecretList"] if one["Name"].startswith(beginning)]
    return sorted(name.replace("/set-aside/", "/", 1) for name in found)


def _exists(aws: AwsClient, kept: Kept) -> bool:
    if kept.kind == SECRET:
        return aws.secret(kept.name) is not None
    with translated(f"look for log group {kept.name}"):
        groups = aws.logs.describe_log_groups(logGroupNamePrefix=kept.name)["logGroups"]
    return any(group["logGroupName"] == kept.name for group in groups)


def _content(client: SecretsManagerClient, name: str) -> dict[str, Any]:
    """The current version of a secret, as PutSecretValue takes it; empty where it has none.

    Raises:
        botocore.exceptions.ClientError: there is no such secret.
    """
    described = client.describe_secret(SecretId=name)
    stages = described.get("VersionIdsToStages", {}).values()
    if not any("AWSCURRENT" in one for one in stages):
        return {}
    answer: Any = client.get_secret_value(SecretId=name)
    return {key: answer[key] for key in _CONTENT if answer.get(key)}


def _copy(client: SecretsManagerClient, name: str, content: dict[str, Any], *, key: str | None) -> None:
    under: Any = {"KmsKeyId": key} if key else {}
    try:
        client.create_secret(
            Name=name,
            Description="Content of a secret that a stack is about to make anew",
            **content,
            **under,
        )
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, **content)
    if _content(client, name) != content:
        raise errors.Refused(f"secret {name} does not read as it was written; nothing was deleted")
