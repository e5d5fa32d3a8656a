"""A kind of site in one file, as somebody would add it: a copy goes to hybrid/estate/site_kinds/rack.py.

EC2 instances of a rack in the VPC, which somebody else makes join the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from hybrid.estate.change import Effect, cost
from hybrid.estate.site_kinds.kind import SiteKind
from hybrid.estate.sources import Source

if TYPE_CHECKING:
    from hybrid_constructs.site import Site


class Rack(SiteKind):
    """A rack of EC2 instances."""

    summary: ClassVar[str] = "EC2 instances of a rack"
    launch_type: ClassVar[str] = "EC2"
    hosts_join: ClassVar[bool] = False
    where: ClassVar[str] = "a rack of EC2 instances"
    construct_class: ClassVar[str] = "hybrid.estate.site_kinds.rack:RackSite"

    kind: Literal["rack"] = Field(
        description="`rack`: EC2 instances of a rack.",
        examples=["rack"],
        json_schema_extra=cost(Effect.REPLACEMENT),
    )

    def source_problems(self, source: Source) -> Iterator[tuple[str, str]]:
        """A rack is small."""
        if source.memory > 2048:
            yield "memory", f"a rack has 2048 MiB for a container, not {source.memory}"


KIND = Rack


def __getattr__(name: str) -> Any:
    """Make the construct when the CDK app asks for it: reading an estate loads no CDK."""
    if name != "RackSite":
        raise AttributeError(name)
    return _construct()


def _construct() -> type[Site]:
    from aws_cdk import aws_ecs as ecs
    from constructs import Construct

    from hybrid_constructs.site import Site, SitePlace, SiteServices, TaskProps

    class RackSite(Site):
        @classmethod
        def from_declared(
            cls,
            scope: Construct,
            construct_id: str,
            *,
            name: str,
            declared: Rack,
            services: SiteServices,
            place: SitePlace,
        ) -> RackSite:
            days = declared.log_retention_days
            return cls(scope, construct_id, name=name, services=services, log_retention_days=days)

        def task_definition(self, scope: Construct, props: TaskProps) -> ecs.TaskDefinition:
            return ecs.Ec2TaskDefinition(
                scope,
                "TaskDefinition",
                family=props.family,
                task_role=props.task_role,
                execution_role=props.execution_role,
            )

    return RackSite
