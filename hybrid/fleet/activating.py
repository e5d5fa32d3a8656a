"""Making an activation and putting its code where it was asked for, with no code lost in between.

An activation is known by what it was made for: its description says `hybrid ESTATE/SITE KIND RUN`, KIND
being where the code went and RUN the run of the command that made it. So an activation whose code never
arrived (a lost answer, a killed process) can be told from every other, and is revoked.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from hybrid.estate import Estate
from hybrid.fleet import errors
from hybrid.fleet.activation_options import ActivationOptions, as_text
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.destinations import Destination
from hybrid.fleet.hardening import guarded
from hybrid.fleet.records import ActivationRecord, IssuedActivation, StackRecord
from hybrid.fleet.sites import AnywhereSiteNames, anywhere_site, require_deployed, stacks_of


class Existing(Enum):
    """What becomes of an activation that the destination holds and hosts can still use."""

    REFUSE = "refuse"
    KEEP = "keep"
    REPLACE = "replace"


@dataclass(frozen=True)
class Activated:
    """The outcome for one site.

    Attributes:
        site: its name.
        activation_id: of the activation that is there now.
        limit: hosts it was made for.
        left: hosts that may still register.
        expires: when it ends.
        where: the code is, in words.
        made: whether this run made it; False where it was kept.
        replaced: id of the activation that was there before and has been revoked, or None.
    """

    site: str
    activation_id: str
    limit: int
    left: int
    expires: datetime
    where: str
    made: bool
    replaced: str | None = None


def new_run() -> str:
    """A name for a run, in the descriptions of the activations that it makes."""
    return secrets.token_hex(6)


def activate(
    aws: AwsClient,
    estate: Estate,
    *,
    site: str,
    options: ActivationOptions,
    destination: Destination,
    existing: Existing = Existing.REFUSE,
    run: str | None = None,
) -> Activated:
    """Make an activation for one site and put its code at the destination.

    Args:
        aws: the client.
        estate: the estate.
        site: name of a site of kind anywhere, deployed.
        options: of the activation.
        destination: where the code goes.
        existing: what becomes of one that is there already; REPLACE revokes it once the new code has arrived.
        run: name of the run; a new one unless an interrupted run goes on.

    Raises:
        errors.FleetError: nothing usable was left behind, or the message says what was.
    """
    for _, outcome in activate_all(
        aws,
        estate,
        sites=[site],
        options=options,
        destination=destination,
        existing=existing,
        run=run or new_run(),
    ):
        if isinstance(outcome, errors.FleetError):
            raise outcome
        return outcome
    raise AssertionError("unreachable")


def activate_all(
    aws: AwsClient,
    estate: Estate,
    *,
    sites: Sequence[str],
    options: ActivationOptions,
    destination: Destination,
    existing: Existing,
    run: str,
) -> Iterator[tuple[str, Activated | errors.FleetError]]:
    """As `activate`, for many sites; yields each site's outcome as it comes.

    A second call with the same `run` goes on where an interrupted one ended: sites that have their code
    keep it, and activations of the run whose code was lost are revoked first.

    Raises:
        errors.FleetError: a site cannot have hosts, or AWS could not be asked at all; nothing was made.
    """
    chosen = [anywhere_site(estate, site) for site in sites]
    one = chosen[0].cluster if len(chosen) == 1 else None
    stacks = stacks_of(aws, chosen)
    known = list(aws.activations(name=one))
    work = _Work(aws, options, destination, existing, run, stacks, known)
    with guarded():
        for item, outcome in each(chosen, work.at, workers=aws.workers):
            yield item.site, outcome


@dataclass(frozen=True)
class _Work:
    """What is the same for every site of a run."""

    aws: AwsClient
    options: ActivationOptions
    destination: Destination
    existing: Existing
    run: str
    stacks: Mapping[str, StackRecord]
    known: Sequence[ActivationRecord]

    def at(self, site: AnywhereSiteNames) -> Activated:
        require_deployed(site, self.stacks.get(site.site))
        held = self.destination.prepare(site)
        self._revoke_lost(site, held)
        current = next((a for a in self.known if held[:1] == [a.activation_id]), None)
        if current and current.left:
            if self.existing is Existing.KEEP:
                return Activated(
                    site.site, current.activation_id, current.limit, current.left, current.expires,
                    f"secret {site.secret}", made=False,
                )  # fmt: skip
            if self.existing is Existing.REFUSE:
                raise errors.ActivationExists(_holds(site, current))
        expires = datetime.now(UTC).replace(microsecond=0) + self.options.lifetime
        issued = self._issue(site, expires)
        where = self._deliver(site, issued)
        replaced = current.activation_id if current and self._revoke(site, current, issued) else None
        return Activated(
            site.site, issued.activation_id, self.options.count, self.options.count, expires, where,
            made=True, replaced=replaced,
        )  # fmt: skip

    def _issue(self, site: AnywhereSiteNames, expires: datetime) -> IssuedActivation:
        description = describe(site, kind=self.destination.kind, run=self.run)
        try:
            return self.aws.create_activation(
                role=site.role,
                limit=self.options.count,
                expires=expires,
                name=site.cluster,
                description=description,
                tags={**self.options.tags, **site.tags},
            )
        except errors.Unreachable:
            self._revoke_unanswered(site, description)
            raise

    def _revoke_unanswered(self, site: AnywhereSiteNames, description: str) -> None:
        """What a lost answer may have left: an activation whose code nobody has."""
        before = {activation.activation_id for activation in self.known}
        with suppress(errors.FleetError):
            for found in self.aws.activations(name=site.cluster):
                if found.description == description and found.activation_id not in before:
                    self.aws.delete_activation(found.activation_id)

    def _deliver(self, site: AnywhereSiteNames, issued: IssuedActivation) -> str:
        try:
            return self.destination.deliver(site, issued)
        except errors.FleetError as error:
            try:
                self.aws.delete_activation(issued.activation_id)
            except errors.FleetError as second:
                raise errors.PartlyDone(
                    f"{error}. The activation {issued.activation_id} was made and could not be revoked "
                    f"({second}); nobody has its code; run `bin/hybrid sites revoke {issued.activation_id}`"
                ) from None
            raise
        except BaseException:
            with suppress(errors.FleetError):
                self.aws.delete_activation(issued.activation_id)
            raise

    def _revoke(self, site: AnywhereSiteNames, old: ActivationRecord, issued: IssuedActivation) -> bool:
        try:
            return self.aws.delete_activation(old.activation_id)
        except errors.FleetError as error:
            raise errors.PartlyDone(
                f"site `{site.site}` has the new activation {issued.activation_id}, but the old one could "
                f"not be revoked: {error}; run `bin/hybrid sites revoke {old.activation_id}`"
            ) from None

    def _revoke_lost(self, site: AnywhereSiteNames, held: Sequence[str]) -> None:
        mine = describe(site, kind="secret", run=self.run)
        for found in self.known:
            if found.description == mine and found.activation_id not in held and not found.registered:
                self.aws.delete_activation(found.activation_id)


def describe(site: AnywhereSiteNames, *, kind: str, run: str) -> str:
    """Description of an activation: for which site, where its code went, by which run."""
    return f"hybrid {site.estate}/{site.site} {kind} {run}"


def _holds(site: AnywhereSiteNames, current: ActivationRecord) -> str:
    return (
        f"the secret {site.secret} holds activation {current.activation_id}, which {current.left} of "
        f"{current.limit} hosts can still use for {as_text(current.expires - datetime.now(UTC))}; join hosts "
        f"with it, or put another in its place with `bin/hybrid sites rotate {site.site}`"
    )
