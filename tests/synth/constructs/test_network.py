"""The network: two zones at least, a way out to AWS, no way in."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from hybrid_constructs import EndpointEgress, ExistingNetwork, NatEgress, Network

ZONES = ["eu-west-1a", "eu-west-1b"]


def network(bench: Any, **changes: Any) -> Network:
    props: dict[str, Any] = {
        "name": "hybrid-acme",
        "availability_zones": ZONES,
        "cidr": "10.20.0.0/16",
        "egress": NatEgress(gateways=1),
        "key": bench.buckets.key,
        "flow_log_retention_days": 90,
        **changes,
    }
    return Network(bench.stack, "Network", **props)


@pytest.fixture
def zoned(bench: Any) -> Any:
    """The bench without an account, so that the AWS CDK does not ask one for its zones."""
    app = bench.stack.node.root
    stack = cdk.Stack(app, "zoned", env=cdk.Environment(region="eu-west-1"))
    return type(bench)(
        stack=stack, names=bench.names, buckets=bench.buckets, services=bench.services, vpc=bench.vpc
    )


def test_there_is_a_private_subnet_in_each_of_the_named_zones(zoned: Any) -> None:
    made = network(zoned)

    zones = [
        subnet["Properties"]["AvailabilityZone"]
        for subnet in zoned.template().find_resources("AWS::EC2::Subnet").values()
    ]
    assert sorted(zones) == ["eu-west-1a", "eu-west-1a", "eu-west-1b", "eu-west-1b"]
    assert len(made.private_subnets) == 2


@pytest.mark.parametrize("gateways", [1, 2])
def test_private_subnets_go_out_through_as_many_nat_gateways_as_asked(zoned: Any, gateways: int) -> None:
    network(zoned, egress=NatEgress(gateways))

    zoned.template().resource_count_is("AWS::EC2::NatGateway", gateways)


def test_with_endpoints_alone_there_is_no_way_to_the_internet(zoned: Any) -> None:
    # Given a network with endpoints for its egress
    network(zoned, egress=EndpointEgress())

    # Then it has neither gateway nor default route
    template = zoned.template()
    for kind in ("NatGateway", "InternetGateway", "EIP", "Route"):
        template.resource_count_is(f"AWS::EC2::{kind}", 0)
    # And every service that MWAA, the DAGs and the containers call is inside
    endpoints = template.find_resources("AWS::EC2::VPCEndpoint").values()
    services = {
        str(endpoint["Properties"]["ServiceName"]).removeprefix("com.amazonaws.eu-west-1.")
        for endpoint in endpoints
        if endpoint["Properties"]["VpcEndpointType"] == "Interface"
    }
    assert services == {
        "airflow.api",
        "airflow.env",
        "airflow.ops",
        "ecr.api",
        "ecr.dkr",
        "ecs",
        "kms",
        "logs",
        "monitoring",
        "secretsmanager",
        "sqs",
        "ssm",
        "sts",
    }
    assert sum(endpoint["Properties"]["VpcEndpointType"] == "Gateway" for endpoint in endpoints) == 1


def test_the_endpoints_answer_https_from_the_vpc_only(zoned: Any) -> None:
    network(zoned, egress=EndpointEgress())

    group = zoned.only("AWS::EC2::SecurityGroup")

    assert group["SecurityGroupIngress"] == [
        {
            "CidrIp": "10.20.0.0/16",
            "Description": "HTTPS from the VPC",
            "FromPort": 443,
            "IpProtocol": "tcp",
            "ToPort": 443,
        }
    ]


def test_the_way_to_s3_is_inside_even_where_there_is_a_nat_gateway(zoned: Any) -> None:
    network(zoned)

    assert zoned.only("AWS::EC2::VPCEndpoint")["VpcEndpointType"] == "Gateway"


def test_the_default_security_group_loses_its_rules(zoned: Any) -> None:
    network(zoned)

    zoned.template().resource_count_is("Custom::VpcRestrictDefaultSG", 1)


def test_the_function_that_takes_them_away_logs_under_the_key_and_not_for_ever(zoned: Any) -> None:
    network(zoned)

    group = zoned.only("AWS::Lambda::Function")["LoggingConfig"]["LogGroup"]["Ref"]
    properties = zoned.template().find_resources("AWS::Logs::LogGroup")[group]["Properties"]
    assert properties["RetentionInDays"] == 30
    assert properties["KmsKeyId"]


def test_all_traffic_is_logged_by_a_role_that_only_this_vpcs_logs_can_take(zoned: Any) -> None:
    network(zoned)

    flow_log = zoned.only("AWS::EC2::FlowLog")
    assert flow_log["TrafficType"] == "ALL"
    groups = zoned.template().find_resources("AWS::Logs::LogGroup")
    assert groups[flow_log["LogGroupName"]["Ref"]]["Properties"]["RetentionInDays"] == 90
    zoned.template().has_resource_properties(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {
                        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                            "ArnLike": {"aws:SourceArn": assertions.Match.any_value()},
                        },
                    }
                ]
            }
        },
    )


def test_a_network_in_one_zone_is_refused(zoned: Any) -> None:
    with pytest.raises(ValueError, match="name at least two"):
        network(zoned, availability_zones=ZONES[:1])


def existing(bench: Any, **changes: Any) -> ExistingNetwork:
    props: dict[str, Any] = {
        "vpc_id": "vpc-1",
        "cidr": "10.0.0.0/16",
        "availability_zones": ZONES,
        "private_subnet_ids": ["subnet-1", "subnet-2"],
        **changes,
    }
    return ExistingNetwork(bench.stack, "Network", **props)


def test_a_vpc_that_is_there_is_taken_as_it_is(bench: Any) -> None:
    # Given the ids of a VPC
    network = existing(bench)

    # Then nothing is made, and nothing was looked up
    assert bench.template().to_json().get("Resources", {}) == {}
    assert [subnet.subnet_id for subnet in network.private_subnets] == ["subnet-1", "subnet-2"]


def test_a_vpc_that_is_there_can_be_given_the_endpoints_that_it_lacks(bench: Any) -> None:
    existing(bench, endpoints="all", route_table_ids=["rtb-1", "rtb-2"])

    template = bench.template()
    template.resource_count_is("AWS::EC2::VPCEndpoint", 14)
    template.has_resource_properties(
        "AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-1", "rtb-2"]}
    )
    assert bench.only("AWS::EC2::SecurityGroup")["SecurityGroupIngress"][0]["CidrIp"] == "10.0.0.0/16"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"private_subnet_ids": ["subnet-1"]}, "at least two private subnets"),
        ({"endpoints": "all"}, "route table of each private subnet"),
    ],
)
def test_ids_that_do_not_go_together_are_refused(bench: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        existing(bench, **changes)
