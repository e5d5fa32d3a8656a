# ruff: noqa: E501 - rows of a table
"""docs/reference/flaws.md: flaws of templates, and who finds them."""

from __future__ import annotations

from hybrid.review.flaws import RULES

_HEAD = """\
# Flaws of templates, and who finds them

Made by `bin/hybrid docs generate` from the rules; a test keeps it current.

`bin/hybrid cdk synth` checks the templates by four means. Two packs of cdk-nag read the constructs: what an override
(`add_property_override`) writes passes them, and their findings can be acknowledged with a reason. CloudFormation's own
validation and the rules in `rules/*.guard` read the final templates, mostly for what is missing. The rules below read the
final templates too, judge values, and know no acknowledgement; a planted template trips each of them
(`tests/synth/stacks/test_final_templates.py`).

| rule | what it finds |
|---|---|
"""


def page() -> str:
    """The page, as it is kept in docs/reference/flaws.md."""
    return _HEAD + "".join(f"| `{name}` | {rule.says} |\n" for name, rule in sorted(RULES.items())) + _TAIL


_TAIL = """
## What the other means miss

Each row was planted in a template and looked for by all four means.

| flaw | cdk-nag | CloudFormation, Guard | this table |
|---|---|---|---|
| `iam:PassRole` on `role/*`, or `iam:Pass*` | found, and gone with any reason | not found | `HOUSE_PASS_ROLE` |
| a trust of another account's root, or of `AWS: "*"` | not found | not found | `HOUSE_TRUST` |
| `aws:SourceArn: "*"`, a stranger's `aws:SourceAccount` | not found | not found | `HOUSE_SOURCE` |
| a secret under `alias/aws/secretsmanager` | not found | not found | `HOUSE_KEY_OF_AWS` |
| a policy of a secret, key, topic or bucket for another account | not found | buckets for `*` only | `HOUSE_RESOURCE_POLICY` |
| a security group open to `0.0.0.0/1` | not found | not found | `HOUSE_INGRESS` |
| `SYS_ADMIN`, a mounted `docker.sock`, `PidMode: host` | not found | not found | `HOUSE_CONTAINER_HOST` |
| `DB_PASSWORD=…` among a container's variables | found, and gone with the reason for names | not found | `HOUSE_CLEAR_TEXT` |
| tmpfs on Fargate | not found | not found | `HOUSE_FARGATE` |
| whatever an override writes | not found | found where a rule reads it | every rule |
"""
