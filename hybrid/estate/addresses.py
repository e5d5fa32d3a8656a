"""Which part of the VPC's range each zone has: the same for good, whatever zones come and go.

A subnet cannot get another range, and one that is in use cannot be replaced, so every zone that an estate may
ever have has its place from the start: the first three a quarter of the range each, the others a sixteenth
each, and all public subnets, which hold NAT gateways only, sixteen addresses each.
"""

from __future__ import annotations

import ipaddress

#: Prefix length of a public subnet; AWS takes no smaller one (VPC User Guide, "Subnet sizing").
PUBLIC = 28

#: Longest prefix of a range in which a fourth zone has room beside the public subnets.
LONGEST_FOR_SIX = 21

#: How many zones have a quarter of the range.
_LARGE = 3


def private_range(cidr: str, zone: int) -> str:
    """Range of the private subnet of a zone.

    Args:
        cidr: range of the VPC.
        zone: its place in `network.availability_zones`, from 0.

    Raises:
        ValueError: the range has no room for it.
    """
    network = ipaddress.IPv4Network(cidr)
    if zone < _LARGE:
        return str(list(network.subnets(prefixlen_diff=2))[zone + 1])
    if network.prefixlen > LONGEST_FOR_SIX:
        raise ValueError(f"{cidr} has room for {_LARGE} zones: a /{LONGEST_FOR_SIX} or larger has for six")
    return str(list(network.subnets(prefixlen_diff=4))[zone - _LARGE + 1])


def public_range(cidr: str, zone: int) -> str:
    """Range of the public subnet of a zone; arguments as for `private_range`."""
    first = ipaddress.IPv4Network(cidr).network_address
    return str(ipaddress.IPv4Network((int(first) + zone * 2 ** (32 - PUBLIC), PUBLIC)))
