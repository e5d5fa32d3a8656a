"""The network of MWAA and of Fargate sites."""

from __future__ import annotations

from typing import Protocol

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from hybrid.estate.model import Estate, ExistingVpc
from hybrid_constructs import EndpointEgress, ExistingNetwork, NatEgress, Network
from stacks.estate_stack import EstateStack


class VpcPlace(Protocol):
    """Where MWAA and Fargate tasks run.

    Attributes:
        vpc: the VPC.
        private_subnets: one in each availability zone of the estate file, in its order.
    """

    vpc: ec2.IVpc
    private_subnets: list[ec2.ISubnet]


class NetworkStack(EstateStack):
    """A VPC of the estate's own, or the endpoints that one which is there already lacks.

    Args:
        scope: parent.
        estate: the estate.
        key: the estate's key.

    Attributes:
        vpc: the VPC.
        private_subnets: one in each availability zone of the estate file, in its order.
    """

    def __init__(self, scope: Construct, *, estate: Estate, key: kms.IKey) -> None:
        super().__init__(scope, estate=estate, part="network", description="network of MWAA and Fargate")
        existing = estate.network.existing
        place: VpcPlace = _existing(self, estate, existing) if existing else self._new(estate, key)
        self.vpc = place.vpc
        self.private_subnets = place.private_subnets
        self.output("VpcId", self.vpc.vpc_id, "The VPC")

    def _new(self, estate: Estate, key: kms.IKey) -> Network:
        declared = estate.network
        gateways = len(declared.availability_zones) if declared.nat_gateways == "per-az" else 1
        return Network(
            self,
            "Network",
            name=self.names.prefix,
            availability_zones=declared.availability_zones,
            cidr=declared.cidr,
            egress=EndpointEgress() if declared.egress == "endpoints" else NatEgress(gateways),
            key=key,
            flow_log_retention_days=declared.flow_log_retention_days,
            reserved=declared.addresses == "reserved",
        )


def network_of(scope: Construct, *, estate: Estate, key: kms.IKey, owner: EstateStack) -> VpcPlace:
    """The estate's network: a stack, or where there is nothing to deploy the ids of what is there.

    Args:
        scope: the app.
        estate: the estate.
        key: the estate's key.
        owner: stack that holds the ids; they add nothing to its template.
    """
    existing = estate.network.existing
    if existing and estate.network.egress == "nat":
        return _existing(owner, estate, existing)
    return NetworkStack(scope, estate=estate, key=key)


def _existing(scope: Construct, estate: Estate, existing: ExistingVpc) -> ExistingNetwork:
    return ExistingNetwork(
        scope,
        "Network",
        vpc_id=existing.vpc,
        cidr=estate.network.cidr,
        availability_zones=estate.network.availability_zones,
        private_subnet_ids=existing.private_subnets,
        route_table_ids=existing.route_tables,
        further_cidrs=existing.further_cidrs,
        there=existing.endpoints,
        endpoints="all" if estate.network.egress == "endpoints" else "none",
    )
