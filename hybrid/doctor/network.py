"""Whether the index of Python's packages and the npm registry answer, and who signs for them; and the clock.

A certificate that no public authority signed is a company's: of a proxy that inspects TLS, or of an index of
its own. Both are as they should be once that authority is trusted here.
"""

from __future__ import annotations

import base64
import http.client
import importlib.util
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from hybrid.doctor.model import ALL, Check, Finding
from workspace.node import node, npm_program
from workspace.supply import settings, words
from workspace.supply.certificates import CertificateProblem, named
from workspace.supply.certificates import read as read_certificates
from workspace.supply.offline import OfflineProblem, check
from workspace.supply.settings import Supply

_SECONDS = 3.0
#: AWS refuses a signature whose time differs by more than this from its own (IAM User Guide, "Elements of an
#: AWS API request signature"), seconds.
_SKEW = 300
_COST = "nothing new can be installed: not after a change of a lock file either"


def checks() -> list[Check]:
    """The checks of this module."""
    return [
        Check("certificates", _certificates),
        Check("proxy", _proxy),
        Check("package index", lambda: _packages(_index())),
        Check("npm registry", lambda: _npm(_registry())),
    ]


def _certificates() -> Iterator[Finding]:
    bad = []
    places = named(os.environ, settings={})
    by_path: dict[Path, list[str]] = {}
    for place in places:
        by_path.setdefault(place.path, []).append(place.by)
    shown = [f"{path} ({', '.join(names)})" for path, names in by_path.items()]
    for place in places:
        try:
            read_certificates(place)
        except CertificateProblem as problem:
            bad.append(str(problem))
    yield Finding(
        "certificates",
        "; ".join(bad) or ", ".join(["the system's", *shown]),
        not bad,
        needed_for=tuple(ALL),
        cost="nothing is installed until the variable is right",
        remedy=f"name a file of certificates in PEM, or unset the variable ({words.PAGE})",
    )


def _proxy() -> Iterator[Finding]:
    proxies = {name: url for name, url in urllib.request.getproxies().items() if name != "no"}
    shown = [f"{name}: {words.address_without_credentials(url)}" for name, url in sorted(proxies.items())]
    yield Finding("proxy", ", ".join(shown) or "none is set", concerns=ALL)
    for url in sorted(set(proxies.values())):
        try:
            split = urlsplit(url if "://" in url else f"http://{url}")
            address = (split.hostname or "", split.port or (443 if split.scheme == "https" else 80))
        except ValueError:
            yield _no_address("proxy", url)
            continue
        try:
            socket.create_connection(address, timeout=_SECONDS).close()
        except OSError as error:
            yield Finding(
                "proxy",
                f"{words.address_without_credentials(url)} does not answer: {error.strerror or error}",
                False,
                needed_for=tuple(ALL),
                cost=_COST,
                remedy="put HTTPS_PROXY and HTTP_PROXY right, or unset them where the way out is direct",
            )


def _packages(url: str) -> Iterator[Finding]:
    if (directory := settings.kept_offline()) is not None:
        yield _offline("package index", directory)
        return
    if not url:
        yield _cannot("package index", "pip does not say which index it takes")
        return
    yield from _served("package index", url, path_of="uv")


def _npm(url: str) -> Iterator[Finding]:
    if (directory := settings.kept_offline()) is not None:
        yield _offline("npm registry", directory)
        return
    if not url:
        yield _cannot("npm registry", "npm does not say which registry it takes")
        return
    yield from _served("npm registry", url, path_of="aws-cdk")


def _served(name: str, url: str, *, path_of: str) -> Iterator[Finding]:
    shown = words.address_without_credentials(url)
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        yield _no_address(name, url)
        return
    if split.scheme == "file":
        there = Path(unquote(split.path)).is_dir()
        yield Finding(
            name, shown, there, needed_for=tuple(ALL), cost=_COST, remedy="name a directory that is there"
        )
        return
    page = f"{url.rstrip('/')}/{path_of}{'/' if 'index' in name else ''}"
    answer = fetch(page, supply=_supply())
    good = answer.status is not None and answer.status < 400
    said = answer.error or f"answers {answer.status}"
    yield Finding(
        name,
        f"{shown} {said}{f'; its certificate: {answer.signed_by}' if answer.signed_by else ''}",
        good,
        needed_for=tuple(ALL),
        cost=_COST,
        remedy="" if good else words.remedy(f"{said} {shown}") or f"set another one ({words.PAGE})",
    )
    if "index" in name:
        yield _clock(answer)


def _clock(answer: Answer) -> Finding:
    if answer.seconds_off is None:
        return _cannot(
            "clock", "no answer of a server to compare it with", cost="AWS may refuse every request"
        )
    return Finding(
        "clock",
        f"{abs(answer.seconds_off):.0f} s from the index's",
        abs(answer.seconds_off) < _SKEW,
        needed_for=tuple(ALL),
        cost=f"beyond {_SKEW} s AWS refuses every signature, and certificates count as expired",
        remedy="let the machine keep time: `timedatectl set-ntp true`, or in a virtual machine its host's",
    )


def _no_address(name: str, url: str) -> Finding:
    return Finding(
        name,
        f"{words.address_without_credentials(url)} is no address",
        False,
        needed_for=tuple(ALL),
        cost=_COST,
        remedy="write it as https://USER:PASSWORD@HOST:PORT/, with / ? # [ ] @ of a password as %2F %3F %23 "
        "%5B %5D %40",
    )


def _offline(name: str, directory: Path) -> Finding:
    try:
        check(directory)
    except OfflineProblem as problem:
        return Finding(
            name, str(problem), False, ALL, tuple(ALL), _COST, "`bin/hybrid setup` with --offline or not"
        )
    return Finding(name, f"none is used: everything is installed from {directory}")


def _cannot(name: str, why: str, *, cost: str = _COST) -> Finding:
    return Finding(name, f"cannot be looked at: {why}", None, cost=cost, remedy="see the lines above")


def _supply() -> Supply | None:
    try:
        return settings.read(Path(sys.executable))
    except (CertificateProblem, OfflineProblem, OSError):
        return None  # other lines say so; this one is looked at with the system's certificates


def _index() -> str:
    """The index that pip takes: the user's, else pip's own default."""
    supply = _supply()
    told = supply.for_pip() if supply else dict(os.environ)
    url = told.get("PIP_INDEX_URL") or (supply.pip.get("index-url", "") if supply else "")
    return url or _said(
        sys.executable, "-c", "from pip._internal.models.index import PyPI as i; print(i.simple_url)"
    )


def _registry() -> str:
    return _said(str(node()), str(npm_program()), "config", "get", "registry")


def _said(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
    except (subprocess.TimeoutExpired, OSError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Answer:
    """What a server said.

    Attributes:
        status: of HTTP; None where there was no answer.
        error: why not.
        signed_by: who signed its certificate, and whether that is a public authority.
        seconds_off: by which this machine's clock differs from the server's, if it said its time.
    """

    status: int | None = None
    error: str = ""
    signed_by: str = ""
    seconds_off: float | None = None


def fetch(url: str, *, supply: Supply | None) -> Answer:
    """Ask a server for a page, through the user's proxy and with the certificates that are trusted here."""
    split = urlsplit(url)
    bundle = str(supply.bundle) if supply and supply.bundle else None
    context = ssl.create_default_context(cafile=bundle)
    try:
        with closing(_connection(split, context)) as connection:
            connection.request("GET", split.path or "/", headers=_headers(split))
            response = connection.getresponse()
            issuer = _issuer(split, public=_is_public(split)) if split.scheme == "https" else ""
            return Answer(response.status, signed_by=issuer, seconds_off=_seconds_off(response))
    except ssl.SSLCertVerificationError as error:
        return Answer(error=f"is not trusted: {error.verify_message}", signed_by=_issuer(split, public=False))
    except (OSError, http.client.HTTPException) as error:
        return Answer(error=f"cannot be reached: {error or type(error).__name__}")
    except ValueError:
        # Its words have a part of the password; the proxy's own line says what is wrong.
        return Answer(error="cannot be reached: the proxy's address is none")


def _connection(split: SplitResult, context: ssl.SSLContext) -> http.client.HTTPConnection:
    """A connection to the server of an address, by the proxy that is set for it."""
    host, secure = split.hostname or "", split.scheme == "https"
    port = split.port or (443 if secure else 80)
    proxy = urllib.request.getproxies().get(split.scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        if secure:
            return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    by = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    through = (by.hostname or "", by.port or 80)
    # A tunnel for plain HTTP, too: proxies that forbid it say so, and an index in plain HTTP is rare.
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(*through, timeout=_SECONDS, context=context)
        if secure
        else http.client.HTTPConnection(*through, timeout=_SECONDS)
    )
    headers = {}
    if by.username:
        headers["Proxy-Authorization"] = _basic(by)
    connection.set_tunnel(host, port, headers)
    return connection


def _headers(split: SplitResult) -> dict[str, str]:
    return {"Authorization": _basic(split)} if split.username else {}


def _basic(split: SplitResult) -> str:
    pair = f"{unquote(split.username or '')}:{unquote(split.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _is_public(split: SplitResult) -> bool:
    """Whether an authority of the public web signed: those that botocore trusts, whatever is trusted here."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(Path(spec.origin).with_name("cacert.pem"))
    try:
        with closing(_connection(split, context)) as connection:
            connection.connect()
    except (OSError, http.client.HTTPException):
        return False
    return True


def _issuer(split: SplitResult, *, public: bool) -> str:
    """Who signed the certificate of a server, trusted or not."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    try:
        with closing(_connection(split, blind)) as connection:
            connection.connect()
            socket_of_tls = connection.sock
            shown = socket_of_tls.getpeercert(True) if isinstance(socket_of_tls, ssl.SSLSocket) else None
    except (OSError, http.client.HTTPException):
        return "not seen"
    fields = _issuer_of(shown) if shown else {}
    name = fields.get("organizationName") or fields.get("commonName") or "somebody without a name"
    common = fields.get("commonName")
    name = f"{name} ({common})" if common and common != name else name
    return (
        f"by {name}" if public else f"by {name}, no public authority: an inspecting proxy, or a company's own"
    )


def _issuer_of(certificate: bytes) -> dict[str, str]:
    """The issuer's fields; none where this Python cannot say.

    The standard library decodes a certificate only where it is trusted, but for the function that its own
    tests use; a library for this one line would be a dependency of every command.
    """
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    decode = getattr(getattr(ssl, "_ssl", None), "_test_decode_cert", None)
    if decode is None:
        return {}
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        fields = decode(file.name).get("issuer", ())
    return {str(name): str(value) for [(name, value), *_] in fields}


def _seconds_off(response: http.client.HTTPResponse) -> float | None:
    said = response.getheader("Date")
    try:
        return time.time() - parsedate_to_datetime(said).timestamp() if said else None
    except ValueError:
        return None
