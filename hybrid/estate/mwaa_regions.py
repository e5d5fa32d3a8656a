"""Where Amazon MWAA is, and what of it is not everywhere.

REGIONS is read from botocore 1.44.5 (`endpoints.json`, service `airflow`). A test compares it with the SDK
that is locked, so that an upgrade brings it up to date. The rest is read from AWS's documents on the same
date, each with its source, and by nobody tried in an account: docs/reference/regions.md shows it.
"""

from __future__ import annotations

from datetime import date

READ_ON = date(2026, 11, 27)

#: Regions that have the service, of all partitions.
REGIONS = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
        *("ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
        *("ap-southeast-5", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1"),
        *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2"),
        *("eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1"),
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    }
)

#: Regions in which `airflow.ops`, to which MWAA sends the environment's health, is an endpoint: those of
#: which the AWS General Reference ("Amazon Managed Workflows for Apache Airflow endpoints and quotas") names
#: one, and those in which published templates of private networks make one. The guide of today names
#: `airflow.api` and `airflow.env` only (MWAA User Guide, "AWS PrivateLink for Amazon MWAA").
WITH_OPS = frozenset({"eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2"})

#: Regions of which the same page names none, and those of partitions in which AWS's own check of environments
#: (aws-support-tools, MWAA/verify_env) does not ask for it.
WITHOUT_OPS = frozenset({"af-south-1", "us-west-1", "cn-north-1", "cn-northwest-1"})

#: What the name of an endpoint of MWAA begins with in the partition `aws-cn`, as the same check has it.
CHINA_PREFIX = "cn.com.amazonaws"


def mwaa_endpoints(region: str) -> dict[str, str | None]:
    """The endpoints of MWAA itself in a Region → what their names begin with; None: as elsewhere."""
    prefix = CHINA_PREFIX if region.startswith("cn-") else None
    names = ("airflow.api", "airflow.env", *(("airflow.ops",) if region in WITH_OPS else ()))
    return dict.fromkeys(names, prefix)


def of_endpoints(region: str) -> str | None:
    """What to tell of a Region whose endpoints of MWAA nobody could read up; None of the others."""
    if region in WITH_OPS | WITHOUT_OPS and not region.startswith("cn-"):
        return None
    names = ", ".join(
        f"{prefix or 'com.amazonaws'}.{region}.{one}" for one, prefix in mwaa_endpoints(region).items()
    )
    return (
        f"which endpoints of MWAA `{region}` has was not to be read up on {READ_ON:%Y-%m-%d}; these are "
        f"made: {names}. Compare: aws ec2 describe-vpc-endpoint-services --region {region}"
    )


def without_mwaa(region: str, *, known: frozenset[str]) -> str | None:
    """What to tell of a Region that had no MWAA when the table was read; None of one that had it.

    Args:
        region: the estate's.
        known: Regions that the SDK here knows. One that it does not know may be newer than the table.
    """
    if region in REGIONS or region not in known:
        return None
    return (
        f"Amazon MWAA was not in `{region}` on {READ_ON:%Y-%m-%d}; choose a Region that has it, as "
        f"{', '.join(sorted(one for one in REGIONS if one.startswith(region[:3])) or sorted(REGIONS)[:3])}"
    )
