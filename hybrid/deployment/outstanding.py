"""What people have to do after a deployment: secrets that are empty, sites that no host has joined."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid.estate import Estate
from hybrid.fleet import overview, source_secrets
from hybrid.fleet.client import AwsClient


def empty_secrets(aws: AwsClient, estate: Estate) -> Iterator[str]:
    """What fills each secret of a source that has no content, a sentence each.

    Raises:
        errors.FleetError: AWS could not be asked.
    """
    for source in source_secrets.states(aws, estate):
        if source.state == "empty":
            yield f"secret of source {source.source} is empty: bin/hybrid sources secret {source.source}"


def empty_sites(aws: AwsClient, estate: Estate) -> Iterator[str]:
    """What lets hosts join each site that waits for the first one, a sentence each.

    Raises:
        errors.FleetError: AWS could not be asked.
    """
    for site in overview.sites(aws, estate):
        if site.hosts == 0:
            yield f"no host has joined site {site.site}: bin/hybrid sites activate {site.site}"
