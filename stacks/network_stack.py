"""The network of MWAA and of Fargate sites."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from hybrid.estate.model import Estate
from hybrid_constructs import EndpointEgress, ExistingNetwork, NatEgress, Network
from stacks.estate_stack import EstateStack


class NetworkStack(EstateStack):
    """A VPC of the estate's own, or one that is there already.

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
        network: Network | ExistingNetwork = (
            self._existing(estate) if estate.network.existing else self._new(estate, key)
        )
        self.vpc = network.vpc
        self.private_subnets = network.private_subnets
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
        )

    def _existing(self, estate: Estate) -> ExistingNetwork:
        declared = estate.network
        assert declared.existing is not None  # noqa: S101 - the caller asked
        return ExistingNetwork(
            self,
            "Network",
            vpc_id=declared.existing.vpc,
            cidr=declared.cidr,
            availability_zones=declared.availability_zones,
            private_subnet_ids=declared.existing.private_subnets,
            route_table_ids=declared.existing.route_tables,
            endpoints="all" if declared.egress == "endpoints" else "none",
        )
