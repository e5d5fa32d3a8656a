"""What it takes to run, watch and stop the tasks of an estate's sources.

Everything is named: `family:*` instead of the ARN of a revision, which CloudFormation could not replace
while another stack imports it, and roles by path and name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack

from hybrid.estate.naming import Names
from hybrid_constructs import arns
from hybrid_constructs.permission import Conditions, Permission

#: Sites up to which the permissions name each of them, and the characters up to which they may do so: an
#: inline policy ends at 10,240, of which MWAA's own statements take about 3,500. Beyond, they name the
#: estate, and another site changes nothing.
LISTED_SITES = 5
LISTED_CHARACTERS = 6_000

_NEW_TASKS = "A task's id is new at every run; the cluster in the ARN and the condition is the wall."
_REVISIONS = "A family is granted with every revision: the newest one runs."


@dataclass(frozen=True)
class RunTarget:
    """A site and the sources whose tasks run there.

    Attributes:
        site: name of the site.
        sources: names of its sources.
        hosts_join: whether hosts have to be alive before a task starts (the liveness gate).
    """

    site: str
    sources: tuple[str, ...]
    hosts_join: bool


def allow_runs_of(stack: Stack, names: Names, targets: Sequence[RunTarget]) -> list[Permission]:
    """Statements for all sites of an estate: site by site while that fits, for the estate beyond."""
    if len(targets) <= LISTED_SITES:
        listed = allow_runs(stack, names, targets)
        if sum(permission.characters(stack) for permission in listed) <= LISTED_CHARACTERS:
            return listed
    return allow_runs_in_estate(stack, names, with_gate=any(target.hosts_join for target in targets))


def allow_runs(stack: Stack, names: Names, targets: Sequence[RunTarget]) -> list[Permission]:
    """Statements for the tasks of some sites, each source only in the cluster of its own site."""
    running = [target for target in targets if target.sources]
    runs = [_run(stack, names, target, index) for index, target in enumerate(running, start=1)]
    clusters = [names.cluster(target.site) for target in targets]
    cluster_arns = tuple(arns.cluster(stack, name) for name in clusters)
    task_arns = tuple(arns.tasks(stack, name) for name in clusters)
    groups = [names.log_group(target.site) for target in targets]
    roles = [
        arns.role(stack, path=names.role_path("execution"), name=names.execution_role(target.site))
        for target in targets
    ] + [
        arns.role(stack, path=names.role_path("task"), name=names.task_role(source))
        for target in targets
        for source in target.sources
    ]
    return [
        *runs,
        _tag(task_arns),
        *_watch(task_arns, {"ArnEquals": {"ecs:cluster": cluster_arns}}),
        _pass_roles(tuple(roles), wildcard=None),
        _read_logs(tuple(arns.log_streams(stack, group) for group in groups)),
        *_gate(stack, [names.cluster(target.site) for target in targets if target.hosts_join]),
    ]


def allow_runs_in_estate(stack: Stack, names: Names, *, with_gate: bool) -> list[Permission]:
    """Statements for every site of an estate, however many there are.

    Clusters and families are reached by the estate's prefix. Another estate's name may begin with this
    one's (`acme`, `acme-test`), so the task definition, the task and the cluster have to carry this estate's
    tag as well; role path and log groups end the name with a slash and need no tag. A task carries the tags
    of its definition where RunTask was asked to propagate them.
    """
    every = f"{names.prefix}-*"
    clusters = arns.cluster(stack, every)
    in_estate = {"ArnLike": {"ecs:cluster": clusters}}
    with_tag = {"StringEquals": {"aws:ResourceTag/hybrid:estate": names.estate}}
    tagged = {**in_estate, **with_tag}
    growing = "The estate has more sites than a policy can list; prefix, tag and path say which."
    permissions = [
        Permission(
            sid="RunTasks",
            actions=("ecs:RunTask",),
            resources=(arns.family(stack, every),),
            conditions=tagged,
            wildcard=growing,
        ),
        _tag((arns.tasks(stack, every),)),
        *_watch((arns.tasks(stack, every),), in_estate, of_tasks=tagged),
        _pass_roles(
            tuple(arns.role(stack, path=names.role_path(kind), name="*") for kind in ("execution", "task")),
            wildcard=growing,
        ),
        _read_logs((arns.log_streams(stack, names.log_group("*")),)),
    ]
    return [*permissions, *_gate(stack, [every], of_clusters=with_tag)] if with_gate else permissions


def _run(stack: Stack, names: Names, target: RunTarget, index: int) -> Permission:
    return Permission(
        sid=f"RunTasks{index}",
        actions=("ecs:RunTask",),
        resources=tuple(arns.family(stack, names.family(source)) for source in target.sources),
        conditions={"ArnEquals": {"ecs:cluster": arns.cluster(stack, names.cluster(target.site))}},
        wildcard=_REVISIONS,
    )


def _tag(task_arns: tuple[str, ...]) -> Permission:
    """RunTask propagates the task definition's tags, for which ECS asks this too.

    Source: Amazon ECS Developer Guide, "Tagging authorization".
    """
    return Permission(
        sid="TagStartingTasks",
        actions=("ecs:TagResource",),
        resources=task_arns,
        conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        wildcard=_NEW_TASKS,
    )


def _watch(
    task_arns: tuple[str, ...], conditions: Conditions, *, of_tasks: Conditions | None = None
) -> list[Permission]:
    return [
        Permission(
            sid="WatchAndStopTasks",
            actions=("ecs:DescribeTasks", "ecs:StopTask"),
            resources=task_arns,
            conditions=of_tasks or conditions,
            wildcard=_NEW_TASKS,
        ),
        Permission(
            sid="FindTasks",
            actions=("ecs:ListTasks",),
            resources=("*",),
            conditions=conditions,
            wildcard="ecs:ListTasks takes no task as its resource; the condition holds it to the clusters.",
        ),
    ]


def _pass_roles(role_arns: tuple[str, ...], *, wildcard: str | None) -> Permission:
    return Permission(
        sid="PassRolesToTasks",
        actions=("iam:PassRole",),
        resources=role_arns,
        conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        wildcard=wildcard,
    )


def _read_logs(streams: tuple[str, ...]) -> Permission:
    return Permission(
        sid="ReadTaskLogs",
        actions=("logs:GetLogEvents",),
        resources=streams,
        wildcard="A log stream is named after its task, which is new at every run.",
    )


def _gate(
    stack: Stack, cluster_names: Sequence[str], *, of_clusters: Conditions | None = None
) -> list[Permission]:
    """The liveness gate: is a host of the site connected, before a run is started there?"""
    if not cluster_names:
        return []
    clusters = tuple(arns.cluster(stack, name) for name in cluster_names)
    has_pattern = any("*" in name for name in cluster_names)
    growing = "The estate has more sites than a policy can list; the prefix says which."
    return [
        Permission(
            sid="ListHosts",
            actions=("ecs:ListContainerInstances",),
            resources=clusters,
            conditions=of_clusters or {},
            wildcard=growing if has_pattern else None,
        ),
        Permission(
            sid="DescribeHosts",
            actions=("ecs:DescribeContainerInstances",),
            resources=tuple(arns.container_instances(stack, name) for name in cluster_names),
            conditions={"ArnLike" if has_pattern else "ArnEquals": {"ecs:cluster": clusters}},
            wildcard="A host's id is new each time it registers; the cluster is the wall.",
        ),
        Permission(
            sid="DescribeManagedHosts",
            actions=("ssm:DescribeInstanceInformation",),
            resources=("*",),
            wildcard="ssm:DescribeInstanceInformation takes no resource.",
        ),
    ]
