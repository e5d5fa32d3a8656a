"""What a mask makes of a text, by docs/reference/contracts.md."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

MASK_KEY = "k" * 32


def masked(mask: dict[str, Any], text: str | None) -> str | None:
    if text is None:
        return None
    if mask["kind"] == "hash":
        return hmac.new(MASK_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    return text[: mask["length"]] if mask["kind"] == "truncate" else "***"
