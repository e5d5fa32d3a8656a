"""How long CloudFormation takes for a stack, by AWS's documentation and experience with these services.

Dated 2026-11-27. No figure was measured from this repository, which reaches no account: they say what to
wait for, and when to look into a deployment that takes longer.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Type → minutes at least and at most when it is created, and when it is changed.
#: MWAA: Amazon MWAA User Guide, "Create an Amazon MWAA environment" and "Update an Amazon MWAA environment".
_MINUTES = {
    "AWS::MWAA::Environment": ((20, 30), (10, 30)),
    "AWS::EC2::NatGateway": ((2, 3), (2, 3)),
    "AWS::EC2::VPCEndpoint": ((1, 5), (1, 5)),
    "Custom::CDKBucketDeployment": ((1, 3), (1, 3)),
    "AWS::Lambda::Function": ((1, 1), (1, 1)),
    "AWS::KMS::Key": ((1, 2), (1, 1)),
}

#: Of all else.
_OTHERS = (0, 1)

#: A new version of Airflow (the same guide, "Upgrading the Apache Airflow version").
UPGRADE = (30, 120)


def minutes(created: Iterable[str], changed: Iterable[str], *, upgrade: bool = False) -> tuple[int, int]:
    """Minutes of a stack's deployment, at least and at most: of its slowest resource, and one for the rest.

    Args:
        created: types of the resources that are created or replaced.
        changed: types of those that are changed or go.
        upgrade: whether Airflow gets another version.
    """
    found = [_MINUTES.get(kind, (_OTHERS, _OTHERS))[0] for kind in created]
    found += [_MINUTES.get(kind, (_OTHERS, _OTHERS))[1] for kind in changed]
    if upgrade:
        found.append(UPGRADE)
    least = max((low for low, _ in found), default=0)
    most = max((high for _, high in found), default=0)
    return max(least, 1), most + 1
