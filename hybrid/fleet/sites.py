"""Sites that hosts can join: which they are, whether they stand, and what their names in AWS are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hybrid.estate import Estate
from hybrid.estate.naming import Names
from hybrid.estate.site_kinds.anywhere import AnywhereSite
from hybrid.estate.suggestion import suggestion
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.records import StackRecord

#: Longest IamRole that CreateActivation takes, path included (Systems Manager API Reference).
_LONGEST_ROLE = 64

#: Above this number of sites, listing all stacks takes fewer calls than asking for each.
_FEW = 5

#: Tag keys of everything that belongs to an estate or a site.
ESTATE_TAG, SITE_TAG = "hybrid:estate", "hybrid:site"


@dataclass(frozen=True)
class AnywhereSiteNames:
    """An anywhere site and what it is called in AWS.

    Attributes:
        estate: name of the estate.
        site: name of the site.
    """

    estate: str
    site: str

    @property
    def names(self) -> Names:
        """Names of the estate."""
        return Names(self.estate)

    @property
    def cluster(self) -> str:
        """Its ECS cluster."""
        return self.names.cluster(self.site)

    @property
    def stack(self) -> str:
        """Its stack."""
        return self.names.site_stack(self.site)

    @property
    def secret(self) -> str:
        """The secret that receives its activation."""
        return self.names.activation_secret(self.site)

    @property
    def role(self) -> str:
        """Its Anywhere role as CreateActivation wants it: path and name, no slash in front."""
        return self.names.role_path("anywhere").lstrip("/") + self.names.anywhere_role(self.site)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the nodes of the site."""
        return {ESTATE_TAG: self.estate, SITE_TAG: self.site}


def anywhere_site(estate: Estate, site: str) -> AnywhereSiteNames:
    """A site by name, if hosts can join it.

    Raises:
        errors.UnknownSite: the estate has none of that name.
        errors.CloudSiteHasNoHosts: it is of kind cloud.
        errors.OptionsRefused: the names of estate and site are too long together for an activation.
    """
    name = estate.environment.name
    if site not in estate.sites:
        raise errors.UnknownSite(f"estate `{name}` has no site `{site}`; {suggestion(site, estate.sites)}")
    if not estate.sites[site].hosts_join:
        places, declared = ", ".join(sorted(anywhere_names(estate))) or "none", estate.sites[site]
        raise errors.CloudSiteHasNoHosts(
            f"site `{site}` is of kind {declared.kind}: {declared.where} runs its tasks and no host joins "
            f"it; sites that hosts join: {places}"
        )
    found = AnywhereSiteNames(name, site)
    if len(found.role) > _LONGEST_ROLE:
        raise errors.OptionsRefused(
            f"the Anywhere role of site `{site}` is `{found.role}`: {len(found.role)} characters with its "
            f"path, and an activation takes {_LONGEST_ROLE}; shorten the name of the estate or of the site"
        )
    return found


def anywhere_names(estate: Estate) -> list[str]:
    """Names of the sites of kind anywhere, in the order of the file."""
    return [name for name, site in estate.sites.items() if site.hosts_join]


def mirror_of(estate: Estate, site: str) -> str | None:
    """The registry at a site, if it has one."""
    declared = estate.sites[site]
    return declared.registry_mirror if isinstance(declared, AnywhereSite) else None


def private_endpoints_of(estate: Estate, site: str) -> Mapping[str, str]:
    """Service → address, of the services that a site's hosts reach by another address than the public one."""
    declared = estate.sites[site]
    return declared.endpoints.by_service if isinstance(declared, AnywhereSite) else {}


def stacks_of(aws: AwsClient, sites: Iterable[AnywhereSiteNames]) -> Mapping[str, StackRecord]:
    """Stacks of sites, by the site's name; sites without a stack are left out."""
    chosen = list(sites)
    if len(chosen) <= _FEW:
        one_by_one = {site.site: aws.stack(site.stack) for site in chosen}
        return {name: stack for name, stack in one_by_one.items() if stack}
    by_stack = {site.stack: site.site for site in chosen}
    return {by_stack[stack.name]: stack for stack in aws.stacks() if stack.name in by_stack}


def require_deployed(site: AnywhereSiteNames, stack: StackRecord | None) -> None:
    """Refuse a site whose stack cannot be used.

    Raises:
        errors.SiteNotDeployed: with the command that deploys it.
    """
    if stack is None:
        raise errors.SiteNotDeployed(
            f"site `{site.site}` is not deployed: there is no stack {site.stack}; run "
            f"`bin/hybrid cdk deploy {site.stack}` first"
        )
    if not stack.usable:
        raise errors.SiteNotDeployed(
            f"stack {site.stack} of site `{site.site}` is in state {stack.status}; repair it with "
            f"`bin/hybrid cdk deploy {site.stack}` first"
        )
