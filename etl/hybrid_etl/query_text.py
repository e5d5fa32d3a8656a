"""A query's text, read as its server's scanner reads it: one statement, and where its `:name`s stand.

This file is twice in the repository, equal byte for byte (a test holds them so): the container reads queries
by it, and so does `hybrid validate`, and neither may import the other.

Sources: PostgreSQL's scan.l (comments nest, a line comment ends at CR too, E'' goes on over a line break);
MySQL Reference Manual, "Comments", "String Literals" and "Server SQL Modes".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace

_SPACE = " \t\n\r\f\v"
_COMMON = r"""
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<pair>::|:=)
    |:(?P<name>[A-Za-z_]\w*)
    |(?P<end>;)
    |(?P<other>.)"""
# A literal goes on after a line break, and an E'' keeps its escapes (scan.l, quotecontinue).
_MORE = r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]+|--[^\n\r]*[\n\r])*"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*'"
# Characters of names, said by what is none of ASCII: a class up to the last code point takes 4 ms to compile.
_NO_NAME = r":-@\[-^`{-\x7f"
_FIRST, _TAG, _NEXT = rf"[^\x00-/0-9{_NO_NAME}]", rf"[^\x00-/{_NO_NAME}]", rf"[^\x00-#%-/{_NO_NAME}]"
_FIRST_OF_MYSQL = rf"[^\x00-#%-/0-9{_NO_NAME}]"
_POSTGRESQL = re.compile(
    rf"""(?P<blank>[ \t\n\r\f\v]+|--[^\n\r]*)
    |(?P<block>/\*)
    |(?P<literal>[eE]{_ESCAPED}(?:{_MORE}{_ESCAPED})*|'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<tag>\$(?:{_FIRST}{_TAG}*)?\$)
    |(?P<word>{_FIRST}{_NEXT}*)
    |(?P<placeholder>\$\d+){_COMMON}""",
    re.VERBOSE | re.DOTALL,
)


def _mysql(*, mariadb: bool, ansi_quotes: bool, backslashes: bool) -> re.Pattern[str]:
    single = _ESCAPED if backslashes else "'(?:[^']|'')*'"
    double = single.replace("'", '"') if not ansi_quotes else '"(?:[^"]|"")*"'
    return re.compile(
        rf"""(?P<blank>[ \t\n\r\f\v]+|--(?=[\x00-\x20\x7f]|\Z)[^\n]*|\#[^\n]*)
        |(?P<opening>/\*{"M?" if mariadb else ""}!\d*)
        |(?P<block>/\*)
        |(?P<closing>\*/)
        |(?P<literal>{single}{"" if ansi_quotes else "|" + double})
        |(?P<quoted>`(?:[^`]|``)*`{"|" + double if ansi_quotes else ""})
        |(?P<word>{_FIRST_OF_MYSQL}{_NEXT}*)
        |(?P<placeholder>\?){_COMMON}""",
        re.VERBOSE | re.DOTALL,
    )


#: Words that a value follows; all others end one, so that a colon after them in `a[x:y]` is a slice's.
_BEFORE_VALUES = {
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "distinct",
    "else",
    "except",
    "filter",
    "from",
    "having",
    "ilike",
    "in",
    "intersect",
    "is",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "select",
    "similar",
    "some",
    "then",
    "to",
    "union",
    "using",
    "values",
    "when",
    "where",
}


class QueryTextError(ValueError):
    """What is wrong with a query's text, as a clause that goes on after "The query "."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a parameter stands in the text; `listed` is directly within `in (…)` or `array[…]`.

    `whole` is all that an `in (…)` holds.
    """

    name: str
    start: int
    end: int
    listed: bool
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement without what ends it, and its parameters in order."""

    text: str
    places: list[Place]


def read(
    query: str,
    *,
    dialect: str,
    known: Collection[str] = (),
    ansi_quotes: bool = False,
    backslashes: bool = True,
) -> Statement:
    """Find the statement and every `:name` outside of literals, names and comments.

    `known` are the names that have values: `a[:n]` is a slice up to column n unless n is one of them.
    `ansi_quotes` and `backslashes` are MySQL's modes ANSI_QUOTES and (the opposite of) NO_BACKSLASH_ESCAPES.
    Raises QueryTextError for text that holds no statement, more than one, or something that never ends.
    """
    if "\x00" in query:
        raise QueryTextError("holds a NUL character, at which the database would stop reading; take it out")
    return _Scan(query, dialect, known, ansi_quotes=ansi_quotes, backslashes=backslashes).statement()


def tokens(query: str, *, dialect: str) -> list[tuple[str, str]]:
    """Kind and text of each token of a statement, less blanks, comments and what ends it.

    Raises QueryTextError as `read` does.
    """
    scan = _Scan(read(query, dialect=dialect).text, dialect, (), ansi_quotes=False, backslashes=True)
    found, position = [], 0
    while position < len(scan.query) and (match := scan.pattern.match(scan.query, position)):
        kind = str(match.lastgroup)
        end = scan._end_of(match, kind)
        if kind not in ("blank", "block"):
            found.append((kind, scan.query[position:end]))
        position = end
    return found


@dataclass
class _Bracket:
    sign: str
    kind: str  # "list", "array", "subscript" or ""


@dataclass
class _Scan:
    query: str
    dialect: str
    known: Collection[str]
    ansi_quotes: bool = field(kw_only=True)
    backslashes: bool = field(kw_only=True)

    def __post_init__(self) -> None:
        self.nested = self.dialect == "postgresql"
        self.pattern = (
            _POSTGRESQL
            if self.nested
            else _mysql(
                mariadb=self.dialect == "mariadb", ansi_quotes=self.ansi_quotes, backslashes=self.backslashes
            )
        )
        self.places: list[Place] = []
        self.brackets: list[_Bracket] = []
        #: The token before: its kind, its text in lower case, its end.
        self.kind, self.word, self.ended = "", "", 0
        self.open_comment = False
        self.first: int | None = None
        self.stop: int | None = None

    def statement(self) -> Statement:
        position = 0
        while position < len(self.query):
            match = self.pattern.match(self.query, position)
            if match is None:
                break  # never: `other` is any character
            kind = str(match.lastgroup)
            end = self._end_of(match, kind)
            if kind not in ("blank", "block"):
                self._take(match, kind, end)
            position = end
        if self.open_comment:
            raise QueryTextError("holds a comment that never ends: /*! without */")
        if self.first is None:
            raise QueryTextError("holds no statement, only comments; write a select")
        begin = len(self.query) - len(self.query.lstrip(_SPACE))
        text = self.query[begin : self.stop].rstrip(_SPACE)
        places = [replace(place, start=place.start - begin, end=place.end - begin) for place in self.places]
        return Statement(text=text, places=places)

    def _end_of(self, match: re.Match[str], kind: str) -> int:
        if kind == "block":
            return self._end_of_comment(match.end())
        if kind == "tag":
            end = self.query.find(match.group(), match.end())
            if end < 0:
                raise QueryTextError(f"holds a text that never ends: {match.group()} is there once")
            return end + len(match.group())
        return match.end()

    def _end_of_comment(self, position: int) -> int:
        depth = 1
        for sign in re.compile(r"/\*|\*/").finditer(self.query, position):
            depth += -1 if sign.group() == "*/" else 1 if self.nested else 0
            if depth == 0:
                return sign.end()
        raise QueryTextError("holds a comment that never ends: /* without */")

    def _take(self, match: re.Match[str], kind: str, end: int) -> None:
        text = match.group()
        if kind == "end":
            self.stop = match.start() if self.stop is None else self.stop
            if self.first is None:
                raise QueryTextError("begins with a semicolon; take it out")
            return
        if self.stop is not None:
            raise QueryTextError("holds two statements; a pipeline reads the rows of one: keep one of them")
        if kind == "placeholder":
            raise QueryTextError(f"holds {text}, which stands for no value here; write a parameter, :name")
        if kind == "other" and text in "'\"`" and (text != "`" or not self.nested):
            raise QueryTextError(f"holds a text or a name that never ends: {text} is not closed")
        if kind in ("opening", "closing"):
            self._executable(kind)
            return
        self.first = match.start() if self.first is None else self.first
        if kind == "name" and self._is_parameter(match):
            kind = "parameter"
            self._add(match)
        elif text in ("(", "[", ")", "]"):
            self._bracket(text)
        elif kind == "word" and text.lower() in ("select", "with") and self.brackets and self.word == "(":
            self.brackets[-1].kind = ""
        self._check_list_goes_on(text)
        self.kind, self.word, self.ended = kind, text.lower(), end

    def _executable(self, kind: str) -> None:
        """MySQL runs what stands in /*! … */, or skips it by its version."""
        if kind == "opening":
            self.open_comment = True
        elif self.open_comment:
            self.open_comment = False

    def _is_parameter(self, match: re.Match[str]) -> bool:
        if self.open_comment:
            raise QueryTextError(
                f"names {match.group()} within /*! … */, which some versions skip; write it outside"
            )
        if not self.nested:
            return True
        ends_value = self.word in (")", "]") or self.kind in ("number", "literal", "tag", "parameter")
        names = self.kind == "quoted" or (self.kind in ("word", "name") and self.word not in _BEFORE_VALUES)
        within = bool(self.brackets) and self.brackets[-1].kind == "subscript"
        if ends_value or (names and (within or self.ended == match.start())):
            return False  # a[1:n], json_object('k':v): two values never stand side by side
        return not (within and self.word == "[") or match.group("name") in self.known

    def _add(self, match: re.Match[str]) -> None:
        within = bool(self.brackets) and self.brackets[-1].kind in ("list", "array")
        self.places.append(
            Place(
                name=match.group("name"),
                start=match.start(),
                end=match.end(),
                listed=within and self.word in ("(", "[", ","),
                whole=within and self.brackets[-1].kind == "list" and self.word == "(",
            )
        )

    def _check_list_goes_on(self, text: str) -> None:
        """A parameter is an element only when the list ends after it, or the next element begins."""
        if self.kind != "parameter" or not self.places[-1].listed:
            return
        last = self.places[-1]
        listed, whole = text in (",", ")", "]"), last.whole and text == ")"
        self.places[-1] = replace(last, listed=listed, whole=whole)

    def _bracket(self, sign: str) -> None:
        if sign in (")", "]"):
            if self.brackets:
                self.brackets.pop()
            return
        kind = ""
        if sign == "(":
            kind = "list" if self.word == "in" and self.kind == "word" else ""
        elif (self.word == "array" and self.kind == "word") or (
            self.word in ("[", ",") and self.brackets and self.brackets[-1].kind == "array"
        ):
            kind = "array"
        else:
            kind = "subscript"
        self.brackets.append(_Bracket(sign, kind))
