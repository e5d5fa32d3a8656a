"""The column that an interval selects on: its type alone says how it is compared, never an implicit cast.

The reader describes the query first, and the bounds are literals of exactly the column's type. Every bound
is what was *complete* at its instant, in units of the column (a day for a date, a second for DATETIME(0)): a
value belongs to the interval in which its unit ends. So consecutive intervals have every value exactly once,
and none is read before its unit is over (docs/reference/guarantees.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from hybrid_etl.errors import UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval
from hybrid_etl.partitions import KeyRange

UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
"""Microseconds of one unit of an integer column."""
NULLS = ("tell", "ignore")
NULLS_SECONDS = 5.0
"""How long rows with NULL may be counted; without an index on the column that reads the whole table."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIRECTIVES = ("Y", "m", "d", "H", "M", "S", "f")
_LITERAL = re.compile(r"[A-Za-z0-9 \-/:.,_+]*")


class Compared(StrEnum):
    """What a column's values are, as far as an interval is concerned."""

    DATE = "date"
    WALL = "time without zone"
    INSTANT = "time with zone"
    INTEGER = "integer"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class TimeColumn:
    """A described column: `compared` None is a type that has no time to select on.

    `digits` are those of its fraction of a second; `display` is the server's name of its type. Values below
    the literal `least` are zero dates: no more than NULL do they belong to an interval.
    """

    display: str
    compared: Compared | None = None
    digits: int = 6
    nullable: bool = True
    least: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How an engine writes a literal of each type, with `{}` for its text."""

    date: str
    wall: str
    instant: str


POSTGRESQL = Dialect(date="date '{}'", wall="timestamp '{}'", instant="timestamptz '{}+00'")
MYSQL = Dialect(date="date'{}'", wall="timestamp'{}'", instant="timestamp'{}'")
"""A TIMESTAMP is compared in the session's zone, which the reader has set to UTC."""


@dataclass(frozen=True, kw_only=True)
class Incremental:
    """`incremental_column` and what says how to read it: `zone` is an IANA name, for times without one."""

    column: str
    zone: str = "UTC"
    unit: str | None = None
    format: str | None = None
    nulls: str = "tell"

    @classmethod
    def parse(cls, document: dict[str, object], *, where: str) -> Incremental | None:
        """Read the keys `incremental_…` of a specification, None without a column.

        Raises UserError for an unknown zone or unit, and for a format that does not sort as text.
        """
        column = document.get("incremental_column")
        if column is None:
            return None
        if not isinstance(column, str) or not column:
            raise UserError(f"{where}: incremental_column is {column!r}; it must name a column.")
        zone, unit = document.get("incremental_zone") or "UTC", document.get("incremental_unit")
        text, nulls = document.get("incremental_format"), document.get("incremental_nulls", "tell")
        if unit is not None and unit not in UNITS:
            raise UserError(f"{where}: incremental_unit is {unit!r}; it must be one of {', '.join(UNITS)}.")
        if nulls not in NULLS:
            raise UserError(f"{where}: incremental_nulls is {nulls!r}; it must be one of {', '.join(NULLS)}.")
        if text is not None and (fault := format_fault(text, zone=str(zone))):
            raise UserError(f"{where}: incremental_format is {text!r}: {fault}.")
        found = cls(
            column=column,
            zone=str(zone),
            unit=str(unit) if unit else None,
            format=str(text) if text else None,
            nulls=str(nulls),
        )
        time_zone(found.zone)
        return found

    def place(self, names: list[str], *, fold: bool) -> int:
        """Where the column is among those of the query; `fold`: the engine's names have no case.

        Raises UserError where it is not.
        """
        for index, name in enumerate(names):
            if name == self.column or (fold and name.casefold() == self.column.casefold()):
                return index
        raise UserError(
            f"incremental_column {self.column} is no column of the query ({', '.join(names)}); "
            "select it, or name another."
        )

    def bounds(self, column: TimeColumn, interval: Interval | None, dialect: Dialect) -> Bounds:
        """The interval in literals of the column's type.

        Raises UserError for a type without a time, for a key that is missing or not of this type, and for a
        run without an interval.
        """
        self._refuse(column)
        if interval is None:
            raise UserError(
                f"The pipeline reads by {self.column}, but the run has no interval; pass --from and --to."
            )
        start, end = (self._literal(at, column, dialect) for at in (interval.start, interval.end))
        return Bounds(column=self.column, start=None if interval.full else start, end=end)

    def counts_nulls(self, column: TimeColumn, interval: Interval | None, *, part: KeyRange | None) -> bool:
        """Whether the run counts the rows that no interval has; of a run in parts the first one does."""
        first = part is None or part.number == 0
        some = column.nullable or column.least is not None
        return some and self.nulls == "tell" and first and not (interval and interval.full)

    def told(
        self, column: TimeColumn, bounds: Bounds, nulls: int | None, *, counted: bool
    ) -> dict[str, object]:
        """What the receipt says: the bounds as they were compared, and the rows that no interval has."""
        limits = {"from": bounds.start, "to": bounds.end}
        described = {"column": self.column, "type": column.display, "zone": self.zone, **limits}
        return described | ({"nulls": nulls} if counted else {})

    def _refuse(self, column: TimeColumn) -> None:
        what, kind = f"incremental_column {self.column} is {column.display}", column.compared
        if kind is None:
            raise UserError(
                f"{what}, which has no time to select on; name a column of date, timestamp, integer "
                "(with incremental_unit) or text (with incremental_format), or cast it in the query."
            )
        if kind is Compared.INTEGER and self.unit is None:
            raise UserError(
                f"{what}; say what it counts since 1970-01-01 UTC: incremental_unit: {' | '.join(UNITS)}."
            )
        if kind is Compared.TEXT and self.format is None:
            raise UserError(
                f"{what}; say how it is written, as in incremental_format: '%Y-%m-%d %H:%M:%S', "
                "or cast it to a time in the query."
            )
        for key, value, fitting in (
            ("incremental_unit", self.unit, Compared.INTEGER),
            ("incremental_format", self.format, Compared.TEXT),
        ):
            if value is not None and kind is not fitting:
                raise UserError(f"{what}, and {key} is for {fitting.value} columns; take it out.")

    def _literal(self, at: datetime, column: TimeColumn, dialect: Dialect) -> str:
        kind, step = column.compared, 10 ** (6 - column.digits)
        if kind is Compared.INTEGER:
            return str((at - _EPOCH) // timedelta(microseconds=UNITS[self.unit or "seconds"]))
        if kind is Compared.INSTANT:
            return dialect.instant.format(_text(_floor(at.astimezone(UTC), step)))
        try:
            wall = complete_until(at, time_zone(self.zone))
        except OverflowError:
            raise UserError(
                f"The interval has {at.isoformat()}, which is outside of the years 1 to 9999 in {self.zone}; "
                "choose other times for --from and --to."
            ) from None
        if kind is Compared.DATE:
            return dialect.date.format(wall.date().isoformat())
        if kind is Compared.WALL:
            return dialect.wall.format(_text(_floor(wall, step)))
        # The smallest directive of the format is the unit: what is finer is cut, and so rounded down.
        # The year by itself: Linux fills in no zeros of %Y before the year 1000, and texts would not sort.
        return f"'{wall.strftime((self.format or '').replace('%Y', f'{wall.year:04d}'))}'"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """`start` inclusive, `end` exclusive, as literals of SQL; without a start all that there is before."""

    column: str
    start: str | None
    end: str

    def condition(self, name: str) -> str:
        """The interval as SQL, of the column's quoted name; rows without a time belong to a full refresh."""
        if self.start is None:
            return f"({name} < {self.end} or {name} is null)"
        return f"{name} >= {self.start} and {name} < {self.end}"


def say(told: Mapping[str, object] | None) -> None:
    """Lines in the log for what the interval of a run leaves out, from what its receipt says."""
    if told is None:
        return
    column, nulls = told["column"], told.get("nulls", 0)
    if told["from"] == told["to"]:
        emit("info", f"The interval completes no value of {column}: it reads no row.")
    if nulls is None:
        emit("warning", f"Rows with NULL in {column} were not counted within {NULLS_SECONDS:g} s.")
    elif nulls:
        message = f"Rows have NULL in {column}, or a zero date: no interval has them, only a full refresh."
        emit("warning", message, rows=nulls)


def complete_until(at: datetime, zone: tzinfo) -> datetime:
    """The wall time, without a zone, before which every wall time is over at an instant.

    It is the clock's own, except in the first pass of an hour that the clock will show twice: there it stays
    at the begin of that hour until the second pass, so that it never goes back.
    """
    local = at.astimezone(zone)
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    assert first is not None
    assert second is not None
    wall = local.replace(tzinfo=None, fold=0)
    if local.fold or first <= second:
        return wall
    return _second_pass(at, zone, first=first, within=first - second)


def _second_pass(at: datetime, zone: tzinfo, *, first: timedelta, within: timedelta) -> datetime:
    """The wall time at which the clock's second pass begins: a change of the offset after `at`."""
    before, after = at, at + within
    while after - before > timedelta(microseconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == first:
            before = middle
        else:
            after = middle
    return after.astimezone(zone).replace(tzinfo=None, fold=0)


def format_fault(text: object, *, zone: str) -> str | None:
    """Why texts of a format do not sort as their times do, None where they do."""
    if not isinstance(text, str):
        return "it must be a text such as %Y-%m-%d %H:%M:%S"
    pieces = re.split(r"%(.?)", text, flags=re.DOTALL)
    found = tuple(pieces[1::2])
    if not found or found != _DIRECTIVES[: len(found)]:
        return (
            "its texts do not sort as their times; write the greatest first and leave none out, "
            "of %Y %m %d %H %M %S %f, as in %Y-%m-%d %H:%M:%S or %Y%m%d"
        )
    if not all(_LITERAL.fullmatch(piece) for piece in pieces[::2]):
        return "between its directives only letters, digits, spaces and - / : . , _ + may stand"
    if re.search(r"(Z|[+-]\d\d:?\d\d)$", pieces[-1]) and zone != "UTC":
        return f"it ends in a zone of its own, and incremental_zone is {zone}; leave that out"
    if re.search(r"[+-]\d\d:?\d\d$", pieces[-1]) and not re.search(r"[+-]00:?00$", pieces[-1]):
        return "it ends in an offset that is not UTC; leave it out and name the zone in incremental_zone"
    return None


def _floor(at: datetime, step: int) -> datetime:
    return at.replace(microsecond=at.microsecond // step * step)


def _text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def time_zone(name: str) -> tzinfo:
    """The zone of an IANA name; raises UserError where there is none here."""
    if name == "UTC":
        return UTC
    # Not above: most pipelines need no zone but UTC.
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise UserError(
            f"incremental_zone {name!r} is no time zone here; write an IANA name such as Europe/Lisbon."
        ) from None
