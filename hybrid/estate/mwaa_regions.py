"""Where Amazon MWAA is: without it, an estate cannot be deployed.

Read on the date below from botocore 1.44.5 (`endpoints.json`, service `airflow`). A test compares the
table with the SDK that is locked, so that an upgrade brings it up to date.
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
