"""What is done to hosts: drained, put back to work, labelled, taken out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hybrid.estate import Estate
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.hosts import Host
from hybrid.fleet.records import TaskRecord
from hybrid.fleet.sites import anywhere_site

#: Source: Amazon ECS API Reference, Attribute: name and value are 1 to 128 characters; letters, digits, and
#: _ - . / (both), @ : \ and spaces in values.
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_VALUE = re.compile(r"(?! )[A-Za-z0-9_./@:\\ -]{1,128}(?<! )")

#: Seconds between two looks at a host that is draining.
LOOK = 5.0


@dataclass(frozen=True)
class StillRunning:
    """What a draining host still does."""

    host: Host
    tasks: Sequence[TaskRecord]


def _instance(host: Host) -> str:
    if host.instance is None:
        raise errors.UnknownHost(
            f"host {host.name} ({host.node}) is known to Systems Manager only, not to ECS: nothing can be "
            "placed on it; run `hybrid-host doctor` on it, or take it out with `bin/hybrid hosts deregister`"
        )
    return host.instance


def set_draining(aws: AwsClient, estate: Estate, hosts: Sequence[Host], *, draining: bool) -> None:
    """Let ECS place nothing more on hosts, or place tasks there again. Stand-alone tasks go on either way.

    Raises:
        errors.FleetError: a host is not in ECS, or AWS refused.
    """
    by_cluster: dict[str, list[str]] = {}
    for host in hosts:
        by_cluster.setdefault(anywhere_site(estate, host.site).cluster, []).append(_instance(host))
    for cluster, instances in by_cluster.items():
        aws.set_state(cluster, instances, "DRAINING" if draining else "ACTIVE")


def until_idle(
    aws: AwsClient,
    estate: Estate,
    hosts: Sequence[Host],
    *,
    timeout: timedelta,
) -> Iterator[list[StillRunning]]:
    """Look until no task is left on any of the hosts; yields what is left at each look, at last nothing.

    ECS moves services away from a draining host; tasks that RunTask started, and those of this project are
    all of that kind, run to their end (Developer Guide, "Container instance draining").

    Raises:
        errors.DrainTimeout: tasks still run after `timeout`; the hosts go on draining.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        left = []
        for host in hosts:
            if tasks := aws.tasks(anywhere_site(estate, host.site).cluster, _instance(host)):
                left.append(StillRunning(host, tasks))
        yield left
        if not left:
            return
        if time.monotonic() >= deadline:
            raise errors.DrainTimeout(
                "; ".join(f"host {one.host.name} still runs {_named(one.tasks)}" for one in left)
                + ". It goes on draining: wait again with the same command, or stop the run in Airflow"
            )
        time.sleep(min(LOOK, max(deadline - time.monotonic(), 0.1)))


@dataclass(frozen=True)
class Deregistered:
    """What deregistering did. A False means that there was nothing left to do on that side."""

    host: Host
    from_ecs: bool
    from_ssm: bool


def deregister(aws: AwsClient, estate: Estate, host: Host, *, force: bool) -> Deregistered:
    """Take a host out of its cluster and out of Systems Manager; what is on the machine stays.

    Of a registration with several container instances it takes out that instance only: the others need it.

    Repeating it after a failure finishes what is left.

    Args:
        aws: the client.
        estate: the estate.
        host: as found by `hosts.find`.
        force: also while tasks run; they go on without ECS, and Airflow will see them as lost.

    Raises:
        errors.HostBusy: tasks run and `force` is not given; nothing is changed.
        errors.PartlyDone: it is out of ECS and still in Systems Manager.
    """
    require_idle(host, force=force)
    left = False
    if host.instance is not None:
        cluster = anywhere_site(estate, host.site).cluster
        left = aws.deregister_instance(cluster, host.instance, force=force)
    try:
        keep = host.state is host.state.ORPHANED or bool(host.others)
        gone = False if keep else aws.deregister_node(host.node)
    except errors.FleetError as error:
        raise errors.PartlyDone(
            f"host {host.name} is out of ECS, but still in Systems Manager: {error}. Repeat the command with "
            f"{host.node} to finish"
        ) from None
    return Deregistered(host, from_ecs=left, from_ssm=gone)


def require_idle(host: Host, *, force: bool) -> None:
    """Refuse a host with tasks, unless forced.

    Raises:
        errors.HostBusy: tasks run.
    """
    busy = host.running + host.pending
    if busy and not force:
        raise errors.HostBusy(
            f"host {host.name} has {busy} task{'s' if busy > 1 else ''}: drain it first with `bin/hybrid "
            f"hosts drain {host.node}`, or use --force to leave the tasks behind"
        )


def labels(given: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """`key=value` to set, `key-` to remove.

    Raises:
        errors.OptionsRefused: one is neither, or ECS would not take it.
    """
    wanted: dict[str, str] = {}
    unwanted: list[str] = []
    for text in given:
        name, equals, value = text.partition("=")
        if not equals and text.endswith("-"):
            name = text[:-1]
            unwanted.append(name)
        elif not equals:
            raise errors.OptionsRefused(f"label {text}: write key=value to set it, or key- to remove it")
        elif not _VALUE.fullmatch(value):
            raise errors.OptionsRefused(
                f"label {name}: ECS does not take the value `{value}`: 1 to 128 letters, digits, spaces "
                "within, and _ - . / @ : \\"
            )
        else:
            wanted[name] = value
        if not _NAME.fullmatch(name) or name.startswith(("ecs.", "com.amazonaws.")):
            raise errors.OptionsRefused(
                f"label {name}: a name is 1 to 128 letters, digits and _ - . / and does not begin with ecs. "
                "or com.amazonaws."
            )
    return wanted, unwanted


def label(
    aws: AwsClient, estate: Estate, host: Host, *, wanted: Mapping[str, str], unwanted: Sequence[str]
) -> None:
    """Set and remove custom attributes, which placement constraints read.

    Raises:
        errors.FleetError: the host is not in ECS, or AWS refused.
    """
    cluster = anywhere_site(estate, host.site).cluster
    if wanted:
        aws.put_attributes(cluster, _instance(host), wanted)
    if unwanted:
        aws.delete_attributes(cluster, _instance(host), unwanted)


def _named(tasks: Sequence[TaskRecord]) -> str:
    return ", ".join(f"{task.family} {task.task_id} ({task.status})" for task in tasks)
