"""Where the functions of a template log."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid.review.flaws.flaw import Found, Rule, Template


def _logs(template: Template) -> Iterator[Found]:
    groups = {
        name
        for name, _, properties in template.resources("AWS::Logs::LogGroup")
        if properties.get("RetentionInDays") and properties.get("KmsKeyId")
    }
    for name, _, properties in template.resources("AWS::Lambda::Function"):
        group = (properties.get("LoggingConfig") or {}).get("LogGroup")
        if not isinstance(group, dict) or group.get("Ref") not in groups:
            yield (
                name,
                "A function without a log group of the template that has a key and an end: Lambda makes one "
                "that is kept for ever; name one in LoggingConfig",
            )


RULES = (
    Rule(
        "HOUSE_FUNCTION_LOG",
        "a function, the AWS CDK's own too, whose log has no key or no end",
        _logs,
    ),
)
