"""What a text of the estate must look like, in words: the forms that the model has as regular expressions."""

from __future__ import annotations

#: Regular expression of the model → how it goes on after "write it as". A test holds that none is missing.
_FORMS = {
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$": "lower-case letters, digits and hyphens, a letter first: my-name",
    r"^[a-z]{2,4}(-[a-z]+)+-\d$": "an AWS Region: eu-west-1",
    r"^[a-z]{2,4}(-[a-z]+)+-\d[a-z]$": "an availability zone: eu-west-1a",
    r"^vpc-[0-9a-f]{8,17}$": "the id of a VPC: vpc-0123456789abcdef0",
    r"^subnet-[0-9a-f]{8,17}$": "the id of a subnet: subnet-0123456789abcdef0",
    r"^rtb-[0-9a-f]{8,17}$": "the id of a route table: rtb-0123456789abcdef0",
    r"^sg-[0-9a-f]{8,17}$": "the id of a security group: sg-0123456789abcdef0",
    r"^pl-[0-9a-f]{8,17}$": "the id of a prefix list: pl-0123456789abcdef0",
    r"^[\w+=,.@-]{1,64}$": "the name of an IAM role, without its path: analysts",
    r"^\d{12}$": "the twelve digits of an AWS account, in quotes: '123456789012'",
    r"^arn:[^:]+:iam::\d{12}:policy/.+$": "the ARN of a policy: arn:aws:iam::123456789012:policy/boundary",
    r"^[^@\s]+@[^@\s]+\.[^@\s]+$": "an e-mail address: data@acme.example",
    r"^\d+\.\d+\.\d+$": "three numbers: 3.3.1",
    r"^(MON|TUE|WED|THU|FRI|SAT|SUN):([01]\d|2[0-3]):(00|30)$": "a day and a full or half hour: SUN:03:30",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a column's name: letters, digits and underscores, no digit first",
    r"^[A-Za-z0-9][A-Za-z0-9_.=-]*(/[A-Za-z0-9][A-Za-z0-9_.=-]*)*$": (
        "parts of letters, digits and _ . = - with single slashes between them: crm/customers"
    ),
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$": "the tag of an image, in quotes: '5f0c3b1a9d2e4876'",
    r"^([a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?|[a-z0-9-]+:\d{1,5})(/[a-z0-9]+([._-][a-z0-9]+)*)*$": (
        "a registry without https:// before it: registry.plant.example:5000"
    ),
    r"^https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?$": (
        "an address without a path: https://vpce-0123456789abcdef0-abcdefgh.ssm.eu-west-1.vpce.amazonaws.com"
    ),
    r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$": (
        "a module and a function of it: sales_team.calls:tell"
    ),
    r"^\d+(\.\d+)?[smhd]$": "a number with s, m, h or d: 2d, 36h, 90m or 30s",
}


def form_in_words(pattern: str) -> str:
    """What a text must look like for a regular expression of the model.

    Raises:
        KeyError: the model has no such pattern.
    """
    return _FORMS[pattern]
