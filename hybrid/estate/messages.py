"""What pydantic refused, as sentences: what stands in the file, and what would be right."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from hybrid.estate.document import Finding
from hybrid.estate.document import Path as KeyPath
from hybrid.estate.forms import form_in_words
from hybrid.estate.model_keys import model_at
from hybrid.estate.site_kinds import KINDS
from hybrid.estate.suggestion import suggestion

#: Kinds of pydantic's errors about a type → what the key takes, in words.
_TYPES = {
    "string": "a text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "list": "a list", "dict": "keys with values", "model": "keys with values", "date": "a date, 2026-01-31",
    "model_attributes": "keys with values",
}  # fmt: skip
#: Ends of those kinds that mean the type: `int_type`, `int_parsing`, `date_from_datetime_parsing`, …
_OF_A_TYPE = ("_type", "_parsing", "_from_float", "_parsing_size", "_from_datetime_inexact")
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
#: Texts longer than this are not repeated: the line is named.
_LONGEST_QUOTE = 60


def sentences(errors: Iterable[ErrorDetails], data: Any) -> list[Finding]:
    """One sentence for each thing that is wrong, with its path in the file.

    Where a key takes one of several types, pydantic tells an error for each; here they are one.
    """
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    unions: dict[KeyPath, KeyPath] = {}
    for details in errors:
        path, union = _path(details, data)
        by_path.setdefault(path, []).append(details)
        if union is not None:
            unions[path] = union
    found = []
    for path, here in by_path.items():
        # Of a list that may be a text, too, only what is wrong in the list is of use.
        within = [other for other in unions if other != path and other[: len(path)] == path]
        if any(unions[other] == unions.get(path) for other in within):
            continue
        if path in unions and len(here) > 1:
            found.append((path, _of_several(here)))
        else:
            found += [(path, _sentence(details, path)) for details in here]
    return found


def _path(details: ErrorDetails, data: Any) -> tuple[KeyPath, KeyPath | None]:
    """The path in the file, and the part of it up to where one of several types was to be chosen.

    pydantic's own has marks for a union's member and for a mapping's key, which no file has.
    """
    path: list[str | int] = []
    union: KeyPath | None = None
    value, location = data, details["loc"]
    for index, part in enumerate(location):
        if _has(value, part):
            path.append(part)
            value = value[part]
        elif index == len(location) - 1 and details["type"] in ("missing", "extra_forbidden"):
            path.append(part)
        elif part != "[key]" and not (path[:1] == ["sites"] and part in KINDS) and union is None:
            union = tuple(path)
    return tuple(path), union


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _sentence(details: ErrorDetails, path: KeyPath) -> str:
    kind, given = details["type"], details["input"]
    context: dict[str, Any] = details.get("ctx", {})
    if kind == "extra_forbidden":
        model = model_at(details["loc"][:-1])
        return f"unknown key; {suggestion(str(path[-1]), model.model_fields if model else ())}"
    if kind in ("string_pattern_mismatch", "literal_error", "enum"):
        return _no_such_word(kind, given, context)
    if _type_of(kind):
        return _of_several([details])
    return _size(kind, given, context) or _OTHERS.get(kind) or details["msg"].removeprefix("Value error, ")


_OTHERS = dict.fromkeys(
    ("union_tag_invalid", "union_tag_not_found"),
    "`kind` says what a site is: "
    + " or ".join(f"`{name}` ({kind.summary})" for name, kind in KINDS.items()),
) | {"missing": "this key is missing"}


def _no_such_word(kind: str, given: object, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return f"`{_quoted(given)}` does not fit; write it as {form_in_words(context['pattern'])}"
    return f"`{_quoted(given)}` is not one of {context['expected']}{_meant(given, context['expected'])}"


def _size(kind: str, given: Any, context: Mapping[str, Any]) -> str:
    """Of a number that is too small or too great, and of a text or a list that is too short or too long."""
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"is {_described(given)}; it takes {words} {context[key]}"
    if not kind.endswith(("too_short", "too_long")):
        return ""
    least = "at least" if kind.endswith("too_short") else "at most"
    size = context["min_length"] if kind.endswith("too_short") else context["max_length"]
    what = "characters" if kind.startswith("string") else "entries"
    return f"has {len(given)} {what}; it takes {least} {size}"


def _meant(given: object, expected: str) -> str:
    """The nearest of the words that pydantic lists as `'a', 'b' or 'c'`."""
    words = expected.split("'")[1::2]
    near = suggestion(str(given), words) if words else ""
    return f"; {near}" if near.startswith("did you mean") else ""


def _of_several(details: Sequence[ErrorDetails]) -> str:
    """What a key takes, where it takes one of these types, or one of no other kind."""
    given = details[0]["input"]
    others = [one for one in details if not _type_of(one["type"])]
    if others:
        return _sentence(others[0], ())
    takes = list(dict.fromkeys(_TYPES[_type_of(one["type"])] for one in details))
    if isinstance(given, bool | int | float | datetime.date) and takes == ["a text"]:
        return f"is {_described(given)} to YAML, and the key takes a text; put it into quotes"
    if isinstance(given, datetime.date) and "a text" in takes:
        return f"is {_described(given)} to YAML; put it into quotes: '{given.isoformat()}'"
    if "a number" in takes and "a whole number" in takes:
        takes.remove("a whole number")
    return f"is {_described(given)}; it takes {_listed(takes)}"


def _listed(takes: Sequence[str]) -> str:
    if len(takes) == 1:
        return takes[0]
    comma = "," if len(takes) > 2 else ""
    return f"{', '.join(takes[:-1])}{comma} or {takes[-1]}"


def _type_of(kind: str) -> str:
    """The type of a kind of error such as `int_parsing`, an empty text where it is of another sort."""
    for end in _OF_A_TYPE:
        name = kind.removesuffix(end)
        if name != kind and name in _TYPES:
            return name
    return "date" if kind.startswith("date_from") else ""


def _described(value: object) -> str:
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, datetime.date):
        return f"the date {value.isoformat()}"
    return f"`{_quoted(value)}`"


def _quoted(value: object) -> str:
    text = str(value).strip()
    first = text.splitlines()[0] if text else ""
    return text if len(text) <= _LONGEST_QUOTE and first == text else f"{first[:_LONGEST_QUOTE]}…"
