"""The container's image at the hosts of a site: which one it is, what a pull costs, a pull on every host."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from hybrid.estate import Estate
from hybrid.estate.naming import CONTAINER, Names
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.hosts import Host, HostState
from hybrid.fleet.records import EndedTask
from hybrid.fleet.sites import AnywhereSiteNames, anywhere_site, mirror_of

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerDefinitionTypeDef

Result = Literal["pulled", "held", "failed", "another image", "not placed", "not finished", "not connected"]

#: Results after which the host has the image.
HAS_IT = ("pulled", "held")

#: Seconds between two looks at the tasks.
LOOK = 2.0

#: `startedBy` of the tasks.
STARTED_BY = "hybrid-hosts-pull"


@dataclass(frozen=True)
class SiteImage:
    """An image as the task definitions of a site name it.

    Attributes:
        site: the site.
        tag: of the image.
        reference: `REGISTRY/REPOSITORY:TAG` that hosts pull.
        digest: of its manifest in the estate's registry.
        size: bytes that a host without any of its layers pulls.
        mirror: the site's registry, if it has one.
    """

    site: str
    tag: str
    reference: str
    digest: str
    size: int
    mirror: str | None

    def seconds(self, *, hosts: int, megabits: float) -> float:
        """Seconds that the site's line is busy: with a mirror the image crosses it once.

        Args:
            hosts: that pull all of it.
            megabits: of the line, in Mbit/s.
        """
        return self.crossings(hosts) * self.size * 8 / (megabits * 1_000_000)

    def crossings(self, hosts: int) -> int:
        """How often the image crosses the site's line."""
        return min(hosts, 1) if self.mirror else hosts


@dataclass(frozen=True)
class HostPull:
    """What a host reported.

    Attributes:
        host: the host.
        result: `pulled`; `held`, when it had the image already; otherwise why it may not have it.
        digest: that the host told; None where it knows none, as of an image that came in a file.
        seconds: that the pull took; None where nothing was pulled.
        reason: in words, where the host may not have it.
    """

    host: Host
    result: Result
    digest: str | None = None
    seconds: float | None = None
    reason: str = ""


def repository(aws: AwsClient, estate: Estate) -> str:
    """URI of the estate's registry, of its storage stack.

    Raises:
        errors.SiteNotDeployed: the stack is not there.
    """
    stack = Names(estate.environment.name).stack("storage")
    uri = (aws.stack_outputs(stack) or {}).get("RepositoryUri")
    if uri is None:
        raise errors.SiteNotDeployed(
            f"{stack} is not deployed in {aws.region}, and it makes the registry: bin/hybrid cdk "
            f"deploy {stack}"
        )
    return uri


def reference_at(estate: Estate, site: str, *, uri: str, tag: str) -> str:
    """The image's name in the task definitions of a site.

    Args:
        estate: the estate.
        site: name of the site.
        uri: of the estate's registry, with the repository.
        tag: of the image.
    """
    mirror = mirror_of(estate, site)
    return f"{mirror}/{uri.partition('/')[2]}:{tag}" if mirror else f"{uri}:{tag}"


def site_image(aws: AwsClient, estate: Estate, site: str, *, tag: str) -> SiteImage:
    """An image that is in the estate's registry, as hosts of a site pull it.

    Raises:
        errors.UnknownImage: no image of the registry has the tag.
        errors.FleetError: there is no such site, it takes no hosts, or AWS could not be asked.
    """
    anywhere_site(estate, site)
    uri = repository(aws, estate)
    found = aws.image(uri.partition("/")[2], tag)
    if found is None:
        raise errors.UnknownImage(
            f"no image of {uri} has the tag {tag}; `bin/hybrid image push` builds that of this clone and "
            "brings it there"
        )
    return SiteImage(
        site=site,
        tag=tag,
        reference=reference_at(estate, site, uri=uri, tag=tag),
        digest=found.digest,
        size=found.size,
        mirror=mirror_of(estate, site),
    )


def pull(
    aws: AwsClient, estate: Estate, image: SiteImage, hosts: list[Host], *, timeout: timedelta
) -> Iterator[HostPull]:
    """Have every host of a site pull an image; yields what a host reports as soon as it has.

    On each host that is connected a task of the image starts that prints its version and ends. It is placed
    by RunTask with a constraint (Developer Guide, "Cluster query language": `ec2InstanceId`), because that is
    what ECS offers for hosts of launch type EXTERNAL. It has no task role and no network.

    Args:
        aws: the client.
        estate: the estate.
        image: of `site_image`.
        hosts: of the site.
        timeout: for all of them; what has not ended by then is stopped.

    Raises:
        errors.FleetError: the task could not be registered, or AWS could not be asked.
    """
    names = anywhere_site(estate, image.site)
    ready = [host for host in hosts if host.state is HostState.READY]
    yield from (_absent(host) for host in hosts if host.state is not HostState.READY)
    if not ready:
        return
    definition = aws.register_task_definition(
        family=names.names.pull_family(image.site),
        container=_container(image.reference),
        # Without a mirror the agent logs in to ECR with it.
        execution_role=None if image.mirror else _execution_role(aws, names),
        tags=names.tags,
    )
    waiting: dict[str, Host] = {}
    deadline = time.monotonic() + timeout.total_seconds()
    try:
        start = _starter(aws, names.cluster, definition)
        for host, task in each(ready, start, workers=aws.workers):
            if isinstance(task, errors.FleetError):
                yield HostPull(host, "not placed", reason=str(task))
            else:
                waiting[task] = host
        while waiting:
            for task, ended in aws.ended_tasks(names.cluster, list(waiting)).items():
                if ended.stopped:
                    yield _judged(waiting.pop(task), ended, image)
            if not waiting:
                return
            if time.monotonic() >= deadline:
                for host in waiting.values():
                    yield HostPull(
                        host, "not finished", reason="the time is over: give it more with --timeout"
                    )
                return
            time.sleep(LOOK)
    finally:
        _clean_up(aws, names.cluster, definition, list(waiting))


def _clean_up(aws: AwsClient, cluster: str, definition: str, tasks: list[str]) -> None:
    try:
        for task in tasks:
            aws.stop_task(cluster, task, reason="hosts pull ended before it")
    finally:
        aws.deregister_task_definition(definition)


def _starter(aws: AwsClient, cluster: str, definition: str) -> Callable[[Host], str]:
    return lambda host: aws.run_on_host(cluster, host.node, definition=definition, started_by=STARTED_BY)


def _container(reference: str) -> ContainerDefinitionTypeDef:
    # As small as Python starts in; by the reservation a host that is full of tasks takes it all the same.
    return {
        "name": CONTAINER,
        "image": reference,
        "command": ["--version"],
        "essential": True,
        "memory": 256,
        "memoryReservation": 16,
        "user": "65532:65532",
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
    }


def _execution_role(aws: AwsClient, names: AnywhereSiteNames) -> str:
    arn = aws.clusters([names.cluster])[names.cluster].arn
    _, partition, _, _, account, _ = arn.split(":", 5)
    path, name = names.names.role_path("execution"), names.names.execution_role(names.site)
    return f"arn:{partition}:iam::{account}:role{path}{name}"


def _absent(host: Host) -> HostPull:
    why = {
        HostState.DRAINING: "it is draining, and ECS places nothing there: `bin/hybrid hosts undrain` first",
        HostState.DISCONNECTED: "its ECS agent is not connected; `hybrid-host doctor` on it tells why",
        HostState.HALF_REGISTERED: "ECS does not know it; `hybrid-host doctor` on it tells why",
        HostState.ORPHANED: "Systems Manager does not know it any more: let it leave, and join anew",
    }[host.state]
    return HostPull(host, "not placed" if host.state is HostState.DRAINING else "not connected", reason=why)


def _judged(host: Host, ended: EndedTask, image: SiteImage) -> HostPull:
    seconds = None if ended.pull_seconds is None else round(ended.pull_seconds, 1)
    if ended.exit_code != 0:
        exited = f"the container ended with exit code {ended.exit_code}"
        reasons = [*ended.reasons, *([] if ended.exit_code is None else [exited])]
        return HostPull(host, "failed", ended.digest, seconds, "; ".join(reasons) or "no reason given")
    if ended.digest and image.digest and ended.digest != image.digest:
        why = f"the estate's registry has {image.digest} under this tag"
        return HostPull(host, "another image", ended.digest, seconds, why)
    return HostPull(host, "held" if seconds is None else "pulled", ended.digest, seconds)
