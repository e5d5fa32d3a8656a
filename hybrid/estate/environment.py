"""`environment` and `network` of the estate file: where the estate lives."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Literal

from pydantic import Field, field_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part
from hybrid.estate.values import (
    SHORTER_RETENTION,
    AvailabilityZone,
    ImageTag,
    Name,
    RetentionDays,
    RouteTableId,
    SubnetId,
    VpcId,
)

_FIXED_NETWORK = (
    "The VPC and the subnets of an MWAA environment cannot be changed after it was made "
    "(MWAA User Guide, “Update an Amazon MWAA environment”)."
)


EndpointService = Literal[
    "airflow.api", "airflow.env", "airflow.ops", "ecr.api", "ecr.dkr", "ecs", "kms", "logs", "monitoring",
    "s3", "secretsmanager", "sqs", "ssm", "sts",
]  # fmt: skip


class Removal(StrEnum):
    """What `cdk destroy` does with stateful resources (key, buckets, registry, secrets, logs)."""

    RETAIN = "retain"
    DESTROY = "destroy"


class Environment(Part):
    """Which account and Region the estate lives in, and what it is called there."""

    name: Name = Field(
        description="Name of the estate. Every name that is a contract begins with it: stacks, clusters, "
        "roles, secrets, the MWAA environment, DAG ids.",
        examples=["acme-test"],
        json_schema_extra=cost(
            Effect.REFUSED,
            "Another name is another estate: all stacks are created anew beside the old ones, which stay "
            "until you delete them. No data moves.",
        ),
    )
    region: str = Field(
        pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$",
        description="AWS Region that everything is deployed to.",
        examples=["eu-west-2"],
        json_schema_extra=cost(
            Effect.REFUSED,
            "The estate is created anew in the other Region; what is in the first one stays until you "
            "delete it.",
        ),
    )
    account: str | None = Field(
        default=None,
        pattern=r"^\d{12}$",
        description="AWS account number, in quotes. With it, a deployment with credentials of another "
        "account is refused. Left out, the templates fit any account.",
        examples=["111122223333"],
        json_schema_extra=cost(
            Effect.REFUSED,
            "To write down the account that the estate is in costs a deployment. Another account gets "
            "another estate; the first one stays until you delete it.",
        ),
    )
    image: ImageTag | None = Field(
        default=None,
        description="Tag of the container's image at every site that names none of its own, in quotes. Left "
        "out, it is the image of the clone that deploys (`bin/hybrid image tag`).",
        examples=["5f0c3b1a9d2e4876"],
        json_schema_extra=cost(
            Effect.TASK_DEFINITION,
            "That of every source at such a site, so all sites' stacks are deployed. The image has to be in "
            "the registry before: `bin/hybrid hosts pull SITE --tag TAG` tells.",
        ),
    )
    permissions_boundary: str | None = Field(
        default=None,
        pattern=r"^arn:[^:]+:iam::\d{12}:policy/.+$",
        description="ARN of the managed policy that bounds every role of the estate.",
        examples=["arn:aws:iam::111122223333:policy/workloads"],
        json_schema_extra=cost(Effect.DEPLOYMENT, "What the boundary forbids fails from then on."),
    )
    removal: Removal = Field(
        default=Removal.RETAIN,
        description="`destroy` lets `cdk destroy` delete what holds data (key, buckets, registry, secrets, "
        "logs), and only together with `-c allow-data-loss=true` on the command line. `retain` keeps it.",
        examples=["destroy"],
        json_schema_extra=cost(
            Effect.NOTHING,
            "Only a deployment with `-c allow-data-loss=true` marks the resources for deletion.",
        ),
    )
    tags: dict[str, str] = Field(
        default_factory=dict,
        description="Tags of every resource and every task of the estate, beside its own `hybrid:estate`.",
        examples=[{"cost-centre": "4711"}],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    alarm_email: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="E-mail address that gets the alarms. Left out, subscribe to the alarms' topic yourself.",
        examples=["data-platform@example.com"],
        json_schema_extra=cost(
            Effect.REPLACEMENT,
            "The subscription is replaced; the new address gets alarms once it has confirmed.",
        ),
    )


class ExistingVpc(Part):
    """A VPC that is there already. Nothing in it is changed; its private subnets need a way to AWS."""

    vpc: VpcId = Field(
        description="Id of the VPC.",
        examples=["vpc-0123456789abcdef0"],
        json_schema_extra=cost(Effect.REFUSED, _FIXED_NETWORK),
    )
    private_subnets: list[SubnetId] = Field(
        min_length=2,
        description="Ids of its private subnets, one for each entry of `availability_zones`, in the same "
        "order. MWAA takes the first two, a cloud site all of them.",
        examples=[["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]],
        json_schema_extra=cost(
            Effect.REFUSED,
            f"{_FIXED_NETWORK} A third subnet, for cloud sites, costs no more than the next run.",
        ),
    )
    route_tables: list[RouteTableId] = Field(
        default_factory=list,
        description="Route table of each private subnet, for the S3 gateway endpoint of `egress: "
        "endpoints`; with `egress: nat` they are not used.",
        examples=[["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    further_cidrs: list[str] = Field(
        default_factory=list,
        description="Further ranges of the VPC, beside `network.cidr`, that the endpoints of `egress: "
        "endpoints` admit.",
        examples=[["100.64.0.0/16"]],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    endpoints: list[EndpointService] = Field(
        default_factory=list,
        description="Services that have an endpoint in the VPC already, with private DNS, `s3` with a "
        "gateway: these are not made again, which AWS refuses. They have to admit HTTPS from the private "
        "subnets. Of two estates in one VPC, the second names all.",
        examples=[["ecr.api", "ecr.dkr", "s3"]],
        json_schema_extra=cost(
            Effect.REPLACEMENT,
            "The estate's own endpoint of a service that is named goes; one that is named no more is made.",
        ),
    )

    endpoint_management: Literal["SERVICE", "CUSTOMER"] = Field(
        default="SERVICE",
        description="Who makes the endpoints of the environment's own database and web server. `CUSTOMER`: "
        "the owner of a VPC that is shared with this account, in which MWAA may make none. The environment "
        "waits for them, for 72 hours at most.",
        examples=["CUSTOMER"],
        json_schema_extra=cost(
            Effect.REFUSED,
            "It cannot be changed after the environment was made (CloudFormation: replacement).",
        ),
    )

    @field_validator("further_cidrs")
    @classmethod
    def _are_ranges(cls, value: list[str]) -> list[str]:
        for cidr in value:
            try:
                ipaddress.IPv4Network(cidr)
            except ValueError as error:
                raise ValueError(f"{error}; write a range such as 100.64.0.0/16") from error
        return value


class Network(Part):
    """The network of MWAA and of Fargate sites."""

    availability_zones: list[AvailabilityZone] = Field(
        min_length=2,
        max_length=6,
        description="Availability zones of the private subnets, in `environment.region`. MWAA uses the "
        "first two, a cloud site all of them.",
        examples=[["eu-west-1a", "eu-west-1c"]],
        json_schema_extra=cost(
            Effect.REFUSED,
            f"{_FIXED_NETWORK} A third zone behind the first two is added in place, by a deployment, and "
            "goes by one; so are a fourth to a sixth, with `addresses: reserved`.",
        ),
    )
    cidr: str = Field(
        default="10.20.0.0/16",
        description="IPv4 range of the VPC, a /16 to a /24. With `existing`, the range that its endpoints "
        "admit.",
        examples=["10.30.0.0/16"],
        json_schema_extra=cost(
            Effect.REFUSED,
            f"VPC and subnets would be replaced. {_FIXED_NETWORK} With `existing`: a deployment.",
        ),
    )
    egress: Literal["nat", "endpoints"] = Field(
        default="nat",
        description="How private subnets reach AWS. `nat`: through NAT gateways, and so the internet too. "
        "`endpoints`: through interface endpoints of AWS services, with no way to the internet at all.",
        examples=["endpoints"],
        json_schema_extra=cost(
            Effect.REPLACEMENT,
            "The subnets stay; NAT gateways and their addresses come or go, and connections through them are "
            "cut, so let running tasks end first. With `addresses: packed` the subnets would be replaced, "
            "which is refused. With `existing`: a deployment.",
        ),
    )
    addresses: Literal["reserved", "packed"] = Field(
        default="reserved",
        description="How the range is divided. `reserved`: each zone has its part for good, so zones can be "
        "added and `egress` can be changed later. `packed`: all of it among the zones that there are, as "
        "releases up to 0.1 did; only for an estate that was deployed so, with `egress: endpoints` or with "
        "four zones or more.",
        examples=["packed"],
        json_schema_extra=cost(
            Effect.NOTHING,
            "With `egress: nat` and two or three zones both are the same. Otherwise the subnets would be "
            f"replaced. {_FIXED_NETWORK}",
        ),
    )
    nat_gateways: Literal["one", "per-az"] = Field(
        default="one",
        description="With `egress: nat`: one NAT gateway for all zones, or one in each, which survives the "
        "loss of a zone and costs as many times more.",
        examples=["per-az"],
        json_schema_extra=cost(
            Effect.DEPLOYMENT,
            "Connections through a zone's former gateway are cut, and the zone gets another public "
            "address: tell who filters by it. Back to `one` deletes the gateways of the other zones.",
        ),
    )
    existing: ExistingVpc | None = Field(
        default=None,
        description="A VPC that is there already, in place of one of the estate's own.",
        examples=[
            {
                "vpc": "vpc-0123456789abcdef0",
                "private_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            }
        ],
        json_schema_extra=cost(Effect.REFUSED, _FIXED_NETWORK),
    )
    flow_log_retention_days: RetentionDays = Field(
        default=90,
        description="How long the flow logs of the estate's own VPC are kept. A VPC that is there already "
        "has its own.",
        examples=[30],
        json_schema_extra=cost(Effect.DEPLOYMENT, SHORTER_RETENTION, unit="days"),
    )

    @field_validator("cidr")
    @classmethod
    def _is_a_vpc_range(cls, value: str) -> str:
        try:
            block = ipaddress.IPv4Network(value)
        except ValueError as error:
            raise ValueError(f"{error}; write a range such as 10.20.0.0/16") from error
        if not 16 <= block.prefixlen <= 24:
            raise ValueError(f"/{block.prefixlen} does not fit: a VPC here takes a /16 to a /24")
        return value
