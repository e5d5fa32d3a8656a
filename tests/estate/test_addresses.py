"""Every zone has its part of the VPC's range for good."""

from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest

from hybrid.estate import EstateError
from hybrid.estate.addresses import private_range, public_range
from hybrid.estate.loading import check


@pytest.mark.parametrize("cidr", [f"10.20.0.0/{length}" for length in range(16, 25)] + ["172.31.240.0/21"])
def test_no_two_subnets_overlap_and_all_are_in_the_vpc(cidr: str) -> None:
    zones = range(6 if int(cidr.split("/")[1]) <= 21 else 3)
    ranges = [
        ipaddress.ip_network(one)
        for zone in zones
        for one in (private_range(cidr, zone), public_range(cidr, zone))
    ]

    assert all(one.subnet_of(ipaddress.ip_network(cidr)) for one in ranges)  # type: ignore[arg-type]
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    assert all(one.prefixlen <= 28 for one in ranges)


def test_a_range_without_room_for_a_fourth_zone_is_refused_with_what_would_be_right() -> None:
    text = (
        "environment: {name: acme, region: eu-west-1}\n"
        "network:\n"
        "  cidr: 10.20.0.0/22\n"
        "  availability_zones: [eu-west-1a, eu-west-1b, eu-west-1c, eu-west-1d]\n"
        "sites: {cellar: {kind: anywhere}}\n"
    )

    with pytest.raises(EstateError, match=r"room for three zones, not 4; write a cidr of /21 or larger"):
        check(text, file="hybrid.yaml")
