"""A site: the wall around a place with data. One cluster, one log group, one execution role."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack, Tags
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from hybrid.estate.naming import Names
from hybrid_constructs import arns
from hybrid_constructs.retention import retention
from hybrid_constructs.scoped_role import ScopedRole, Trust

#: Tag keys of everything that belongs to an estate, a site or a source.
ESTATE_TAG, SITE_TAG, SOURCE_TAG = "hybrid:estate", "hybrid:site", "hybrid:source"


@dataclass(frozen=True)
class SiteServices:
    """What every site of an estate shares.

    Attributes:
        names: names of the estate.
        key: the estate's key.
        repository: registry of the ETL container.
        removal_policy: what `cdk destroy` does with stateful resources.
    """

    names: Names
    key: kms.IKey
    repository: ecr.IRepository
    removal_policy: RemovalPolicy


def ecs_trust(stack: Stack) -> Trust:
    """Trust of the roles of ECS tasks (ECS Developer Guide, "Amazon ECS task IAM role")."""
    return Trust(
        services=("ecs-tasks.amazonaws.com",),
        source_arn=stack.format_arn(service="ecs", resource="*"),
    )


class Site(Construct):
    """What an anywhere site and a cloud site have in common.

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the site.
        services: what the sites of the estate share.
        log_retention_days: how long the logs of its tasks are kept.

    Attributes:
        name: of the site.
        services: as given.
        cluster: its ECS cluster.
        log_group: where its tasks log.
        execution_role: with which ECS pulls the image and writes the logs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        services: SiteServices,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        names = services.names
        self.name = name
        self.services = services
        Tags.of(self).add(SITE_TAG, name)
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_name=names.cluster(name),
            cluster_settings=[
                ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")
            ],
        )
        self.log_group = logs.LogGroup(
            self,
            "LogGroup",
            log_group_name=names.log_group(name),
            encryption_key=services.key,
            retention=retention(log_retention_days),
            removal_policy=services.removal_policy,
        )
        self.execution_role = self._execution_role()

    def _execution_role(self) -> ScopedRole:
        names, stack = self.services.names, Stack.of(self)
        role = ScopedRole(
            self,
            "ExecutionRole",
            name=names.execution_role(self.name),
            path=names.role_path("execution"),
            description=f"Pulls the image and writes the logs of the tasks at {self.name}",
            trust=ecs_trust(stack),
        )
        role.allow(
            "AuthorizeAtRegistry",
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            wildcard="ecr:GetAuthorizationToken takes no resource.",
        )
        role.allow(
            "PullImage",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=[self.services.repository.repository_arn],
        )
        role.allow(
            "WriteLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[arns.log_streams(stack, names.log_group(self.name))],
            wildcard="Log streams are named after the task, which is new at every run.",
        )
        return role
