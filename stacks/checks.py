"""What `cdk synth` checks: two packs of cdk-nag, CloudFormation's own rules, and those of this repository."""

from __future__ import annotations

import functools
from pathlib import Path

from aws_cdk import App, CloudFormationValidatePlugin, ValidationRuleSource, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from stacks.final_templates import FinalTemplates

RULES = Path(__file__).resolve().parent.parent / "rules"


def repository_rules(directory: Path = RULES) -> list[ValidationRuleSource]:
    """The rules written in Guard, one source a file."""
    return [
        ValidationRuleSource(name=file.stem, content=file.read_text(encoding="utf-8"))
        for file in sorted(directory.glob("*.guard"))
    ]


@functools.cache
def cloudformation_rules() -> CloudFormationValidatePlugin:
    """CloudFormation's own rules and those of this repository. One for all apps: it takes seconds to make."""
    return CloudFormationValidatePlugin(guard_rules=repository_rules())


def add_checks(app: App) -> None:
    """Have every synth of the app checked; a violation fails it."""
    Validations.of(app).add_plugins(
        AwsSolutionsChecks(app), NIST80053R5Checks(app), cloudformation_rules(), FinalTemplates()
    )
