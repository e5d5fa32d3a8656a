"""Sites of kind `anywhere`: machines of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from hybrid.estate.change import Effect, cost
from hybrid.estate.naming import Names
from hybrid.estate.site_kinds.kind import OTHER_KIND, LimitedName, SiteKind

#: Characters of CreateActivation's IamRole, which for a role with a path holds the path too
#: (Systems Manager API reference; its example names `service-role/…`).
LONGEST_ACTIVATION_ROLE = 64


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

    def limited_names(self, names: Names, site: str) -> Iterator[LimitedName]:
        """The role that an activation names."""
        role = names.role_path("anywhere").lstrip("/") + names.anywhere_role(site)
        yield "activation's role", role, LONGEST_ACTIVATION_ROLE


KIND = AnywhereSite
