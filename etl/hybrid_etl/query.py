"""Named parameters of a query: `:name` found outside of strings, comments and casts, then numbered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hybrid_etl.errors import UserError
from hybrid_etl.incremental import Bounds
from hybrid_etl.interval import Interval
from hybrid_etl.partitions import KeyRange

Value = str | int | float | bool | None

_STRING = r"'(?:[^']|'')*'"
_BACKSLASH_STRING = r"'(?:[^'\\]|\\.|'')*'"
_POSTGRESQL = re.compile(
    rf"""(?P<skip>\b[eE]{_BACKSLASH_STRING}|{_STRING}|"(?:[^"]|"")*"
    |(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)
    |--[^\n]*|/\*.*?\*/|::|:=)
    |:(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)
_MYSQL = re.compile(
    rf"""(?P<skip>{_BACKSLASH_STRING}|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`
    |--[\s][^\n]*|\#[^\n]*|/\*.*?\*/|:=)
    |:(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class BoundQuery:
    """A query cut at its parameters: `pieces` has one text more than `uses`, which number into `values`."""

    pieces: list[str]
    uses: list[int]
    names: list[str]
    values: list[Value]

    def render(self, place: Callable[[int], str]) -> str:
        """The query's text with what `place` gives for each parameter's number (from 0)."""
        text = [self.pieces[0]]
        for use, piece in zip(self.uses, self.pieces[1:], strict=True):
            text += [place(use), piece]
        return "".join(text)


def limit_rows(query: str, *, bounds: Bounds | None, part: KeyRange | None, quote: str) -> str:
    """Limit a query to the interval and the key range of a run, each by one of its columns.

    `quote` is the engine's identifier quote. The bounds are literals that were made of times and of whole
    numbers of the specification, so they stand in the text: the database's planner sees them.
    """
    limits = []
    if bounds is not None:
        limits.append(bounds.condition(_quoted(bounds.column, quote)))
    if part is not None:
        limits.append(part.condition(_quoted(part.column, quote)))
    return f"select * from (\n{trim(query)}\n) q where {' and '.join(limits)}" if limits else query


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, quote * 2) + quote


def trim(query: str) -> str:
    """The query without what would end it: white space and a final semicolon."""
    return query.strip().rstrip(";").rstrip()


def names_interval(query: str, *, engine: str) -> bool:
    """Whether a query names `:from` or `:to`."""
    pattern = _POSTGRESQL if engine == "postgresql" else _MYSQL
    return any(match.group("name") in ("from", "to") for match in pattern.finditer(query))


def bind(
    query: str, parameters: Mapping[str, Value], interval: Interval | None, *, engine: str
) -> BoundQuery:
    """Find every `:name`; values travel apart from the text and are never pasted into it.

    Raises UserError for a name without a value, and for `:from` and `:to` in a run without an interval.
    """
    text = trim(query)
    pieces: list[str] = []
    uses: list[int] = []
    names: list[str] = []
    end = 0
    for match in (_POSTGRESQL if engine == "postgresql" else _MYSQL).finditer(text):
        name = match.group("name")
        if name is None:
            continue
        if name not in names:
            names.append(name)
        uses.append(names.index(name))
        pieces.append(text[end : match.start()])
        end = match.end()
    pieces.append(text[end:])
    values = [_value(name, parameters, interval, engine=engine) for name in names]
    return BoundQuery(pieces=pieces, uses=uses, names=names, values=values)


def _value(name: str, parameters: Mapping[str, Value], interval: Interval | None, *, engine: str) -> Value:
    if name in ("from", "to"):
        if interval is None:
            raise UserError(f"The query names :{name}, but the run has no interval; pass --from and --to.")
        instant = interval.start if name == "from" else interval.end
        if engine == "postgresql":
            return instant.isoformat(sep=" ")
        text = instant.strftime("%Y-%m-%d %H:%M:%S")
        return f"{text}.{instant.microsecond:06d}" if instant.microsecond else text
    if name not in parameters:
        known = ", ".join(sorted(parameters)) or "none"
        raise UserError(
            f"The query names :{name}, which has no value (parameters: {known}); "
            "add it to the pipeline's parameters."
        )
    return parameters[name]
