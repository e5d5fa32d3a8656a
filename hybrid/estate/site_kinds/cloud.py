"""Sites of kind `cloud`: Fargate, in the VPC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from pydantic import Field

from hybrid.estate.change import Effect, cost
from hybrid.estate.site_kinds.kind import OTHER_KIND, SiteKind
from hybrid.estate.sources import Source
from hybrid.estate.values import SecurityGroupId, SubnetId

#: CPU units → memory in MiB that Fargate takes (Amazon ECS Developer Guide, "Task CPU and memory").
_FARGATE: dict[int, Iterable[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}


class CloudSite(SiteKind):
    """A place in the VPC, where Fargate runs the tasks."""

    summary: ClassVar[str] = "Fargate"
    launch_type: ClassVar[str] = "FARGATE"
    hosts_join: ClassVar[bool] = False
    where: ClassVar[str] = "AWS Fargate"
    construct_class: ClassVar[str] = "hybrid_constructs.cloud_site:CloudSite"

    kind: Literal["cloud"] = Field(
        description="`cloud`: Fargate runs the containers, in the VPC.",
        examples=["cloud"],
        json_schema_extra=cost(
            Effect.REPLACEMENT,
            f"The task definitions are replaced, and the site's own security group goes. {OTHER_KIND}",
        ),
    )
    subnets: list[SubnetId] = Field(
        default_factory=list,
        description="Ids of the subnets that the tasks run in; empty: the private subnets of `network`.",
        examples=[["subnet-0123456789abcdef0"]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    security_groups: list[SecurityGroupId] = Field(
        default_factory=list,
        description="Ids of the security groups of the tasks; empty: the site has one of its own, which lets "
        "nothing in and everything out.",
        examples=[["sg-0123456789abcdef0"]],
        json_schema_extra=cost(
            Effect.REPLACEMENT,
            "That is so for the first ones, because the site's own group goes. From one list to another it "
            "costs the next run.",
        ),
    )

    architecture: Literal["x86_64", "arm64"] = Field(
        default="x86_64",
        description="Processor that Fargate runs the containers on, which the image has to be for.",
        examples=["arm64"],
        json_schema_extra=cost(
            Effect.TASK_DEFINITION,
            "That of every source at the site. Push an image of that architecture first: without it, tasks "
            "end before they start.",
        ),
    )

    @property
    def processor(self) -> str:
        """What the image has to be for."""
        return self.architecture

    def source_problems(self, source: Source) -> Iterator[tuple[str, str]]:
        """Sizes that Fargate does not have."""
        if source.cpu not in _FARGATE:
            yield "cpu", f"Fargate takes {', '.join(map(str, _FARGATE))} CPU units, not {source.cpu}"
        elif source.memory not in _FARGATE[source.cpu]:
            fitting = ", ".join(map(str, _FARGATE[source.cpu]))
            yield "memory", f"with {source.cpu} CPU units Fargate takes {fitting} MiB, not {source.memory}"


KIND = CloudSite
