"""Credentials of sources: put into the secret that the site's stack made empty."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from hybrid.estate import Estate
from hybrid.estate.naming import Names
from hybrid.estate.suggestion import suggestion
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.hardening import guarded


def secret_of(estate: Estate, source: str) -> str:
    """Name of the secret of a source.

    Raises:
        errors.UnknownSource: the estate has none of that name.
    """
    if source not in estate.sources:
        raise errors.UnknownSource(
            f"estate `{estate.environment.name}` has no source `{source}`; "
            f"{suggestion(source, estate.sources)}"
        )
    return Names(estate.environment.name).source_secret(source)


def require(aws: AwsClient, estate: Estate, source: str) -> str:
    """Name of the secret of a source, if it exists.

    Raises:
        errors.UnknownSource: the estate has none of that name.
        errors.SecretMissing: the site's stack is not deployed.
    """
    name = secret_of(estate, source)
    if aws.secret(name) is None:
        stack = Names(estate.environment.name).site_stack(estate.sources[source].site)
        raise errors.SecretMissing(f"there is no secret {name}: run `bin/hybrid cdk deploy {stack}` first")
    return name


def put(aws: AwsClient, estate: Estate, source: str, credentials: SecretStr) -> str:
    """Put credentials, JSON that was checked, into the secret of a source; returns the secret's name.

    Raises:
        errors.FleetError: as `require`, or AWS refused.
    """
    name = require(aws, estate, source)
    with guarded():
        aws.put_secret(name, credentials, version=str(uuid.uuid4()))
    return name


@dataclass(frozen=True)
class SourceState:
    """A source and whether its secret is there and filled."""

    source: str
    site: str
    engine: str
    secret: str
    state: Literal["not deployed", "empty", "filled"]
    changed: datetime | None


def states(aws: AwsClient, estate: Estate) -> Iterator[SourceState]:
    """Every source of the estate, in the order of the file.

    Raises:
        errors.FleetError: a secret could not be described.
    """
    names = {source: secret_of(estate, source) for source in estate.sources}
    found = dict(each(names, lambda source: aws.secret(names[source]), workers=aws.workers))
    for source, declared in estate.sources.items():
        record = found[source]
        if isinstance(record, errors.FleetError):
            raise record
        state: Literal["not deployed", "empty", "filled"] = "not deployed"
        if record is not None:
            state = "filled" if record.current else "empty"
        changed = record.changed if record is not None and record.current else None
        yield SourceState(source, declared.site, declared.engine, names[source], state, changed)
