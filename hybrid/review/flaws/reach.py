"""What can be reached from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.review.flaws.flaw import Found, Rule, Template, listed

#: Widest range of public addresses that a security group may admit: larger ones are no one's own.
WIDEST_IPV4, WIDEST_IPV6 = 16, 32

#: Ranges that are not of the internet (RFC 1918, RFC 6598, RFC 4193).
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)


def too_wide(cidr: str) -> bool:
    """Whether a range admits a good part of the internet."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return True
    inside = (one for one in _PRIVATE if one.version == network.version)
    if any(one.supernet_of(network) for one in inside):  # type: ignore[arg-type]
        return False
    return network.prefixlen < (WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6)


def _ingress(template: Template) -> Iterator[Found]:
    for name, kind, properties in template.resources(
        "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"
    ):
        rules: list[Mapping[str, Any]] = (
            listed(properties.get("SecurityGroupIngress"))
            if kind == "AWS::EC2::SecurityGroup"
            else [properties]
        )
        for rule in rules:
            for key in ("CidrIp", "CidrIpv6"):
                value = rule.get(key)
                if isinstance(value, str) and too_wide(value):
                    yield (
                        name,
                        f"A security group open to {value}: name a range of your own, /{WIDEST_IPV4} or "
                        f"smaller (IPv6: /{WIDEST_IPV6})",
                    )


def _public_addresses(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources("AWS::EC2::Subnet"):
        if properties.get("MapPublicIpOnLaunch") in (True, "true"):
            yield name, "A subnet that gives every machine a public address: switch it off"


RULES = (
    Rule(
        "HOUSE_INGRESS",
        f"a security group open to a public range wider than /{WIDEST_IPV4} (IPv6: /{WIDEST_IPV6}), "
        "`0.0.0.0/1` among them",
        _ingress,
    ),
    Rule("HOUSE_PUBLIC_ADDRESS", "a subnet that gives out public addresses", _public_addresses),
)
