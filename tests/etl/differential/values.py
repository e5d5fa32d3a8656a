"""What a value is, from the server's own text and docs/reference/types.md; nothing asks the container."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from differential import calendar

#: A value that the column's type cannot hold: `unrepresentable` decides.
REFUSED = object()
_EXACT = Context(prec=200_000)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An Arrow type as pyarrow prints it, and how a value of it follows from the server's text."""

    arrow: str
    read: Callable[[Any], Any]
    family: str
    #: Of a list.
    element: Kind | None = None


def number(value: float) -> str:
    """A float so that NaN equals NaN and -0.0 is not 0.0."""
    return repr(float(value))


def single(text: Any) -> str:
    return number(struct.unpack("<f", struct.pack("<f", float(text)))[0])


def exact(value: Decimal) -> Decimal:
    """A number without the zeros at its end: the places are the type's, which is compared by itself."""
    return _EXACT.normalize(value) if value else Decimal(0)


def decimal(precision: int, scale: int, *, rounded: bool = False) -> Kind:
    def read(text: str) -> Any:
        value = Decimal(text)
        if not value.is_finite():
            return REFUSED
        place = Decimal(1).scaleb(-scale)
        whole = value.quantize(place, rounding=ROUND_HALF_UP, context=_EXACT)
        if whole != value and not rounded:
            return REFUSED
        digits = abs(int(whole.scaleb(scale, context=_EXACT)))
        return REFUSED if digits >= 10**precision else exact(whole)

    return Kind(arrow=f"decimal128({precision}, {scale})", read=read, family="decimal")


def plain(arrow: str, family: str, read: Callable[[Any], Any]) -> Kind:
    return Kind(arrow=arrow, read=read, family=family)


def from_file(kind: Kind, value: Any, *, source: str) -> Any:
    """A value of CSV (text) or JSON lines as `Kind.read` has it."""
    if value is None:
        return None
    if kind.family == "list" and kind.element:
        values = json.loads(value) if source == "csv" else value
        return [from_file(kind.element, one, source="json") for one in values]
    if kind.family == "bool":
        return {"true": True, "false": False}[value] if source == "csv" else value
    if kind.family == "binary":
        return base64.b64decode(value, validate=True)
    reads: dict[str, Callable[[Any], Any]] = {
        "int": int,
        "decimal": lambda text: exact(Decimal(text)),
        "float": single if kind.arrow == "float" else number,
        "date": calendar.days,
        "time": calendar.clock,
        "timestamp": calendar.instant,
    }
    return reads.get(kind.family, str)(value)
