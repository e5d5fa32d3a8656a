"""A site with machines of one's own, joined with ECS Anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from hybrid.estate.site_kinds.anywhere import AnywhereSite as DeclaredAnywhereSite
from hybrid_constructs import arns
from hybrid_constructs.empty_secret import empty_secret
from hybrid_constructs.scoped_role import ScopedRole, Trust
from hybrid_constructs.site import Site, SitePlace, SiteServices, TaskProps

#: MiB of /tmp in memory: rows never touch a disk of the host.
SCRATCH_MIB = 128


class AnywhereSite(Site):
    """Hosts in any data centre, which register with this cluster and no other.

    The wall is IAM's: RegisterContainerInstance takes the cluster as its resource, so a host that holds
    an activation of this site cannot join another one. Of AWS's managed policies for such hosts this
    role leaves out what would reach over the wall or beyond ECS: ecs:CreateCluster, ssm:GetParameter(s)
    on everything, ECR and logs (the execution role has those); and what the agents call on EC2 only
    (docs/decisions/iam-anywhere-role.md).

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the site.
        services: what the sites of the estate share.
        log_retention_days: how long the logs of its tasks are kept.
        network_mode: of its containers, `bridge` or `host`.
        registry_mirror: registry at the site that has the image, `HOST[:PORT][/PATH]`; None for the estate's
            own.
        environment: variables of its containers, beside those of every container.

    Attributes:
        network_mode: as given.
        anywhere_role: which its hosts take through their activation.
        activation_secret: empty; the command line puts an activation there for a roll-out.
    """

    hosts_join = True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        services: SiteServices,
        log_retention_days: int,
        network_mode: Literal["bridge", "host"] = "bridge",
        registry_mirror: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            name=name,
            services=services,
            log_retention_days=log_retention_days,
            registry_mirror=registry_mirror,
        )
        self.network_mode = network_mode
        self._environment = dict(environment or {})
        self.anywhere_role = self._anywhere_role()
        self.activation_secret: secretsmanager.CfnSecret = empty_secret(
            self,
            "Activation",
            name=services.names.activation_secret(name),
            description=f"Activation for a roll-out of hosts at {name}; put here by the command line",
            key=services.key,
            removal_policy=services.removal_policy,
            why_no_rotation="An activation expires by itself, within thirty days at most.",
        )

    @classmethod
    def from_declared(
        cls,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        declared: DeclaredAnywhereSite,
        services: SiteServices,
        place: SitePlace,  # noqa: ARG003 - its hosts are elsewhere
    ) -> AnywhereSite:
        """The site as the estate file declares it."""
        return cls(
            scope,
            construct_id,
            name=name,
            services=services,
            log_retention_days=declared.log_retention_days,
            network_mode=declared.network_mode,
            registry_mirror=declared.registry_mirror,
            environment=declared.endpoints.container_environment,
        )

    @property
    def outputs(self) -> Mapping[str, tuple[str, str]]:
        """Those of every site, and the role of its hosts."""
        role = self.services.names.anywhere_role(self.name)
        return {**super().outputs, "AnywhereRoleName": (role, "Role that an activation names")}

    @property
    def environment(self) -> Mapping[str, str]:
        """As given."""
        return self._environment

    def task_definition(self, scope: Construct, props: TaskProps) -> ecs.TaskDefinition:
        """A task definition for hosts of one's own, in Docker's network or in the host's."""
        return ecs.ExternalTaskDefinition(
            scope,
            "TaskDefinition",
            family=props.family,
            network_mode=ecs.NetworkMode.HOST if self.network_mode == "host" else ecs.NetworkMode.BRIDGE,
            task_role=props.task_role,
            execution_role=props.execution_role,
        )

    def harden(self, linux: ecs.LinuxParameters) -> Sequence[str]:
        """A /tmp in memory, and no new privileges."""
        options = [ecs.TmpfsMountOption.NOSUID, ecs.TmpfsMountOption.NODEV]
        linux.add_tmpfs(ecs.Tmpfs(container_path="/tmp", size=SCRATCH_MIB, mount_options=options))  # noqa: S108
        return ["no-new-privileges"]

    def _anywhere_role(self) -> ScopedRole:
        names, stack = self.services.names, Stack.of(self)
        role = ScopedRole(
            self,
            "AnywhereRole",
            name=names.anywhere_role(self.name),
            path=names.role_path("anywhere"),
            description=f"Hosts at {self.name}: register with the cluster, report, be reached by SSM",
            trust=Trust(
                services=("ssm.amazonaws.com",),
                source_arn=stack.format_arn(service="ssm", resource="*"),
            ),
        )
        self._allow_ecs(role)
        self._allow_ssm(role)
        return role

    def _allow_ecs(self, role: ScopedRole) -> None:
        stack, cluster_name = Stack.of(self), self.services.names.cluster(self.name)
        cluster = arns.cluster(stack, cluster_name)
        instances = arns.container_instances(stack, cluster_name)
        role.allow(
            "FindEcs",
            actions=["ecs:DiscoverPollEndpoint"],
            resources=["*"],
            wildcard="ecs:DiscoverPollEndpoint takes no resource.",
        )
        role.allow(
            "JoinCluster",
            actions=[
                "ecs:RegisterContainerInstance",
                "ecs:SubmitContainerStateChange",
                "ecs:SubmitTaskStateChange",
            ],
            resources=[cluster],
        )
        role.allow(
            "TakeWork",
            actions=["ecs:Poll", "ecs:StartTelemetrySession"],
            resources=[instances],
            conditions={"ArnEquals": {"ecs:cluster": cluster}},
            wildcard="A host learns the id of its container instance when it registers.",
        )

    def _allow_ssm(self, role: ScopedRole) -> None:
        stack = Stack.of(self)
        role.allow(
            "ReportToSystemsManager",
            actions=["ssm:UpdateInstanceInformation"],
            resources=[stack.format_arn(service="ssm", resource="managed-instance", resource_name="*")],
            wildcard="A host learns the id of its managed instance when it registers.",
        )
        role.allow(
            "HoldChannels",
            actions=[
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            resources=["*"],
            wildcard="The actions of ssmmessages take no resource.",
        )
