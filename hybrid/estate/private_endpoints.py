"""`endpoints` of a site: addresses of AWS that its hosts reach over a line of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part

EndpointUrl = Annotated[str, Field(pattern=r"^https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?$")]

#: Services that AWS's programs on a host cannot be told another address of, and why.
_BY_NAME_ONLY = {
    "logs": "ECS refuses the log option `awslogs-endpoint` (aws/containers-roadmap#73)",
    "ecs-agent": "ECS tells the agent that address itself (aws/containers-roadmap#2821)",
    "ecs-telemetry": "ECS tells the agent that address itself (aws/containers-roadmap#2821)",
    "ecr": "an image is pulled from the registry that it is named after; or set `registry_mirror`",
    "ec2messages": "hosts do not call it",
}

_KIT = "Make the host kit anew, and run `hybrid-host join` on each host; no code is needed."


class PrivateEndpoints(Part):
    """Interface endpoints (AWS PrivateLink) by their own addresses, which the site's DNS does not give."""

    ecs: EndpointUrl | None = Field(
        default=None,
        description="Of Amazon ECS: registration of hosts, and what becomes of tasks.",
        examples=["https://vpce-0123456789abcdef0-abcdefgh.ecs.eu-west-1.vpce.amazonaws.com"],
        json_schema_extra=cost(Effect.NOTHING, _KIT),
    )
    ssm: EndpointUrl | None = Field(
        default=None,
        description="Of Systems Manager: registration and credentials of hosts.",
        examples=["https://vpce-0123456789abcdef0-abcdefgh.ssm.eu-west-1.vpce.amazonaws.com"],
        json_schema_extra=cost(Effect.NOTHING, _KIT),
    )
    ssmmessages: EndpointUrl | None = Field(
        default=None,
        description="Of Session Manager and Run Command.",
        examples=["https://vpce-0123456789abcdef0-abcdefgh.ssmmessages.eu-west-1.vpce.amazonaws.com"],
        json_schema_extra=cost(Effect.NOTHING, _KIT),
    )
    s3: EndpointUrl | None = Field(
        default=None,
        description="Of Amazon S3, for containers: specifications and data. It begins with `bucket.`.",
        examples=["https://bucket.vpce-0123456789abcdef0-abcdefgh.s3.eu-west-1.vpce.amazonaws.com"],
        json_schema_extra=cost(Effect.TASK_DEFINITION, "That of every source at the site."),
    )
    secretsmanager: EndpointUrl | None = Field(
        default=None,
        description="Of Secrets Manager, for containers: the database's password.",
        examples=["https://vpce-0123456789abcdef0-abcdefgh.secretsmanager.eu-west-1.vpce.amazonaws.com"],
        json_schema_extra=cost(Effect.TASK_DEFINITION, "That of every source at the site."),
    )

    @model_validator(mode="before")
    @classmethod
    def _can_be_told(cls, value: Any) -> Any:
        for name in sorted(_BY_NAME_ONLY.keys() & value.keys()) if isinstance(value, Mapping) else ():
            raise ValueError(
                f"`{name}` cannot be set: {_BY_NAME_ONLY[name]}. The site's DNS answers for it "
                "(docs/how-to/private-endpoints.md)"
            )
        return value

    @property
    def by_service(self) -> dict[str, str]:
        """Service → URL, of those that are set."""
        return {name: url for name, url in self if url is not None}

    @property
    def container_environment(self) -> dict[str, str]:
        """Variables by which the AWS SDKs take these addresses (AWS SDKs Reference Guide, "Service-specific
        endpoints")."""
        names = {"s3": "S3", "secretsmanager": "SECRETS_MANAGER"}
        found = self.by_service
        return {
            f"AWS_ENDPOINT_URL_{name}": found[service] for service, name in names.items() if service in found
        }
