"""Of which JSON kind the values of a specification are, before anything is made of them.

The same as contracts/schemas/specification.schema.json says; a container has no validator of schemas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hybrid_etl.errors import UserError

#: What no number of a specification reaches.
_MOST = 2**63


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _objects(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


_KINDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "parameters": (_object, "an object"),
    "format": (_object, "an object"),
    "limits": (_object, "an object"),
    "expect": (_object, "an object"),
    "masks": (_objects, "an object of objects"),
    "partition_by": (_texts, "a list of texts"),
    "columns": (_texts, "a list of texts"),
    "incremental_zone": (_text, "a text"),
    "incremental_unit": (_text, "a text"),
    "incremental_format": (_text, "a text"),
    "incremental_nulls": (_text, "a text"),
    "encoding": (_text, "a text"),
    "select_star": (_truth, "true or false"),
    "settle": (_seconds, "a number of seconds, at least 0"),
    "settle_wait": (_seconds, "a number of seconds, at least 0"),
    "target_file_bytes": (_count, "a positive number of bytes"),
    "most_rows": (_count, "a number of rows, at least 1"),
}

#: Keys whose values are judged where they are read.
_OTHERS = (
    "version", "estate", "site", "source", "pipeline", "engine", "query", "prefix", "incremental_column",
    "on_drift", "partitions", "unrepresentable", "decimal_width", "row_security",
)  # fmt: skip

#: Every key of a specification.
KNOWN = frozenset({*_KINDS, *_OTHERS})

_LIMITS = ("statement_timeout_seconds", "lock_timeout_seconds", "bytes_per_second", "connections")


def read_object(content: bytes | str, *, what: str, then: str) -> dict[str, Any]:
    """The JSON object of a text.

    Args:
        content: the text.
        what: what it is, as the message begins.
        then: what to do when it is none, as the message ends.

    Raises:
        UserError: it is no JSON, nested beyond reading, or no object. The message holds none of it.
    """
    try:
        document = json.loads(content)
    except RecursionError:
        raise UserError(f"{what} is nested too deeply to be read; {then}") from None
    except ValueError as error:
        position = (
            f", line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise UserError(f"{what} is not JSON ({type(error).__name__}{position}); {then}") from None
    if not isinstance(document, dict):
        raise UserError(f"{what} is not a JSON object; {then}")
    return document


def check_kinds(document: Mapping[str, Any], *, where: str) -> None:
    """Raise UserError for the first value that is of another kind; null counts as left out.

    A key that this container does not know may be what hides a column: it never runs as if it were not there.
    """
    for key in sorted(document.keys() - KNOWN):
        if document[key] is not None:
            raise UserError(
                f"{where}: {_shown(key)} is unknown to this container; deploy the matching image."
            )
    for key, (is_kind, words) in _KINDS.items():
        value = document.get(key)
        if value is not None and not is_kind(value):
            raise UserError(f"{where}: {key} is {_shown(value)}; it must be {words}.")
    for key in _LIMITS:
        value = (document.get("limits") or {}).get(key)
        if value is not None and not _seconds(value):
            raise UserError(
                f"{where}: limits.{key} is {_shown(value)}; it must be a number of at least 0, or null."
            )


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < _MOST else "too large a number"
    return text if len(text) <= 80 else f"{text[:80]}…"
