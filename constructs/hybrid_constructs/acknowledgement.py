"""Acknowledging a finding of cdk-nag: by its exact, prefixed id, with the reason, where it arises.

A prefixed id (`AwsSolutions::AwsSolutions-IAM5[Resource::*]`) is listed with its reason under
`suppressedViolations` of cdk.out/validation-report.json; a bare one would vanish without a trail.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def solutions(rule: str) -> str:
    """Id of a rule of the AWS Solutions pack, as in `IAM5[Resource::*]`."""
    return f"AwsSolutions::AwsSolutions-{rule}"


def nist(rule: str) -> str:
    """Id of a rule of the NIST 800-53 revision 5 pack, as in `IAMNoInlinePolicy`."""
    return f"NIST.800.53.R5::NIST.800.53.R5-{rule}"


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings at a construct and below it.

    Args:
        construct: where the finding arises.
        reasons: prefixed id of the finding → why it stands.
    """
    for identifier, reason in reasons.items():
        Validations.of(construct).acknowledge(Acknowledgment(id=identifier, reason=reason))
