"""What a query's own text says of its result: that it reads, and the names of plain columns.

Plain is a list of names, of names cast, and of anything with an alias. Of every other list only the database
knows the names, so nothing is told of it here; the container does when the query runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from hybrid.estate.query_text import QueryTextError, tokens

Token = tuple[str, str]

#: Words that a statement of rows begins with (PostgreSQL documentation, "COPY"; MySQL Reference Manual,
#: "SELECT Statement").
_READS = ("select", "with", "values", "table")

#: What may begin the statement that follows a `with` (PostgreSQL documentation, "WITH Queries").
_AFTER_WITH = (*_READS[:1], *_READS[2:], "insert", "update", "delete", "merge", "replace")

#: Between SELECT and its list (MySQL Reference Manual, "SELECT Statement").
_MODIFIERS = {
    "all", "distinct", "distinctrow", "high_priority", "straight_join", "sql_no_cache", "sql_cache",
    "sql_small_result", "sql_big_result", "sql_buffer_result", "sql_calc_found_rows",
}  # fmt: skip
_ENDS_LIST = {
    "from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "for", "into",
    "union", "except", "intersect", "minus", "procedure", "lock",
}  # fmt: skip
#: Words that look like a name and are a value, whose column the database names.
_VALUES = {"null", "true", "false", "default"}
#: Words between values, before one, and behind one, that make another value of them.
_OPERATORS = {"and", "or", "is", "in", "like", "ilike", "at", "collate", "between", "similar"}
_PREFIXES = {"not", "binary", "array", "exists", "prior", "row", "case"}
_SUFFIXES = {"isnull", "notnull", "end", "over", "unknown"}


def fault_of_statement(query: str, *, dialect: str) -> str | None:
    """Why a query's statement gives no rows, as a clause that goes on after its key; None where it does.

    Nothing is said of a text that is no statement at all, nor of one that begins in MySQL's `/*! … */`.
    """
    word = _main_word(query, dialect=dialect)
    if word is None or word in _READS:
        return None
    meant = difflib.get_close_matches(word, _READS, n=1, cutoff=0.8)
    remedy = (
        f"did you mean `{meant[0]}`?"
        if meant
        else "a pipeline reads the rows of a select, and changes nothing"
    )
    return f"is no select but `{word} …`; {remedy}"


def columns_of(query: str, *, dialect: str) -> list[str] | None:
    """Names of a query's columns, in order, as the database gives them; None where its text does not say."""
    found = _tokens(query, dialect=dialect)
    if found is None or any(kind in ("opening", "closing") for kind, _ in found):
        return None
    flat = list(_at_depth(found))
    begin = next((index for index, (kind, text) in flat if _is(kind, text, "select")), None)
    if begin is None or _main_word(query, dialect=dialect) != "select":
        return None
    names = []
    for item in _items(found[begin + 1 :]):
        name = _name(item, dialect=dialect)
        if name is None:
            return None
        names.append(name)
    return names or None


def _tokens(query: str, *, dialect: str) -> list[Token] | None:
    try:
        return tokens(query, dialect=dialect)
    except QueryTextError:
        return None


def _main_word(query: str, *, dialect: str) -> str | None:
    """The word that says what the statement does, behind brackets and behind what a `with` names."""
    found = _tokens(query, dialect=dialect)
    while found and found[0][1] == "(":
        found = found[1:]
    if not found or found[0][0] in ("opening", "closing"):
        return None
    kind, text = found[0]
    if not _is(kind, text, "with"):
        return text.lower()
    words = [text.lower() for _, (kind, text) in _at_depth(found) if kind == "word"]
    return next((word for word in words if word in _AFTER_WITH), None)


def _at_depth(found: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """The tokens outside of all brackets, with their index."""
    depth = 0
    for index, (kind, text) in enumerate(found):
        depth -= text in (")", "]")
        if depth == 0:
            yield index, (kind, text)
        depth += text in ("(", "[")


def _items(rest: Sequence[Token]) -> Iterator[list[Token]]:
    """The entries of a select list, from behind `select`."""
    item: list[Token] = []
    depth = 0
    for kind, text in rest:
        depth += (text in ("(", "[")) - (text in (")", "]"))
        if depth < 0 or (depth == 0 and kind == "word" and text.lower() in _ENDS_LIST):
            break
        if depth == 0 and text == ",":
            yield item
            item = []
        elif item or kind != "word" or text.lower() not in _MODIFIERS:
            item.append((kind, text))
    yield item


def _name(item: Sequence[Token], *, dialect: str) -> str | None:
    if len(item) >= 3 and _is(*item[-2], "as"):
        return _identifier(item[-1], dialect=dialect)
    path = _path(item)
    if not item or path == len(item):
        return _identifier(item[-1], dialect=dialect) if item else None
    if _is_alias(item, path=path):
        return _identifier(item[-1], dialect=dialect)
    if dialect == "postgresql" and path and item[path][1] == "::" and _is_cast(item[path:]):
        return _identifier(item[path - 1], dialect=dialect)
    return None


def _is_alias(item: Sequence[Token], *, path: int) -> bool:
    """Whether the last word is the name of what stands before it, without an `as`: `t.a b`, `count(*) n`."""
    if len(item) < 2:
        return False
    before, last = item[-2], item[-1]
    follows = before[1] == ")" or (path == len(item) - 1 and before[1].lower() not in _PREFIXES)
    return follows and last[0] in ("word", "quoted") and last[1].lower() not in _SUFFIXES


def _path(item: Sequence[Token]) -> int:
    """How many tokens of an entry are `name`, `t.name` or `s.t.name`, 0 for none."""
    end = 0
    while end < len(item) and item[end][0] in ("word", "quoted"):
        if end + 2 < len(item) and item[end + 1][1] == ".":
            end += 2
        else:
            return end + 1
    return 0


def _is_cast(rest: Sequence[Token]) -> bool:
    """Whether `::type` is all that follows: an operator behind it would name the column otherwise."""
    of_a_type = all(kind in ("pair", "word", "number") or text in "()[]," for kind, text in rest)
    return of_a_type and not any(kind == "word" and text.lower() in _OPERATORS for kind, text in rest)


def _identifier(token: Token, *, dialect: str) -> str | None:
    kind, text = token
    if kind == "quoted":
        return text[1:-1].replace(text[0] * 2, text[0])
    if kind != "word" or text.lower() in _VALUES:
        return None
    # Letters outside of ASCII are folded as the database's locale says, which is not known here.
    if dialect == "postgresql":
        return text.lower() if text.isascii() else None
    return text


def _is(kind: str, text: str, word: str) -> bool:
    return kind == "word" and text.lower() == word
