"""Somebody can open Airflow: from a network, and with a role."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hybrid.estate.airflow import ReachableFrom

OPEN: dict[str, Any] = {
    "airflow": {
        "access": "PUBLIC_AND_PRIVATE",
        "reachable_from": {
            "cidrs": ["10.8.0.0/16", "203.0.113.0/24"],
            "security_groups": ["sg-0123456789abcdef0"],
            "prefix_lists": ["pl-0123456789abcdef0"],
        },
        "people": {"Admin": ["platform"], "Viewer": ["analysts", "auditors"]},
    }
}


def test_the_web_server_is_open_to_those_and_to_nobody_else(synthesize: Any) -> None:
    # Given an estate that says who opens Airflow, checked as `cdk synth` does it
    assembly = synthesize(OPEN, checks=True)

    # Then HTTPS is admitted from each
    template = assembly.template("airflow")["Resources"].values()
    groups = [one["Properties"] for one in template if one["Type"] == "AWS::EC2::SecurityGroup"]
    rules = [rule for group in groups for rule in group.get("SecurityGroupIngress", [])]
    rules += [one["Properties"] for one in template if one["Type"] == "AWS::EC2::SecurityGroupIngress"]
    assert {rule["CidrIp"] for rule in rules if "CidrIp" in rule} == {"10.8.0.0/16", "203.0.113.0/24"}
    assert "sg-0123456789abcdef0" in [rule.get("SourceSecurityGroupId") for rule in rules]
    assert "pl-0123456789abcdef0" in [rule.get("SourcePrefixListId") for rule in rules]

    # And each role of Airflow is given to its people, on this environment
    policies = {
        tuple(one["Properties"]["Roles"]): one["Properties"]["PolicyDocument"]["Statement"][0]
        for one in template
        if one["Type"] == "AWS::IAM::ManagedPolicy"
    }
    assert set(policies) == {("platform",), ("analysts", "auditors")}
    viewer = policies["analysts", "auditors"]
    assert viewer["Action"] == "airflow:CreateWebLoginToken"
    assert "role/hybrid-acme/Viewer" in str(viewer["Resource"])


@pytest.mark.parametrize(
    "cidr", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "52.0.0.0/8", "10.8.0.1/16", "home"]
)
def test_a_good_part_of_the_internet_is_no_place_to_open_it_from(cidr: str) -> None:
    with pytest.raises(ValidationError, match=r"name a range of your own|write a range such as"):
        ReachableFrom(cidrs=[cidr])
