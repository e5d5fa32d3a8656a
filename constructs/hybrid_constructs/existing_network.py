"""A VPC that is there already, by its ids: nothing is looked up while synthesizing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from hybrid_constructs.acknowledgement import acknowledge
from hybrid_constructs.private_endpoints import PrivateEndpoints


class ExistingNetwork(Construct):
    """A VPC with private subnets that somebody else owns. Nothing of it is changed.

    Args:
        scope: parent.
        construct_id: id in the parent.
        vpc_id: as `vpc-0123…`.
        cidr: its range, which the endpoints admit.
        availability_zones: of the private subnets, in their order.
        private_subnet_ids: at least two, one in each zone.
        route_table_ids: of the private subnets; needed for the S3 endpoint of `endpoints="all"`.
        further_cidrs: its other ranges, which the endpoints admit too.
        there: services that have an endpoint already.
        endpoints: `all` adds the endpoints that a VPC without a way to the internet needs.

    Attributes:
        vpc: the VPC.
        private_subnets: in the order given.

    Raises:
        ValueError: the lists do not go together.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_id: str,
        cidr: str,
        availability_zones: Sequence[str],
        private_subnet_ids: Sequence[str],
        route_table_ids: Sequence[str] = (),
        endpoints: Literal["all", "none"] = "none",
        further_cidrs: Sequence[str] = (),
        there: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        if len(private_subnet_ids) != len(availability_zones) or len(private_subnet_ids) < 2:
            raise ValueError("name at least two private subnets, and the availability zone of each")
        if endpoints == "all" and "s3" not in there and len(route_table_ids) != len(private_subnet_ids):
            raise ValueError("the S3 gateway endpoint needs the route table of each private subnet")
        self.vpc: ec2.IVpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=vpc_id,
            availability_zones=list(availability_zones),
            private_subnet_ids=list(private_subnet_ids),
            private_subnet_route_table_ids=list(route_table_ids) or None,
        )
        if not route_table_ids:
            acknowledge(
                self.vpc,
                {"Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId": "No route of this VPC is read."},
            )
        self.private_subnets: list[ec2.ISubnet] = self.vpc.private_subnets
        if endpoints == "all":
            PrivateEndpoints(
                self,
                "Endpoints",
                vpc=self.vpc,
                cidr=cidr,
                subnets=self.private_subnets,
                services="all",
                further_cidrs=further_cidrs,
                there=there,
            )
