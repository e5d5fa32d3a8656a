"""Flaws in final templates: what stands in them, whatever construct, override or escape hatch wrote it.

Each rule reads values. None can be acknowledged away: a rule of this repository that somebody has to break is
changed here, where it is reviewed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.review.flaws import containers, functions, policies, reach, secrets, trust
from hybrid.review.flaws.flaw import Flaw, Rule, Template

#: Every rule, by its name.
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for module in (policies, trust, reach, containers, secrets, functions)
    for rule in module.RULES
}


def flaws(template: Mapping[str, Any], *, account: str | None = None) -> Iterator[Flaw]:
    """Every flaw of a template.

    Args:
        template: as it is deployed.
        account: of the stack; None where the template fits any account.
    """
    seen = Template(template, account)
    for rule in RULES.values():
        yield from (Flaw(rule.name, resource, sentence) for resource, sentence in rule.find(seen))
