"""Sites and their activations, as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hybrid.estate import Estate
from hybrid.estate.naming import Names
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.records import ActivationRecord
from hybrid.fleet.sites import AnywhereSiteNames, anywhere_names, anywhere_site

State = Literal["live", "used up", "expired", "lost"]


@dataclass(frozen=True)
class SiteState:
    """A site and what runs there.

    Attributes:
        deployed: whether its cluster exists.
        hosts: container instances that are registered; None for a cloud site.
        activations: that hosts can still use; None for a cloud site.
        slots: tasks that Airflow runs there at once.
    """

    site: str
    kind: str
    deployed: bool
    cluster: str
    hosts: int | None
    running: int
    pending: int
    activations: int | None
    slots: int


def sites(aws: AwsClient, estate: Estate) -> list[SiteState]:
    """Every site of the estate, in the order of the file: one call for a hundred sites, and a page for fifty
    activations.

    Raises:
        errors.FleetError: AWS could not be asked.
    """
    names = Names(estate.environment.name)
    clusters = aws.clusters([names.cluster(site) for site in estate.sites])
    live: dict[str, int] = {}
    if anywhere_names(estate):
        for activation in aws.activations():
            if activation.left:
                live[activation.name] = live.get(activation.name, 0) + 1
    found = []
    for name, declared in estate.sites.items():
        cluster = clusters.get(names.cluster(name))
        found.append(
            SiteState(
                site=name,
                kind=declared.kind,
                deployed=cluster is not None and cluster.status == "ACTIVE",
                cluster=names.cluster(name),
                hosts=(cluster.hosts if cluster else 0) if declared.hosts_join else None,
                running=cluster.running if cluster else 0,
                pending=cluster.pending if cluster else 0,
                activations=live.get(names.cluster(name), 0) if declared.hosts_join else None,
                slots=declared.slots,
            )
        )
    return found


@dataclass(frozen=True)
class ActivationState:
    """An activation of the estate.

    Attributes:
        site: its site.
        activation_id: its id.
        state: `lost` when its code was to go into the site's secret and is not there.
        went_to: where its code went: `secret`, `file` or `terminal`.
        in_secret: whether the site's secret gives this code to readers.
        limit: hosts it was made for.
        registered: hosts that registered with it.
        created: when.
        expires: when.
    """

    site: str
    activation_id: str
    state: State
    went_to: str
    in_secret: bool
    limit: int
    registered: int
    created: datetime
    expires: datetime


def activations(
    aws: AwsClient, estate: Estate, *, site: str | None = None, everything: bool = False
) -> list[ActivationState]:
    """Activations of the estate, newest first.

    Args:
        aws: the client.
        estate: the estate.
        site: the one site; None for all.
        everything: those that are expired or used up too.

    Raises:
        errors.FleetError: there is no such site, or AWS could not be asked.
    """
    chosen = [anywhere_site(estate, name) for name in ([site] if site else anywhere_names(estate))]
    by_cluster = {one.cluster: one for one in chosen}
    records = [
        record
        for record in aws.activations(name=chosen[0].cluster if len(chosen) == 1 else None)
        if record.name in by_cluster and (everything or record.left)
    ]
    held = _held(aws, {by_cluster[record.name].site: by_cluster[record.name] for record in records}.values())
    found = [
        _state(by_cluster[record.name], record, held[by_cluster[record.name].site]) for record in records
    ]
    return sorted(found, key=lambda one: one.created, reverse=True)


@dataclass(frozen=True)
class Held:
    """Activations in a site's secret: what readers get, and every version's."""

    current: str | None
    all: frozenset[str]


def _held(aws: AwsClient, chosen: Iterable[AnywhereSiteNames]) -> dict[str, Held]:
    held: dict[str, Held] = {}
    for site, secret in each(chosen, lambda one: aws.secret(one.secret), workers=aws.workers):
        if isinstance(secret, errors.FleetError):
            raise secret
        held[site.site] = (
            Held(secret.current, frozenset(secret.versions)) if secret else Held(None, frozenset())
        )
    return held


def _state(site: AnywhereSiteNames, record: ActivationRecord, held: Held) -> ActivationState:
    went_to = (
        next(iter(record.description.split(" ")[2:3]), "") if record.description.startswith("hybrid ") else ""
    )
    state: State = "live"
    if record.expired or record.expires <= datetime.now(UTC):
        state = "expired"
    elif not record.left:
        state = "used up"
    elif went_to == "secret" and record.activation_id not in held.all:
        state = "lost"
    return ActivationState(
        site=site.site,
        activation_id=record.activation_id,
        state=state,
        went_to=went_to or "elsewhere",
        in_secret=record.activation_id == held.current,
        limit=record.limit,
        registered=record.registered,
        created=record.created,
        expires=record.expires,
    )


def revoke(aws: AwsClient, estate: Estate, ids: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Revoke activations of the estate; hosts that registered with them stay.

    Yields:
        An id, and whether it still existed.

    Raises:
        errors.UnknownActivation: one is of no site of this estate; none is revoked then.
        errors.FleetError: AWS refused.
    """
    wanted = list(ids)
    clusters = {anywhere_site(estate, name).cluster for name in anywhere_names(estate)}
    for one in wanted:
        found = next(aws.activations(activation_id=one), None)
        if found is None or found.name not in clusters:
            raise errors.UnknownActivation(
                f"estate `{estate.environment.name}` has no activation {one}; `bin/hybrid sites activations "
                "--all` lists them"
            )
    for one in wanted:
        yield one, aws.delete_activation(one)
