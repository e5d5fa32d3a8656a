"""A site that left the estate file: its hosts, its activations and its stack are taken out of the account."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hybrid.estate import Estate
from hybrid.estate.naming import Names
from hybrid.estate.site_kinds.anywhere import AnywhereSite
from hybrid.estate.suggestion import suggestion
from hybrid.fleet import errors, maintenance
from hybrid.fleet.aws_errors import translated
from hybrid.fleet.client import AwsClient
from hybrid.fleet.hosts import Host
from hybrid.fleet.hosts import hosts as hosts_of
from hybrid.fleet.sites import ESTATE_TAG
from hybrid.review.differences import NAMED

#: Where Airflow reads which sites there are, in the DAG bucket.
_MANIFEST = "dags/manifest.json"

#: Seconds between two looks at a stack that is being deleted, and how long it may take: a cluster and roles
#: go within a minute, a network interface of Fargate that holds the security group up to twenty.
LOOK = 2.0
LONGEST = timedelta(minutes=40)

#: Type of a secret.
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type


@dataclass(frozen=True)
class Resource:
    """A resource of the site's stack.

    Attributes:
        kind: CloudFormation's type.
        name: its name, or its logical id where CloudFormation named it.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Retirement:
    """What retiring a site takes out of the account.

    Attributes:
        site: name of the site.
        stack: name of its stack.
        hosts: deregistered from ECS and Systems Manager, with the credentials that they hold.
        activations: ids; revoked, so that no host joins any more.
        deleted: deleted with the stack.
        kept: of the stack, and kept: secrets and logs.
        tasks: how many run at the site, or wait.
    """

    site: str
    stack: str
    hosts: tuple[Host, ...]
    activations: tuple[str, ...]
    deleted: tuple[Resource, ...]
    kept: tuple[Resource, ...]
    tasks: int


def retirement(aws: AwsClient, estate: Estate, site: str) -> Retirement:
    """What retiring a site would do; nothing is changed.

    Args:
        aws: the client.
        estate: the estate, without the site.
        site: name of the site.

    Raises:
        errors.OptionsRefused: the site is in the estate file, or the DAGs that are deployed still use it.
        errors.UnknownSite: no stack of the estate is that site's.
        errors.FleetError: AWS could not be asked.
    """
    names = Names(estate.environment.name)
    if site in estate.sites:
        raise errors.OptionsRefused(
            f"site `{site}` is in the estate file: take it out, with its sources and pipelines, and deploy "
            "all (`bin/hybrid deploy`); then retire it"
        )
    resources = _resources(aws, names, site)
    _refuse_while_airflow_uses_it(aws, names, site)
    joins = any(one.name == names.anywhere_role(site) for one, _ in resources)
    cluster = aws.clusters([names.cluster(site)]).get(names.cluster(site))
    stands = cluster is not None and cluster.status == "ACTIVE"
    return Retirement(
        site=site,
        stack=names.site_stack(site),
        hosts=tuple(hosts_of(aws, _as_it_was(estate, site), site=site)) if joins and stands else (),
        activations=tuple(one.activation_id for one in aws.activations(name=names.cluster(site)) if one.left)
        if joins
        else (),
        deleted=tuple(one for one, kept in resources if not kept),
        kept=tuple(one for one, kept in resources if kept),
        tasks=cluster.running + cluster.pending if cluster and stands else 0,
    )


def retire(
    aws: AwsClient, estate: Estate, planned: Retirement, *, force: bool, with_secrets: bool
) -> Iterator[str]:
    """Take a site out of the account; yields what was done, a sentence each.

    Repeating it after a failure finishes what is left.

    Args:
        aws: the client.
        estate: the estate, without the site.
        planned: of `retirement`.
        force: also while tasks run on its hosts; they are left behind.
        with_secrets: the secrets that the stack keeps too, at once and for good.

    Raises:
        errors.HostBusy: tasks run; nothing is changed.
        errors.PartlyDone: the stack could not be deleted; the message says why.
        errors.FleetError: AWS refused.
    """
    _refuse_while_tasks_run(planned, force=force)
    # First, so that no host joins while the others leave.
    for one in planned.activations:
        aws.delete_activation(one)
        yield f"revoked activation {one}"
    before = _as_it_was(estate, planned.site)
    for host in planned.hosts:
        maintenance.deregister(aws, before, host, force=force)
        yield f"deregistered {host.name} ({host.node})"
    _delete_stack(aws, planned.stack)
    yield f"deleted stack {planned.stack}"
    for secret in planned.kept if with_secrets else ():
        if secret.kind == SECRET:
            with translated(f"delete secret {secret.name}"):
                aws.secretsmanager.delete_secret(SecretId=secret.name, ForceDeleteWithoutRecovery=True)
            yield f"deleted secret {secret.name}"


def _as_it_was(estate: Estate, site: str) -> Estate:
    """The estate with the site, as which its hosts are found."""
    return estate.model_copy(update={"sites": {**estate.sites, site: AnywhereSite(kind="anywhere")}})


def _resources(aws: AwsClient, names: Names, site: str) -> list[tuple[Resource, bool]]:
    """Resources of the site's stack, each with whether it is kept when the stack is deleted."""
    stack = names.site_stack(site)
    try:
        with translated(f"read stack {stack}"):
            described = aws.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            answer = aws.cloudformation.get_template(StackName=stack, TemplateStage="Original")
    except errors.NotFound as error:
        raise errors.UnknownSite(_no_stack(aws, names, site)) from error
    # Another estate's name may begin with this one's, so a name alone does not say whose a stack is.
    owner = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}.get(ESTATE_TAG)
    if owner is None:
        raise errors.UnknownSite(
            f"stack {stack} carries no tag `{ESTATE_TAG}`, as those of an estate do, so nobody can tell "
            "whose it is: nothing was changed. Where it is yours: `aws cloudformation delete-stack`"
        )
    if owner != names.estate:
        raise errors.UnknownSite(f"stack {stack} is of estate `{owner}`: nothing was changed")
    body: Any = answer["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else body
    return [
        (
            Resource(one["Type"], _name(one) or logical_id),
            str(one.get("DeletionPolicy", "Delete")).startswith("Retain"),
        )
        for logical_id, one in template.get("Resources", {}).items()
        if one["Type"] != "AWS::CDK::Metadata"
    ]


def _name(resource: Any) -> str | None:
    name = resource.get("Properties", {}).get(NAMED.get(resource["Type"], ""))
    return name if isinstance(name, str) else None


def _no_stack(aws: AwsClient, names: Names, site: str) -> str:
    beginning = names.site_stack("")
    standing = [one.name.removeprefix(beginning) for one in aws.stacks() if one.name.startswith(beginning)]
    return (
        f"there is no stack {names.site_stack(site)} in {aws.region}: the site is retired already, or was "
        f"never deployed; {suggestion(site, standing) if standing else 'no site of the estate is'}"
    )


def _refuse_while_airflow_uses_it(aws: AwsClient, names: Names, site: str) -> None:
    bucket = (aws.stack_outputs(names.stack("storage")) or {}).get("DagBucketName")
    if bucket is None:
        return
    try:
        with translated(f"read {_MANIFEST} of bucket {bucket}"):
            content = aws.s3.get_object(Bucket=bucket, Key=_MANIFEST)["Body"].read()
    except errors.FleetError as error:
        # Without DAGs, nothing of the site is used.
        if isinstance(error, errors.NotFound) or "NoSuchKey" in str(error) or "NoSuchBucket" in str(error):
            return
        raise
    if site in json.loads(content).get("sites", {}):
        raise errors.OptionsRefused(
            f"the DAGs that are deployed still use site `{site}` ({_MANIFEST} of bucket {bucket}): deploy "
            f"the estate without it first: bin/hybrid cdk deploy {names.stack('dags')}"
        )


def _refuse_while_tasks_run(planned: Retirement, *, force: bool) -> None:
    for host in planned.hosts:
        maintenance.require_idle(host, force=force)
    on_hosts = sum(host.running + host.pending for host in planned.hosts)
    if left := planned.tasks - on_hosts:
        raise errors.HostBusy(
            f"{left} task{'s' if left > 1 else ''} of site `{planned.site}` still run, and ECS deletes no "
            "cluster with tasks: wait until they have ended, or stop them (`aws ecs stop-task`)"
        )


def _delete_stack(aws: AwsClient, stack: str) -> None:
    client = aws.cloudformation
    with translated(f"delete stack {stack}"):
        stack_id = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
        client.delete_stack(StackName=stack)
    end = time.monotonic() + LONGEST.total_seconds()
    while True:
        try:
            with translated(f"read stack {stack}"):
                found = client.describe_stacks(StackName=stack_id)["Stacks"][0]
        except errors.NotFound:
            return
        if found["StackStatus"] == "DELETE_COMPLETE":
            return
        if found["StackStatus"] == "DELETE_FAILED":
            raise errors.PartlyDone(
                f"stack {stack} could not be deleted: {found.get('StackStatusReason') or 'no reason given'}. "
                "Its hosts are out; put right what holds it, and run the same again"
            )
        if time.monotonic() > end:
            raise errors.PartlyDone(
                f"stack {stack} is still being deleted after {LONGEST}; run the same again to look"
            )
        time.sleep(LOOK)
