"""An emulator of AWS without the local site in front of it: it answers, and knows no host and no activation.

Its ECS says "no container instances" of every cluster, which reads like the truth.
"""

from __future__ import annotations

import socket
import urllib.parse

_HEALTH = "/_ministack/health"
_SITE_HEALTH = "/_site/health"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_emulator(url: str) -> bool:
    """Whether the demo's emulator answers at an address of this machine, itself or behind the local site."""
    return urllib.parse.urlsplit(url).hostname in _LOOPBACK and _answers(url, _HEALTH)


def is_bare_emulator(url: str) -> bool:
    """Whether it is the emulator itself, with no local site in front of it."""
    return is_emulator(url) and not _answers(url, _SITE_HEALTH)


def _answers(url: str, path: str) -> bool:
    import urllib3  # noqa: PLC0415 - help does not wait for it

    try:
        answer = urllib3.request("GET", f"{url.rstrip('/')}{path}", timeout=2, retries=False)
        return answer.status == 200 and isinstance(answer.json(), dict)
    except (urllib3.exceptions.HTTPError, ValueError):
        return False


def is_dead(url: str) -> bool:
    """Whether nothing listens at an address of this machine. There waiting and trying again is of no use."""
    place = urllib.parse.urlsplit(url)
    if place.hostname not in _LOOPBACK or place.port is None:
        return False
    try:
        socket.create_connection((place.hostname, place.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
