"""Where an activation code goes: the site's secret, a file, or the terminal. Nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.records import IssuedActivation
from hybrid.fleet.sites import AnywhereSiteNames


class Destination(Protocol):
    """A place that can take one code for each site."""

    @property
    def kind(self) -> str:
        """One word that the activation's description carries: `secret`, `file` or `terminal`."""

    def prepare(self, site: AnywhereSiteNames) -> Sequence[str]:
        """Refuse before an activation is made.

        Returns:
            Ids of the activations that are there already, the one that readers get first.

        Raises:
            errors.FleetError: the code could not be put there.
        """

    def deliver(self, site: AnywhereSiteNames, issued: IssuedActivation) -> str:
        """Put the code there; where it is, in words without the code.

        Raises:
            errors.FleetError: it could not be put there.
        """


def document(site: AnywhereSiteNames, issued: IssuedActivation, *, region: str) -> SecretStr:
    """What a host needs to join, as JSON: `{activation_id, activation_code, region, cluster}`."""
    return SecretStr(
        json.dumps(
            {
                "activation_id": issued.activation_id,
                "activation_code": issued.code.get_secret_value(),
                "region": region,
                "cluster": site.cluster,
            }
        )
    )


@dataclass(frozen=True)
class SiteSecret:
    """The site's secret, under the estate's key. The version's id is the activation's id, so that which
    activation a secret holds can be told without reading it."""

    aws: AwsClient
    kind: str = field(default="secret", init=False)

    def prepare(self, site: AnywhereSiteNames) -> Sequence[str]:
        """The secret exists; the activations that its versions hold."""
        found = self.aws.secret(site.secret)
        if found is None:
            raise errors.SecretMissing(
                f"there is no secret {site.secret}: the stack {site.stack} makes it, so deploy it again with "
                f"`bin/hybrid cdk deploy {site.stack}`, or ask for the code in a file with --to-file"
            )
        return sorted(found.versions, key=lambda version: version != found.current)

    def deliver(self, site: AnywhereSiteNames, issued: IssuedActivation) -> str:
        """As the current version."""
        value = document(site, issued, region=self.aws.region)
        self.aws.put_secret(site.secret, value, version=issued.activation_id)
        return f"secret {site.secret}"


@dataclass
class CodeFile:
    """A new file that only its owner can read (0600). An existing one is never written over.

    It is made before the activation, so that a directory that cannot be written is found out in time.
    """

    path: Path
    region: str
    kind: str = field(default="file", init=False)
    _descriptor: int | None = field(default=None, init=False, repr=False)

    def prepare(self, site: AnywhereSiteNames) -> Sequence[str]:  # noqa: ARG002 - of the protocol
        """The file can be made."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            self._descriptor = os.open(self.path, flags, 0o600)
        except FileExistsError:
            raise errors.DestinationRefused(
                f"{self.path} exists already; name a file that does not, or shred that one first"
            ) from None
        except OSError as error:
            raise errors.DestinationRefused(f"{self.path} cannot be made: {error.strerror}") from None
        return ()

    def deliver(self, site: AnywhereSiteNames, issued: IssuedActivation) -> str:
        """Written and flushed to the disk."""
        if self._descriptor is None:
            raise errors.DestinationRefused(f"{self.path} was not prepared")
        descriptor, self._descriptor = self._descriptor, None
        text = document(site, issued, region=self.region).get_secret_value() + "\n"
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.path.unlink(missing_ok=True)
            raise errors.DestinationRefused(f"{self.path} cannot be written: {error.strerror}") from None
        return f"file {self.path}"

    def discard(self) -> None:
        """Remove the file when no code came to be in it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            with suppress(OSError):
                self.path.unlink()


@dataclass(frozen=True)
class Terminal:
    """Shown once, on a terminal, to a person who asked for it.

    Args:
        write: gets the document as one line.
        watched: whether a person sees it; a pipe or a log does not get the code.
    """

    write: Callable[[str], object]
    watched: bool
    region: str
    kind: str = field(default="terminal", init=False)

    def prepare(self, site: AnywhereSiteNames) -> Sequence[str]:  # noqa: ARG002 - of the protocol
        """A person watches."""
        if not self.watched:
            raise errors.DestinationRefused(
                "--show puts the code on a terminal, and standard output is none: it could end in a log; use "
                "--to-file FILE, or the site's secret"
            )
        return ()

    def deliver(self, site: AnywhereSiteNames, issued: IssuedActivation) -> str:
        """Once."""
        self.write(document(site, issued, region=self.region).get_secret_value() + "\n")
        return "terminal"
