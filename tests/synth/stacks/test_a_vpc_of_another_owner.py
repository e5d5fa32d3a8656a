"""A VPC of another owner: its endpoints are not made twice, and its ranges are admitted."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid.estate import EstateError
from hybrid.estate.loading import check
from hybrid_constructs.private_endpoints import INTERFACE_SERVICES

VPC = {
    "vpc": "vpc-0123456789abcdef0",
    "private_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "route_tables": ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"],
}
NO_TABLES = {key: value for key, value in VPC.items() if key != "route_tables"}
THREE = {
    "availability_zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
    "existing": {
        **VPC,
        "private_subnets": [*VPC["private_subnets"], "subnet-0123456789abcdef2"],
        "route_tables": [*VPC["route_tables"], "rtb-0123456789abcdef2"],
    },
}
ALL = list(INTERFACE_SERVICES.values())

#: Shape → network of the estate file, and how many endpoints of interfaces and of gateways it makes.
SHAPES: dict[str, tuple[dict[str, Any], int, int]] = {
    "with its own way out": ({"existing": NO_TABLES}, 0, 0),
    "without endpoints": ({"egress": "endpoints", "existing": VPC}, 13, 1),
    "with some": ({"egress": "endpoints", "existing": {**VPC, "endpoints": ["ecr.api", "kms"]}}, 11, 1),
    "with a gateway to S3": ({"egress": "endpoints", "existing": {**NO_TABLES, "endpoints": ["s3"]}}, 13, 0),
    "with all": ({"egress": "endpoints", "existing": {**NO_TABLES, "endpoints": [*ALL, "s3"]}}, 0, 0),
    "in three zones": ({"egress": "endpoints", **THREE}, 13, 1),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_what_is_there_is_not_made_again(shape: str, synthesize: Any) -> None:
    network, interfaces, gateways = SHAPES[shape]

    assembly = synthesize({"network": network})

    kinds = [one["Properties"]["VpcEndpointType"] for one in assembly.resources("AWS::EC2::VPCEndpoint")]
    assert (kinds.count("Interface"), kinds.count("Gateway")) == (interfaces, gateways)
    assert assembly.resources("AWS::EC2::VPC") == assembly.resources("AWS::EC2::Subnet") == []


def test_every_range_of_the_vpc_is_admitted(synthesize: Any) -> None:
    existing = {**VPC, "further_cidrs": ["100.64.0.0/16"]}
    assembly = synthesize({"network": {"egress": "endpoints", "cidr": "10.99.0.0/16", "existing": existing}})

    groups = assembly.resources("AWS::EC2::SecurityGroup")
    ranges = {
        rule["CidrIp"]
        for group in groups
        for rule in group["Properties"].get("SecurityGroupIngress", [])
        if "CidrIp" in rule
    }
    assert ranges == {"10.99.0.0/16", "100.64.0.0/16"}


def test_the_range_of_a_vpc_with_endpoints_has_to_be_written() -> None:
    text = (
        "environment: {name: acme, region: eu-west-1}\n"
        "network:\n"
        "  availability_zones: [eu-west-1a, eu-west-1b]\n"
        "  egress: endpoints\n"
        "  existing:\n"
        "    vpc: vpc-00000000\n"
        "    private_subnets: [subnet-00000000, subnet-00000001]\n"
        "    route_tables: [rtb-00000000, rtb-00000001]\n"
        "sites: {cellar: {kind: anywhere}}\n"
    )

    with pytest.raises(EstateError, match=r"needs `network\.cidr`, the range of this VPC"):
        check(text, file="hybrid.yaml")
    check(text.replace("  egress:", "  cidr: 10.99.0.0/16\n  egress:"), file="hybrid.yaml")


def test_in_a_shared_vpc_its_owner_makes_the_endpoints_of_the_environment(synthesize: Any) -> None:
    # Given a VPC that its owner shares, with all endpoints of services there
    existing = {**NO_TABLES, "endpoints": [*ALL, "s3"], "endpoint_management": "CUSTOMER"}

    assembly = synthesize({"network": {"egress": "endpoints", "existing": existing}})

    # Then MWAA makes none, and neither does the estate
    (environment,) = assembly.resources("AWS::MWAA::Environment")
    assert environment["Properties"]["EndpointManagement"] == "CUSTOMER"
    assert assembly.resources("AWS::EC2::VPCEndpoint") == []


#: Region → what its endpoints of MWAA are called.
OF_MWAA = {
    "eu-west-1": [f"com.amazonaws.eu-west-1.airflow.{one}" for one in ("api", "env", "ops")],
    "us-west-1": [f"com.amazonaws.us-west-1.airflow.{one}" for one in ("api", "env")],
    "cn-north-1": [f"cn.com.amazonaws.cn-north-1.airflow.{one}" for one in ("api", "env")],
}


@pytest.mark.parametrize("region", list(OF_MWAA))
def test_endpoints_of_mwaa_are_made_where_they_are_and_as_they_are_called_there(
    region: str, synthesize: Any
) -> None:
    zones = [f"{region}{zone}" for zone in "ab"]

    assembly = synthesize(
        {
            "environment": {"region": region},
            "network": {"egress": "endpoints", "availability_zones": zones},
        }
    )

    names = [one["Properties"]["ServiceName"] for one in assembly.resources("AWS::EC2::VPCEndpoint")]
    assert sorted(one for one in names if ".airflow." in str(one)) == OF_MWAA[region]
    # And what else is spelled otherwise in China is, as the AWS CDK knows it
    queue = "cn.com.amazonaws" if region.startswith("cn-") else "com.amazonaws"
    assert f"{queue}.{region}.sqs" in names


def test_workers_are_replaced_as_the_estate_says(synthesize: Any) -> None:
    (environment,) = synthesize({"airflow": {"worker_replacement": "FORCED"}}).resources(
        "AWS::MWAA::Environment"
    )

    assert environment["Properties"]["WorkerReplacementStrategy"] == "FORCED"
