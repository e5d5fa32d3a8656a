"""`expect` of a specification: what is asked of the rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import UserError

ON_FAILURE = ("fail", "warn")
Bound = Decimal | str | None
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_KNOWN = ("rows", "nulls", "unique", "range", "freshness", "on_failure")


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """The newest value of a column is at most `within` seconds older than the end of what is read.

    `folds`: it is the incremental column of an engine whose names have no case. `zone`: IANA name of the zone
    that dates and times without one are in.
    """

    column: str
    within: float
    zone: str = "UTC"
    folds: bool = False

    def found_in(self, names: Iterable[str]) -> str:
        """The column's name as the query returns it; its own where none fits."""
        for name in names:
            if self.folds and name.casefold() == self.column.casefold():
                return name
        return self.column


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """Counts of rows, shares from 0 to 1 (`most_change`: of the rows before), bounds that are inside."""

    least_rows: int | None = None
    most_rows: int | None = None
    most_change: Decimal | None = None
    nulls: Mapping[str, Decimal]
    unique: tuple[tuple[str, ...], ...] = ()
    ranges: Mapping[str, tuple[Bound, Bound]]
    freshness: Freshness | None = None
    on_failure: str = "fail"

    @property
    def columns(self) -> list[str]:
        """Every column that something is asked of."""
        return self.columns_among(())

    def columns_among(self, returned: Iterable[str]) -> list[str]:
        """Every column that something is asked of, as a query that returns these names has it."""
        named = [*self.nulls, *self.ranges, *(name for names in self.unique for name in names)]
        return sorted({*named, *([self.freshness.found_in(returned)] if self.freshness else [])})

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, where: str) -> Expectations | None:
        """Read `expect` of a specification, None without; raises UserError when it is wrong."""
        asked = document.get("expect")
        if not asked:
            return None
        if not isinstance(asked, dict) or not set(asked) <= set(_KNOWN):
            raise UserError(f"{where}: expect may have {', '.join(_KNOWN)}; deploy the matching image.")
        try:
            found = _build(cls, asked, document)
        except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
            raise UserError(
                f"{where}: expect is not as docs/reference/contracts.md has it ({error})."
            ) from None
        if (document.get("format") or {}).get("passthrough") and found.columns:
            raise UserError(f"{where}: format.passthrough looks at no value; expect only rows of it.")
        _check_parts(found, document.get("partitions"), where=where)
        return found


def _build(cls: type[Expectations], asked: dict[str, Any], document: Mapping[str, Any]) -> Expectations:
    rows = asked.get("rows") or {}
    if unknown := sorted(set(rows) - {"min", "max", "change"}):
        raise ValueError(f"rows has no {unknown[0]}")
    least, most, change = _count(rows.get("min")), _count(rows.get("max")), rows.get("change")
    if least is not None and most is not None and least > most:
        raise ValueError(f"rows has min {least}, which is more than max {most}")
    on_failure = asked.get("on_failure", "fail")
    if on_failure not in ON_FAILURE:
        raise ValueError(f"on_failure is {on_failure!r}")
    return cls(
        least_rows=least,
        most_rows=most,
        most_change=None if change is None else share(change),
        nulls={str(name): _part(value) for name, value in (asked.get("nulls") or {}).items()},
        unique=_unique(asked.get("unique") or []),
        ranges={str(name): _range(bounds) for name, bounds in (asked.get("range") or {}).items()},
        freshness=_freshness(asked.get("freshness"), document),
        on_failure=on_failure,
    )


def share(value: object) -> Decimal:
    """`0.01`, or `"1%"`, as a share."""
    text = str(value).strip()
    found = Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)
    if not found.is_finite() or found < 0:
        raise ValueError(f"{value!r} is no share of rows")
    return found


def _part(value: object) -> Decimal:
    found = share(value)
    if found > 1:
        raise ValueError(f"{value!r} is more than all rows; write a share as 0.01 or 1%")
    return found


def _unique(asked: object) -> tuple[tuple[str, ...], ...]:
    # A text is a list of letters to Python, each of which would be taken for a column.
    if not isinstance(asked, list):
        raise ValueError("unique is a list of columns, or of lists of columns")
    keys = [[names] if isinstance(names, str) else names for names in asked]
    for names in keys:
        if (
            not isinstance(names, list)
            or not names
            or not all(isinstance(name, str) and name for name in names)
        ):
            raise ValueError(f"unique has {names!r}, which is no column and no list of columns")
    return tuple(tuple(names) for names in keys)


def _count(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError(f"{value!r} is no number of rows")


def seconds(value: object) -> float:
    """`"2d"`, `"36h"`, `"90m"`, `"30s"` in seconds; a number is seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < float("inf"):
            raise ValueError(f"{value!r} is no time span such as 2d or 36h")
        return float(value)
    match = _SPAN.fullmatch(str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is no time span such as 2d or 36h")
    return float(match[1]) * _SECONDS[match[2]]


def _range(bounds: object) -> tuple[Bound, Bound]:
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise ValueError("a range is [least, greatest]")
    low, high = (_bound(bound) for bound in bounds)
    numbers = isinstance(low, Decimal) and isinstance(high, Decimal)
    # ISO 8601 of one form sorts as its texts do.
    alike = isinstance(low, str) and isinstance(high, str) and len(low) == len(high)
    if (numbers or alike) and low > high:  # type: ignore[operator]
        raise ValueError(f"a range is [least, greatest], and {bounds[0]!r} is more than {bounds[1]!r}")
    return low, high


def _bound(value: object) -> Bound:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError("a bound is a number, a date or a time")
    # The digits that were written, and not what binary makes of them.
    return Decimal(repr(value))


def _freshness(value: object, document: Mapping[str, Any]) -> Freshness | None:
    incremental, zone = document.get("incremental_column"), str(document.get("incremental_zone") or "UTC")
    if value is None:
        return None
    if isinstance(value, dict):
        return Freshness(
            column=str(value.get("column") or incremental), within=seconds(value["within"]), zone=zone
        )
    if not incremental:
        raise ValueError("freshness without a column needs incremental_column")
    engine = ENGINES.get(str(document.get("engine")))
    folds = engine is not None and engine.folds
    return Freshness(column=str(incremental), within=seconds(value), zone=zone, folds=folds)


def _check_parts(found: Expectations, partitions: object, *, where: str) -> None:
    if not isinstance(partitions, dict):
        return
    for names in found.unique:
        if partitions.get("column") not in names:
            raise UserError(
                f"{where}: expect.unique of {', '.join(names)} cannot be known of key ranges that are "
                f"read apart; add {partitions.get('column')}, or take `partitions` out."
            )
