"""The rules that judge final templates, as a check of `cdk synth`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from hybrid.review.flaws import RULES, flaws


@jsii.implements(IPolicyValidationPlugin)
class FinalTemplates:
    """Finds flaws in the templates as they are deployed.

    cdk-nag reads constructs, so that what an override or an escape hatch writes passes it; and any of its
    findings can be acknowledged. These rules read the files, and know no acknowledgement.
    """

    @property
    def name(self) -> str:
        """What the report calls the check."""
        return "Repository"

    @property
    def rule_ids(self) -> list[str]:
        """The rules."""
        return list(RULES)

    @property
    def version(self) -> str | None:
        """The rules have none of their own."""
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Every flaw of the templates of an app."""
        violations = [
            violation
            for stack in context.stack_templates
            for violation in _violations(stack.template_path, stack.account_id)
        ]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def _violations(path: str, account: str | None) -> Iterator[PolicyViolation]:
    template = json.loads(Path(path).read_text(encoding="utf-8"))
    known = account if account and account.isdigit() else None
    for flaw in flaws(template, account=known):
        yield PolicyViolation(
            rule_name=flaw.rule,
            description=flaw.sentence,
            severity="error",
            violating_resources=[
                PolicyViolatingResource(
                    resource_logical_id=flaw.resource, template_path=path, locations=["Properties"]
                )
            ],
        )
