"""Values that several parts of the estate file have: names, ids of AWS, days, levels."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field

Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        min_length=1,
        max_length=40,
        description="Lower-case letters, digits and single hyphens; begins with a letter.",
    ),
]
AvailabilityZone = Annotated[str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d[a-z]$")]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]
RouteTableId = Annotated[str, Field(pattern=r"^rtb-[0-9a-f]{8,17}$")]
SecurityGroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")]

#: Retention that CloudWatch Logs accepts, in days (API reference, PutRetentionPolicy).
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
#: Of an image in Amazon ECR (API Reference, ImageIdentifier): letters, digits and _ . -
ImageTag = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]

LogLevel = Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"]
Scalar = str | int | float | bool

#: What a shorter retention does (CloudWatch Logs User Guide, "Change log data retention").
SHORTER_RETENTION = "With fewer days, CloudWatch deletes the log events that are older."

#: What is said of a name for which `is_zone` is false.
NO_ZONE = "is no time zone; write an IANA name such as Europe/Lisbon"


@cache
def is_zone(name: str) -> bool:
    """Whether a name is one of the IANA time zone database. Files beside it, which only some machines have
    (`localtime`, `right/…`), are none.
    """
    return name in available_timezones() - {"Factory", "localtime"}
