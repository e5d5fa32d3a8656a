"""Pages of a list: opaque tokens that hold where to go on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from sandbox.endpoint.errors import ServiceError

Item = TypeVar("Item")


def page(
    items: Iterable[Item],
    *,
    token: str | None,
    size: int,
    key: Callable[[Item], str],
    refused: ServiceError,
) -> tuple[list[Item], str | None]:
    """One page of a list and the token of the next.

    The token names the last item shown, so items that come or go in between move no others.

    Args:
        items: all items, in the order of `key`; those after the page are not looked at.
        token: `nextToken` of the request.
        size: most items of a page.
        key: what items are ordered by; unique.
        refused: raised when the token was not made here.
    """
    after = _decode(token, refused) if token else ""
    rest = list(islice((item for item in items if key(item) > after), size + 1))
    shown = rest[:size]
    return shown, _encode(key(shown[-1])) if len(rest) > size else None


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(f"after:{key}".encode()).decode()


def _decode(token: str, refused: ServiceError) -> str:
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise refused from None
    if not text.startswith("after:"):
        raise refused
    return text.removeprefix("after:")
