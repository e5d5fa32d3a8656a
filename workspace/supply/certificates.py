"""The certificates of authorities that the user named for any tool, and the system's, as one file for all.

A proxy that inspects TLS signs with an authority of the company's. Its certificate is named for one tool in
one of a handful of variables, and every tool here reads another one.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workspace.files import write_whole
from workspace.paths import STATE

#: Holds the files of all certificates that are trusted, named for their content: what another process was
#: told meanwhile is another file.
BUNDLES = STATE / "certificates"

#: Variables that name a file (or a directory) of certificates, with who reads them.
VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL, Python, uv
    "SSL_CERT_DIR",  # the same
    "REQUESTS_CA_BUNDLE",  # requests, pip, botocore
    "CURL_CA_BUNDLE",  # curl, requests
    "PIP_CERT",  # pip
    "NODE_EXTRA_CA_CERTS",  # Node
    "npm_config_cafile",  # npm
    "AWS_CA_BUNDLE",  # botocore, the AWS CLI
)

#: Where systems keep all that they trust in one file: Debian, Fedora, SUSE, Alpine and macOS.
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class CertificateProblem(Exception):
    """A file that a variable names is of no use; the message says which, why, and what would be right."""


@dataclass(frozen=True)
class Named:
    """A place of certificates, and what names it, as `SSL_CERT_FILE` or `pip's setting cert`."""

    by: str
    path: Path


def named(environ: Mapping[str, str], *, settings: Mapping[str, str]) -> list[Named]:
    """What the user named.

    Args:
        environ: variables.
        settings: what else names a place: its name in words → path, as of pip's and npm's configuration.
    """
    found = [
        Named(name, Path(part).expanduser())
        for name in VARIABLES
        # Directories may be several, as paths in PATH.
        for part in (
            environ.get(name, "").split(os.pathsep) if name.endswith("_DIR") else [environ.get(name)]
        )
        if part
    ]
    return found + [Named(name, Path(path).expanduser()) for name, path in settings.items() if path]


def write_bundle(places: list[Named]) -> Path | None:
    """Write the certificates of the named places and of the system to one file.

    Trusting what was named for one tool in all of them is no danger to what is installed: the lock files
    name the hash of every file.

    Returns:
        The file; None where nothing is named and the system keeps no file, so that each tool's own is right.

    Raises:
        CertificateProblem: a named place cannot be read or has no certificate.
        OSError: the file cannot be written.
    """
    certificates: dict[str, None] = {}
    for place in places:
        certificates.update(dict.fromkeys(read(place)))
    if not places and sys.platform != "linux":
        return None  # the system keeps them elsewhere, and the tools are told to ask it
    if system := system_file():
        certificates.update(dict.fromkeys(_certificates(system)))
    if not certificates:
        return None
    text = "\n".join(certificates) + "\n"
    file = BUNDLES / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.pem"
    if not file.is_file():
        BUNDLES.mkdir(parents=True, exist_ok=True)
        write_whole(file, text, mode=0o644)
    return file


def read(place: Named) -> list[str]:
    """The certificates of a named place, each in PEM.

    Raises:
        CertificateProblem: it cannot be read or has none.
    """
    try:
        found = list(_certificates(place.path))
    except OSError as error:
        raise CertificateProblem(
            f"{place.by} names {place.path}, which cannot be read ({error.strerror}): "
            "name the file that has your authority's certificate, or unset it"
        ) from error
    for certificate in found:
        try:
            ssl.PEM_cert_to_DER_cert(certificate)
        except ValueError as error:
            raise CertificateProblem(
                f"{place.by} names {place.path}, which has a damaged certificate ({error})"
            ) from error
    if not found and place.path.is_file():
        raise CertificateProblem(
            f"{place.by} names {place.path}, which has no certificate in PEM (-----BEGIN CERTIFICATE-----): "
            f"a binary one becomes PEM by `openssl x509 -inform der -in {place.path} -out company-ca.pem`"
        )
    return found


def system_file() -> Path | None:
    """The file in which the system keeps what it trusts, where there is one."""
    asked = ssl.get_default_verify_paths().openssl_cafile
    for name in (*_SYSTEM_FILES, asked):
        if Path(name).is_file():
            return Path(name)
    return None


def _certificates(path: Path) -> Iterator[str]:
    if path.is_dir():
        # `SSL_CERT_DIR` may be many directories with many kinds of files; what has certificates counts.
        for file in sorted(path.iterdir()):
            if file.is_file():
                yield from _of_text(file.read_text(encoding="latin-1"))
        return
    yield from _of_text(path.read_text(encoding="latin-1"))


def _of_text(text: str) -> Iterator[str]:
    for part in text.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        if end:
            yield f"{_BEGIN}\n{body.strip()}\n{_END}".replace("\r", "")
