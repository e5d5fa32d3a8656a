"""Secrets that a stack owns and a person, or the command line, fills."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from hybrid_constructs.acknowledgement import acknowledge, nist, solutions


def empty_secret(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    description: str,
    key: kms.IKey,
    removal_policy: RemovalPolicy,
    why_no_rotation: str,
) -> secretsmanager.CfnSecret:
    """A secret without a value, under the estate's key.

    The L2 construct would generate a random value; a container would then fail at the database with a
    wrong password instead of being told that the secret is empty.

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the secret.
        description: what belongs into it.
        key: the estate's key.
        removal_policy: what `cdk destroy` does with it.
        why_no_rotation: reason for the acknowledgement.
    """
    secret = secretsmanager.CfnSecret(
        scope, construct_id, name=name, description=description, kms_key_id=key.key_arn
    )
    secret.apply_removal_policy(removal_policy)
    acknowledge(
        secret,
        {solutions("SMG4"): why_no_rotation, nist("SecretsManagerRotationEnabled"): why_no_rotation},
    )
    return secret
