"""What a tool said that failed to install packages: without credentials, and with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: How to set up a machine in a company's network.
PAGE = "docs/how-to/set-up.md"

#: Lines of a tool's own words.
_SHOWN = 15

#: A user and a password in an address, up to the last `@` before its path.
_CREDENTIALS = re.compile(r"(?<=://)[^/\s'\"]*@")

_HOST = re.compile(r"https?://(?:[^/\s@]*@)?([A-Za-z0-9.-]+(?::\d+)?)")

#: What tools say (uv and pip, then npm and Docker) → the cause and the remedy; the first that is found holds.
_CAUSES = (
    (
        r"No space left on device|ENOSPC|Disk quota exceeded",
        "the disk is full: make room (`df -h`, `df -i`) and run this again, which begins anew",
    ),
    (
        r"UnknownIssuer|unable to get (?:local )?issuer|UNABLE_TO_GET_ISSUER|self[- ]signed certificate"
        r"|SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|unknown authority|CaUsedAsEndEntity",
        "{host} shows a certificate of an authority that is not trusted here, as a proxy does that inspects "
        "TLS, or a company's own index. Name the authority's certificate, a file in PEM that your company's "
        "administrators have, and run this again: export SSL_CERT_FILE=/path/to/company-ca.pem "
        "(PIP_CERT, REQUESTS_CA_BUNDLE and NODE_EXTRA_CA_CERTS are read too)",
    ),
    (
        r"certificate has expired|CERT_HAS_EXPIRED|not yet valid|CERT_NOT_YET_VALID|: Expired|NotValidYet",
        "the certificate of {host} is not valid at the time of this machine's clock: is `date -u` right?",
    ),
    (
        r"NotValidForName|[Hh]ostname mismatch|certificate is not valid for|ERR_TLS_CERT_ALTNAME_INVALID",
        "{host} shows a certificate of another name: write the index's address as its certificate has it",
    ),
    (
        r"(?<![\w.:=-])407(?![\w.-])|Proxy Authentication Required|proxy authorization required",
        "the proxy asks for a user and a password: HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT, "
        "with special characters as %XX",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES|[Hh]ash mismatch|EINTEGRITY",
        "{host} gave a file that is not the one that the lock file names, and it was not installed: ask "
        "whoever keeps the index why it differs, or whether a proxy changes downloads",
    ),
    (
        r"(?<![\w.:=-])40[13](?![\w.-])|Unauthorized|Forbidden|ENEEDAUTH|E401|E403",
        "{host} refuses: give the user and the password of the index, in its address or in ~/.netrc",
    ),
    (
        r"dns error|[Nn]ame or service not known|Temporary failure in name resolution|ENOTFOUND|EAI_AGAIN"
        r"|Connection refused|ECONNREFUSED|timed out|ETIMEDOUT|unreachable|ENETUNREACH|tunnel error"
        r"|Could not connect|error sending request|Connection reset|ECONNRESET|ProxyError|disabled because",
        "{host} cannot be reached from here. In a company's network set HTTPS_PROXY, or the index that is "
        "yours (PIP_INDEX_URL; for npm, npm_config_registry); without a network, prepare a directory where "
        "there is one (`bin/hybrid setup --download DIR`) and install from it "
        "(`bin/hybrid setup --offline DIR`)",
    ),
    (
        r"[Nn]o matching distribution|No solution found|not found in the (?:package )?registry|has no wheels"
        r"|E404|ETARGET|404 Not Found|notarget|because .* was not found",
        "the index lacks what the lock file names: ask whoever keeps it to let it through (a mirror often "
        "holds back what is new), or name another one in PIP_EXTRA_INDEX_URL",
    ),
)


def without_credentials(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Text without the user and the password of any address in it.

    Args:
        text: what a tool said.
        secrets: passwords that must not be in it however they are written.
    """
    for secret in sorted({secret for secret in secrets if len(secret) > 2}, key=len, reverse=True):
        text = text.replace(secret, "****")
    return _CREDENTIALS.sub("****@", text)


def address_without_credentials(address: str) -> str:
    """One address without its user and password, however it is written: without a scheme, as proxies often
    are, or with characters in the password that would end it."""
    before, at, rest = address.rpartition("@")
    scheme, separator, _ = before.partition("://")
    return f"{scheme}://****@{rest}" if separator else f"****@{rest}" if at else address


def remedy(said: str) -> str | None:
    """What to do about what a tool said; None for what is not foreseen."""
    # Colour codes and the lines that uv breaks would hide words.
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", said).split())
    for pattern, words in _CAUSES:
        if re.search(pattern, plain):
            hosts = _HOST.findall(without_credentials(plain))
            host = hosts[-1] if hosts else "the server"
            return f"{words.format(host=host)} ({PAGE})"
    return None


def failure(what: str, said: str, *, secrets: Iterable[str] = ()) -> str:
    """The message of a failure: the remedy first, then the end of the tool's own words.

    Args:
        what: what was tried, as `uv pip install`.
        said: the tool's own words.
        secrets: passwords that must not be in it.
    """
    shown = without_credentials("\n".join(said.strip().splitlines()[-_SHOWN:]), secrets=secrets)
    known = remedy(said)
    return "\n".join([*([f"{what} failed: {known}"] if known else [f"{what} failed:"]), shown])
