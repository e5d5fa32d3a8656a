# ruff: noqa: E501 - rows of a table
"""docs/reference/hosts.md: what a host reaches, and what its doctor finds."""

from __future__ import annotations

from hybrid.fleet.host_kit import endpoints, reports

_HEAD = """\
# A host: what it reaches, and what is found out about it

Made by `bin/hybrid docs generate` from the code of the host kit; tests keep it current.

## What it reaches

Outbound, port 443, directly or through the proxy that the kit was made with; nothing inbound. `hybrid-host plan`, `join`
and `doctor` try each. Without one that is required, `join` refuses and changes nothing; without one that is useful, it
warns. The list is that of the actions which the roles of the host and its containers allow: a test holds the two together.
A site with `registry_mirror` has the way to that registry in place of those to Amazon ECR, and one with `endpoints` those addresses in
place of the public ones ([images](../how-to/images.md), [private endpoints](../how-to/private-endpoints.md)).
In an estate file without `environment.account` the registry's name is not known, and not tried.

"""

_INSTALL = """
While it is installed also the hosts of the installer (`amazon-ecs-agent.s3.amazonaws.com`), of the keys that verify
signatures (`raw.githubusercontent.com`), and `download.docker.com` where Docker is to come from there: on Debian, Ubuntu,
Fedora and CentOS without Docker, with `--docker-source all` or `docker`. The installer adds that repository with `apt-key`,
which Debian 13, Ubuntu 24.10 and later do not have: with `all`, Docker comes from the distribution there. Data goes to the estate's buckets,
`BUCKET.s3.REGION.DOMAIN`: a proxy that lets single names through needs `*.s3.REGION.DOMAIN`.

`ec2messages`, which AWS names for hosts of Systems Manager, is not among them: the host's role does not allow that older
channel, and agents use `ssmmessages` ([why](../decisions/iam-anywhere-role.md)). Without `ssmmessages` a host runs tasks all
the same. Nor does the role allow what State Manager, Patch Manager, Inventory and the SSM agent's update of itself need: the
agent writes each refusal to its log and goes on, and none of these works on such a host.
"""


_FOUND = """
## What is found out about it

Faults of hosts that others reported, each planted in a test; `…` stands for what differs. What the agents think of AWS's
answers is read from their logs, whose last word counts; their words are those of amazon-ecs-agent 1.105 and
amazon-ssm-agent 3.3.

"""

_SEEN = """
Found here, with the agents or on a machine, without a report of others:

"""


def page() -> str:
    """The page, as it is kept in docs/reference/hosts.md."""
    found = reports.table(reports.REPORTS) + _SEEN + reports.table(reports.SEEN)
    return _HEAD + endpoints.table() + _INSTALL + _FOUND + found
