"""Sites of kind `anywhere`: machines of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hybrid.estate.change import Effect, cost
from hybrid.estate.naming import Names
from hybrid.estate.private_endpoints import PrivateEndpoints
from hybrid.estate.site_kinds.kind import OTHER_KIND, LimitedName, SiteKind

#: Characters of CreateActivation's IamRole, which for a role with a path holds the path too
#: (Systems Manager API reference; its example names `service-role/…`).
LONGEST_ACTIVATION_ROLE = 64

#: A registry as the name of an image begins with it; Docker takes a first part without a dot or a port for a
#: user of Docker Hub (distribution, "reference": domain-component).
RegistryMirror = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?|[a-z0-9-]+:\d{1,5})(/[a-z0-9]+([._-][a-z0-9]+)*)*$"
    ),
]


class AnywhereSite(SiteKind):
    """A place with machines of one's own, joined with ECS Anywhere."""

    summary: ClassVar[str] = "machines of your own"
    launch_type: ClassVar[str] = "EXTERNAL"
    hosts_join: ClassVar[bool] = True
    where: ClassVar[str] = "its own machines (ECS Anywhere)"
    construct_class: ClassVar[str] = "hybrid_constructs.anywhere_site:AnywhereSite"

    kind: Literal["anywhere"] = Field(
        description="`anywhere`: machines of your own, which join with ECS Anywhere.",
        examples=["anywhere"],
        json_schema_extra=cost(
            Effect.REPLACEMENT,
            "The task definitions are replaced. The hosts' role and the activation's secret go, so hosts "
            "that joined lose their connection; a secret that is kept refuses the way back, as long as it "
            f"has its name. {OTHER_KIND}",
        ),
    )
    network_mode: Literal["bridge", "host"] = Field(
        default="bridge",
        description="Network of the containers: `bridge` is Docker's own, behind the host's address; "
        "`host` is the host's itself, for a database that listens on the host's loopback address only.",
        examples=["host"],
        json_schema_extra=cost(Effect.TASK_DEFINITION, "That of every source at the site."),
    )

    registry_mirror: RegistryMirror | None = Field(
        default=None,
        description="Registry at the site that has the estate's images, `HOST[:PORT][/PATH]`: hosts pull "
        "from there and not from Amazon ECR. It is a pull-through cache of ECR, or gets images by "
        "`bin/hybrid image push --site SITE`. Hosts read it without a login, and over TLS unless it is on "
        "their loopback.",
        examples=["registry.plant.example:5000"],
        json_schema_extra=cost(
            Effect.TASK_DEFINITION,
            "That of every source at the site. The site's execution role loses its rights at ECR, or gets "
            "them back. Make the host kit anew, which tries the way to it.",
        ),
    )

    endpoints: PrivateEndpoints = Field(
        default=PrivateEndpoints(),
        description="Interface endpoints of a VPC that the site reaches over its own line (Direct Connect, a "
        "VPN), each by its address. Not every call can be told so: for the others the site's DNS answers "
        "(docs/how-to/private-endpoints.md).",
        examples=[{"s3": "https://bucket.vpce-0123456789abcdef0-abcdefgh.s3.eu-west-1.vpce.amazonaws.com"}],
        json_schema_extra=cost(Effect.TASK_DEFINITION, "See its keys; several cost less."),
    )

    def limited_names(self, names: Names, site: str) -> Iterator[LimitedName]:
        """The role that an activation names."""
        role = names.role_path("anywhere").lstrip("/") + names.anywhere_role(site)
        yield "activation's role", role, LONGEST_ACTIVATION_ROLE


KIND = AnywhereSite
