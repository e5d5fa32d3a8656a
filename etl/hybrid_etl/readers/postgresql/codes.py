"""Every SQLSTATE of PostgreSQL, by what it means for a read: its class decides, or the code itself.

Source: PostgreSQL manual, appendix A.
"""

from __future__ import annotations

from hybrid_etl.readers.error_kinds import ErrorKind

_CLASSES = {
    ErrorKind.USER: "09 0A 0F 0L 0P 10 20 21 22 23 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 42 44 54 55 P0",
    ErrorKind.WAIT: "08 40 72",
    ErrorKind.FAULT: "00 01 02 03 0B 0Z 24 53 57 58 F0 HV XX",
}
_CODES = {
    ErrorKind.USER: "53400 57P04",
    ErrorKind.WAIT: "25P03 25P04 53300 55006 55P03 57000 57014 57P01 57P02 57P03 57P05",
    ErrorKind.FAULT: "08P01 25P02",
}
_BY_CLASS = {name: kind for kind, names in _CLASSES.items() for name in names.split()}
_BY_CODE = {name: kind for kind, names in _CODES.items() for name in names.split()}

TOLD = frozenset(("08", "0A", "21", "25", "28", "2B", "2D", "3D", "3F", "40", "42", "53", "54", "55", "57"))
"""Classes whose messages name only objects and words of the query. Others may quote a value of a row."""


def error_kind(state: str) -> ErrorKind | None:
    """What a SQLSTATE means; None for one that is in no table."""
    return _BY_CODE.get(state) or _BY_CLASS.get(state[:2])
