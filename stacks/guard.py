"""Before a deployment touches anything: whether CloudFormation can do it to what is deployed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hybrid.estate.model import Estate
from hybrid.estate.naming import Names
from hybrid.review.assembly import read_assembly
from hybrid.review.verdict import Outcome, judge

#: Variable with which `bin/hybrid cdk deploy` asks for the look, and the one that names a profile.
ASKED, PROFILE = "HYBRID_BEFORE_DEPLOYMENT", "HYBRID_BEFORE_DEPLOYMENT_PROFILE"

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

    from hybrid.review.assembly import AssemblyError  # noqa: PLC0415
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
    if not before:
        return []
    after = read_assembly(directory, account=before[0].account, region=region)
    verdict = judge(before, after)
    return list(verdict.reasons) if verdict.outcome is Outcome.REFUSED else []
