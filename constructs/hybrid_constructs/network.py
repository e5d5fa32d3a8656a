"""The network of MWAA and of Fargate sites: private subnets, and a way out to AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from hybrid.estate import addresses
from hybrid_constructs.acknowledgement import acknowledge, nist
from hybrid_constructs.flow_log import FlowLog
from hybrid_constructs.function_logs import function_logs, log_to
from hybrid_constructs.private_endpoints import PrivateEndpoints

#: What the AWS CDK calls the provider whose function takes the rules of the default security group away.
_RESTRICTING = "Custom::VpcRestrictDefaultSGCustomResourceProvider"


@dataclass(frozen=True)
class NatEgress:
    """Private subnets reach the internet through NAT gateways.

    Attributes:
        gateways: how many; one is cheaper, one in each zone survives the loss of a zone.
    """

    gateways: int


@dataclass(frozen=True)
class EndpointEgress:
    """Nothing reaches the internet; AWS services answer at endpoints inside the VPC."""


class Network(Construct):
    """A new VPC with a private subnet in each of the given availability zones.

    The zones are given rather than looked up, so that a synth without credentials is complete. The AWS CDK
    compares them with those of the stack, so a stack with an account has to name its zones too
    (`Stack.availability_zones`).

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the VPC, as consoles show it.
        availability_zones: at least two, as `eu-west-1a`.
        cidr: range of the VPC.
        egress: how the private subnets reach AWS.
        key: encrypts the flow logs.
        flow_log_retention_days: how long they are kept.
        reserved: whether each zone has its part of the range for good (hybrid/estate/addresses.py).

    Attributes:
        vpc: the VPC.
        private_subnets: one in each availability zone, in the order given.

    Raises:
        ValueError: fewer than two availability zones.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        availability_zones: Sequence[str],
        cidr: str,
        egress: NatEgress | EndpointEgress,
        key: kms.IKey,
        flow_log_retention_days: int,
        reserved: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        if len(availability_zones) < 2:
            raise ValueError("MWAA needs private subnets in two availability zones: name at least two")
        with_nat = isinstance(egress, NatEgress)
        self.vpc: ec2.IVpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=name,
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=list(availability_zones),
            nat_gateways=egress.gateways if isinstance(egress, NatEgress) else 0,
            restrict_default_security_group=True,
            subnet_configuration=_subnets(with_nat=with_nat),
        )
        stack = Stack.of(self)
        log_to(stack, _RESTRICTING, function_logs(stack, "FunctionLogs", key=key))
        self.private_subnets: list[ec2.ISubnet] = (
            self.vpc.private_subnets if with_nat else self.vpc.isolated_subnets
        )
        if reserved:
            for zone, subnet in enumerate(self.private_subnets):
                _cfn(subnet).cidr_block = addresses.private_range(cidr, zone)
            for zone, subnet in enumerate(self.vpc.public_subnets):
                _cfn(subnet).cidr_block = addresses.public_range(cidr, zone)
        FlowLog(self, "FlowLog", vpc=self.vpc, key=key, retention_days=flow_log_retention_days)
        PrivateEndpoints(
            self,
            "Endpoints",
            vpc=self.vpc,
            cidr=cidr,
            subnets=self.private_subnets,
            services="gateway" if with_nat else "all",
        )
        self._acknowledge(with_nat=with_nat)

    def _acknowledge(self, *, with_nat: bool) -> None:
        for subnet in [*self.vpc.public_subnets, *self.private_subnets]:
            acknowledge(
                subnet,
                {
                    "CloudFormation-Validate::W3010": (
                        "The estate file names the zones: a template made without an account is complete, "
                        "and the subnets of MWAA never move to another zone by themselves."
                    )
                },
            )
        for subnet in self.vpc.public_subnets if with_nat else []:
            acknowledge(
                subnet,
                {
                    nist("VPCNoUnrestrictedRouteToIGW"): (
                        "The public subnets hold NAT gateways and nothing else; they need the default route."
                    )
                },
            )


def _cfn(subnet: ec2.ISubnet) -> ec2.CfnSubnet:
    return cast("ec2.CfnSubnet", subnet.node.default_child)


def _subnets(*, with_nat: bool) -> list[ec2.SubnetConfiguration]:
    if not with_nat:
        return [ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)]
    return [
        ec2.SubnetConfiguration(
            name="public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False, cidr_mask=28
        ),
        ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
    ]
