"""What the network's settings mean for this process and all that it starts."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

#: Addresses of this machine, to which no proxy leads: the demo's emulator, Airflow and site are there.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def prepare(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let requests to this machine go past the proxy, and let botocore and Node trust what the user named.

    Args:
        environ: variables, which are changed.
    """
    _spare_the_loopback(environ)
    _tell_certificates(environ)


def _spare_the_loopback(environ: MutableMapping[str, str]) -> None:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    if not any(environ.get(name) or environ.get(name.lower()) for name in names):
        return
    # Where both are set, Python takes the lower one, Go the upper one.
    said = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    listed = [part.strip() for part in said.split(",") if part.strip()]
    if "*" in listed:
        return
    whole = ",".join([*listed, *(address for address in _LOOPBACK if address not in listed)])
    environ["NO_PROXY"] = environ["no_proxy"] = whole


def _tell_certificates(environ: MutableMapping[str, str]) -> None:
    wants = [name for name in ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS") if not environ.get(name)]
    # botocore reads this one too.
    if environ.get("REQUESTS_CA_BUNDLE") and "AWS_CA_BUNDLE" in wants:
        wants.remove("AWS_CA_BUNDLE")
    if not wants:
        return
    # Only here: `--help` has to answer at once, and reading certificates loads OpenSSL.
    from workspace.supply.certificates import CertificateProblem, named, write_bundle  # noqa: PLC0415

    places = named(environ, settings={})
    if not places:
        return
    try:
        bundle = write_bundle(places)
    except (CertificateProblem, OSError):
        return  # `bin/hybrid setup` and `bin/hybrid doctor` say what is wrong with it
    for name in wants if bundle else ():
        environ[name] = str(bundle)
