"""Before a deployment touches anything: whether CloudFormation can do it to what is deployed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hybrid.estate.model import Estate
from hybrid.estate.naming import Names
from hybrid.review.assembly import AssemblyError, Stack, read_assembly
from hybrid.review.verdict import Outcome, judge

#: Variable with which `bin/hybrid cdk deploy` asks for the look, and the one that names a profile.
ASKED, PROFILE = "HYBRID_BEFORE_DEPLOYMENT", "HYBRID_BEFORE_DEPLOYMENT_PROFILE"

#: Variable that says that log groups which were kept are taken over.
IMPORTS = "HYBRID_BEFORE_DEPLOYMENT_IMPORTS"

#: Context key that deploys all the same.
UNCHECKED = "unchecked-edit"


class NobodyLookedError(Exception):
    """What is deployed could not be read; the message says why, and how to compare all the same."""


def objections(directory: Path, estate: Estate, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Why the synthesized estate cannot be deployed over the deployed one; empty where it can.

    Args:
        directory: the cloud assembly.
        estate: the estate.
        environment: of the process.

    Raises:
        NobodyLookedError: CloudFormation did not answer.
    """
    # Not above: a synth asks nobody, and boto3 takes a third of a second.
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from hybrid.review.deployed import deployed_stacks  # noqa: PLC0415

    region = estate.environment.region
    try:
        session = boto3.Session(profile_name=environment.get(PROFILE) or None)
        client = session.client("cloudformation", region_name=region)
        before = deployed_stacks(client, prefix=Names(estate.environment.name).stack(""), region=region)
    except (AssemblyError, BotoCoreError, ClientError) as error:
        raise NobodyLookedError(
            f"what is deployed could not be read, so nobody looked whether CloudFormation can do this edit "
            f"({error}). Compare with the assembly that was deployed: bin/hybrid review changes OLD NEW"
        ) from error
    place = {"account": before[0].account} if before else {}
    after = read_assembly(directory, region=region, **place)
    verdict = judge(before, after)
    if verdict.outcome is Outcome.REFUSED:
        return list(verdict.reasons)
    return _in_the_way(before, after, environment=environment)


def _in_the_way(
    before: Sequence[Stack], after: Sequence[Stack], *, environment: Mapping[str, str]
) -> list[str]:
    """What was kept and has the name of what is to be made: CloudFormation would fail half-way."""
    from hybrid.deployment import kept  # noqa: PLC0415 - as above
    from hybrid.fleet.client import AwsClient  # noqa: PLC0415
    from hybrid.fleet.errors import FleetError  # noqa: PLC0415

    aws = AwsClient(region=after[0].region, profile=environment.get(PROFILE) or None, attempts=3)
    try:
        found = kept.in_the_way(aws, before, after)
    except FleetError as error:
        raise NobodyLookedError(
            f"nobody looked whether a secret or a log group was kept and is in the way ({error})"
        ) from error
    imports = environment.get(IMPORTS)
    return [
        f"{one.name} was kept, and {one.stack} is to make it: `bin/hybrid deploy` "
        + (
            "carries its content over"
            if one.kind == kept.SECRET
            else "takes it over, and so does `cdk deploy --import-existing-resources`"
        )
        for one in found
        if one.kind == kept.SECRET or not imports
    ]
