"""What can go wrong between the command line and AWS, in the terms of this project.

A message says what was wrong, where, and what to do next. None holds an activation code or a secret: what
AWS answered is quoted by its error code and message, never by the request that it answered.

    FleetError                  exit code 1
    ├── Mistake                 exit code 2: only the user can put it right
    │   ├── UnknownSite, UnknownHost, UnknownSource, UnknownActivation, UnknownImage
    │   ├── CloudSiteHasNoHosts, SiteNotDeployed, HostBusy, ActivationExists
    │   ├── OptionsRefused, DestinationRefused, SecretRefused, SecretMissing
    │   └── CredentialsMissing, CredentialsExpired, ConfigurationRefused, ClockSkewed
    ├── AccessDenied, Throttled, Unreachable, NotFound, Refused    what AWS said, or did not say
    └── DrainTimeout, PartlyDone                                   what was begun and is not done
"""

from __future__ import annotations


class FleetError(Exception):
    """Base: something failed that was asked for rightly. Exit code 1.

    Attributes:
        users_mistake: only the user can put it right; exit code 2.
    """

    users_mistake = False


class Mistake(FleetError):
    """Base of what only the user can put right. Exit code 2."""

    users_mistake = True


class UnknownSite(Mistake):
    """The estate file has no such site."""


class CloudSiteHasNoHosts(Mistake):
    """The site is of kind cloud: Fargate runs its tasks, and no host joins it."""


class SiteNotDeployed(Mistake):
    """The site's stack does not exist, or is not in a state that can be used."""


class OptionsRefused(Mistake):
    """A count, lifetime, tag or name that AWS would not take."""


class ActivationExists(Mistake):
    """The site's secret holds an activation that hosts can still use."""


class UnknownActivation(Mistake):
    """No such activation belongs to the estate."""


class UnknownImage(Mistake):
    """The estate's registry has no image of that tag."""


class DestinationRefused(Mistake):
    """The place that the code is to go to cannot take it."""


class UnknownHost(Mistake):
    """No host of the estate has that name or id, or several have."""


class HostBusy(Mistake):
    """The host still runs tasks."""


class DrainTimeout(FleetError):
    """Tasks still ran when the wait ended. The host goes on draining."""


class UnknownSource(Mistake):
    """The estate file has no such source."""


class SecretRefused(Mistake):
    """What was given is not a secret of a source."""


class SecretMissing(Mistake):
    """The secret does not exist: its stack makes it."""


class CredentialsMissing(Mistake):
    """No AWS credentials, or none that can be used."""


class ConfigurationRefused(Mistake):
    """A setting of the AWS configuration that no client can be made with: a Region, an endpoint."""


class CredentialsExpired(Mistake):
    """The session of the credentials has ended."""


class ClockSkewed(Mistake):
    """This machine's clock is too far from AWS's: signatures are refused."""


class AccessDenied(FleetError):
    """The caller may not do this."""


class Throttled(FleetError):
    """AWS still throttled after every retry."""


class Unreachable(FleetError):
    """No answer: what happened at the other end is not known."""


class NotFound(FleetError):
    """The resource does not exist."""


class Refused(FleetError):
    """AWS refused for another reason."""


class PartlyDone(FleetError):
    """One part took effect and the next did not; the message says which, and how to finish."""
