"""The partition of a Region: AWS's separate clouds, with names and domains of their own.

Read on 2026-11-27 from botocore 1.44.5 (`partitions.json`); a test compares it with the SDK that is locked. A
Region of no other partition is one of `aws`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """A partition.

    Attributes:
        name: as in ARNs.
        domain: what host names of its services end with.
        regions: what the names of its Regions begin with.
    """

    name: str
    domain: str
    regions: str = ""


_COMMERCIAL = Partition("aws", "amazonaws.com")
_OTHERS = (
    Partition("aws-cn", "amazonaws.com.cn", "cn-"),
    Partition("aws-eusc", "amazonaws.eu", "eusc-"),
    Partition("aws-iso", "c2s.ic.gov", "us-iso-"),
    Partition("aws-iso-b", "sc2s.sgov.gov", "us-isob-"),
    Partition("aws-iso-e", "cloud.adc-e.uk", "eu-isoe-"),
    Partition("aws-iso-f", "csp.hci.ic.gov", "us-isof-"),
    Partition("aws-us-gov", "amazonaws.com", "us-gov-"),
)


def partition_of(region: str) -> Partition:
    """The partition that a Region is in."""
    return next((one for one in _OTHERS if region.startswith(one.regions)), _COMMERCIAL)
