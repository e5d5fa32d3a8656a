"""Named parameters of a query: `:name` found outside of strings, comments and casts, then numbered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hybrid_etl.engines import ENGINES
from hybrid_etl.engines.engine import Engine
from hybrid_etl.errors import UserError
from hybrid_etl.incremental import Bounds
from hybrid_etl.interval import Interval
from hybrid_etl.partitions import KeyRange
from hybrid_etl.query_text import Place, QueryTextError, Statement, read
from hybrid_etl.text_encoding import UTF8

MOST_VALUES = 65_535
"""Parameters of a statement: both protocols number them in two bytes."""
Value = str | int | float | bool | None
Parameter = Value | list[Value]


@dataclass(frozen=True, kw_only=True)
class BoundQuery:
    """A query cut at its parameters: `pieces` has one text more than `uses`, which number into `values`.

    `names` are those of the values; a list has as many values of one name as elements. `encoding` is
    that of the database's text, where the server itself converts none. `lists` has, for the first use of a
    list that is all of an `in (…)`, the number of its elements.
    """

    pieces: list[str]
    uses: list[int]
    names: list[str]
    values: list[Value]
    encoding: str = UTF8
    lists: Mapping[int, int] = field(default_factory=dict)

    def render(
        self, place: Callable[[int], str], *, of_list: Callable[[list[int]], str | None] | None = None
    ) -> str:
        """The query's text with what `place` gives for each parameter's number (from 0).

        `of_list` gives the text for all elements of a list at once, or None to have them one by one.
        """
        text, index = [self.pieces[0]], 0
        while index < len(self.uses):
            count = self.lists.get(index, 0)
            whole = of_list(self.uses[index : index + count]) if of_list and count else None
            if whole is None:
                text += [place(self.uses[index]), self.pieces[index + 1]]
                index += 1
            else:
                text += [whole, self.pieces[index + count]]
                index += count
        return "".join(text)


@dataclass(frozen=True, kw_only=True)
class Syntax:
    """What the meaning of a query's quotes hangs on; the two modes are MySQL's, of the session."""

    dialect: str
    ansi_quotes: bool = False
    backslashes: bool = True

    @classmethod
    def of_sql_mode(cls, dialect: str, sql_mode: str) -> Syntax:
        """The syntax of a MySQL or MariaDB session, from its `@@sql_mode`."""
        modes = sql_mode.upper().split(",")
        return cls(
            dialect=dialect,
            ansi_quotes="ANSI_QUOTES" in modes,
            backslashes="NO_BACKSLASH_ESCAPES" not in modes,
        )


def limit_rows(
    query: str,
    *,
    bounds: Bounds | None,
    part: KeyRange | None,
    engine: Engine,
    syntax: Syntax | None = None,
    most: int | None = None,
) -> str:
    """Limit a query to the interval and the key range of a run, each by one of its columns, and to `most`
    rows of what is left.

    `syntax` is that of the engine by default. The bounds are literals
    that were made of times and of whole numbers of the specification, so they stand in the text: the
    database's planner sees them.
    """
    limits = []
    if bounds is not None:
        limits.append(bounds.condition(_quoted(bounds.column, engine.quote)))
    if part is not None:
        limits.append(part.condition(_quoted(part.column, engine.quote)))
    if not limits and most is None:
        return query
    syntax = syntax or Syntax(dialect=engine.dialect)
    where = f" where {' and '.join(limits)}" if limits else ""
    # Outside of the condition: within, it would give the table's first rows, and not the interval's.
    limit = "" if most is None else f" limit {most}"
    return f"select * from (\n{_read(query, syntax).text}\n) q{where}{limit}"


def choose_columns(
    query: str, columns: tuple[str, ...], *, engine: Engine, syntax: Syntax | None = None
) -> str:
    """The query with the columns of the allow-list and no other."""
    if not columns:
        return query
    syntax = syntax or Syntax(dialect=engine.dialect)
    names = ", ".join(_quoted(name, engine.quote) for name in columns)
    return f"select {names} from (\n{_read(query, syntax).text}\n) chosen"


def count_nulls(
    query: str, column: str, *, engine: Engine, syntax: Syntax | None = None, least: str | None = None
) -> str:
    """SQL that counts the query's rows with NULL in the column, or with less than the literal `least`."""
    syntax = syntax or Syntax(dialect=engine.dialect)
    text = _read(query, syntax).text
    name = _quoted(column, engine.quote)
    less = f" or {name} < {least}" if least else ""
    return f"select count(*) from (\n{text}\n) q where {name} is null{less}"


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, quote * 2) + quote


def _read(query: str, syntax: Syntax, known: Mapping[str, Parameter] | None = None) -> Statement:
    try:
        return read(
            query,
            dialect=syntax.dialect,
            known={"from", "to", *(known or ())},
            ansi_quotes=syntax.ansi_quotes,
            backslashes=syntax.backslashes,
        )
    except QueryTextError as error:
        raise UserError(f"The query {error}.") from None


def names_interval(query: str, *, engine: str) -> bool:
    """Whether a query names `:from` or `:to`."""
    try:
        statement = read(query, dialect=ENGINES[engine].dialect, known={"from", "to"})
    except QueryTextError:
        return False  # it is refused where it is bound
    return any(place.name in ("from", "to") for place in statement.places)


def bind(
    query: str,
    parameters: Mapping[str, Parameter],
    interval: Interval | None,
    *,
    engine: str,
    syntax: Syntax | None = None,
    encoding: str | None = None,
) -> BoundQuery:
    """Find every `:name`; values travel apart from the text and are never pasted into it.

    A list becomes as many parameters as it has elements. Raises UserError for text that is not one statement,
    a name without a value, a list anywhere but in `in (…)` or `array[…]`, and for `:from` and `:to` in a run
    without an interval.
    """
    facts = ENGINES[engine]
    statement = _read(query, syntax or Syntax(dialect=facts.dialect), parameters)
    pieces: list[str] = []
    uses: list[int] = []
    names: list[str] = []
    values: list[Value] = []
    numbers: dict[str, range] = {}
    lists: dict[int, int] = {}
    end = 0
    for place in statement.places:
        if place.name not in numbers:
            found = _values(place.name, parameters, interval, engine=facts)
            numbers[place.name] = range(len(values), len(values) + len(found))
            values += found
            names += [place.name] * len(found)
        _check_list(place, parameters)
        pieces.append(statement.text[end : place.start])
        pieces += [", "] * (len(numbers[place.name]) - 1)
        if place.whole and isinstance(parameters.get(place.name), list):
            lists[len(uses)] = len(numbers[place.name])
        uses += numbers[place.name]
        end = place.end
    pieces.append(statement.text[end:])
    count = len(values if facts.parameters == "numbered" else uses)
    if count > MOST_VALUES:
        raise UserError(
            f"The query has {count} values of parameters, and the database takes {MOST_VALUES} at most; join "
            "with a table that holds them."
        )
    return BoundQuery(
        pieces=pieces, uses=uses, names=names, values=values, encoding=encoding or UTF8, lists=lists
    )


def _check_list(place: Place, parameters: Mapping[str, Parameter]) -> None:
    if isinstance(parameters.get(place.name), list) and not place.listed:
        raise UserError(
            f"The query uses :{place.name} as one value, but it is a list; write it as in (:{place.name})."
        )


def _values(
    name: str, parameters: Mapping[str, Parameter], interval: Interval | None, *, engine: Engine
) -> list[Value]:
    found = _value(name, parameters, interval, engine=engine)
    values = found if isinstance(found, list) else [found]
    if not values:
        raise UserError(
            f"Parameter {name} is an empty list, with which `not in` would match no row at all; "
            "give it an element, or take the condition out."
        )
    if not engine.nul and any(isinstance(value, str) and "\x00" in value for value in values):
        raise UserError(
            f"Parameter {name} holds a NUL character, which texts of {engine.label} cannot; take it out."
        )
    return values


def _value(
    name: str, parameters: Mapping[str, Parameter], interval: Interval | None, *, engine: Engine
) -> Parameter:
    if name in ("from", "to"):
        if interval is None:
            raise UserError(f"The query names :{name}, but the run has no interval; pass --from and --to.")
        instant = interval.start if name == "from" else interval.end
        if engine.zoned:
            return instant.isoformat(sep=" ")
        return instant.replace(tzinfo=None).isoformat(sep=" ")
    if name not in parameters:
        known = ", ".join(sorted(parameters)) or "none"
        raise UserError(
            f"The query names :{name}, which has no value (parameters: {known}); "
            "add it to the pipeline's parameters."
        )
    return parameters[name]


def check_parameters(document: object, *, where: str) -> Mapping[str, Parameter]:
    """The parameters of a specification; raises UserError for what is no value and no list of values."""
    if not isinstance(document, dict):
        raise UserError(f"{where}: parameters must be an object of names and values.")
    for name, value in document.items():
        if isinstance(value, list) and all(isinstance(element, str | int | float) for element in value):
            continue
        if not isinstance(value, str | int | float | bool | None):
            raise UserError(
                f"{where}: parameter {name} must be a text, a number, a boolean, null, or a list of such "
                "without null."
            )
    return document
