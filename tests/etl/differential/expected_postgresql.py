"""PostgreSQL's result as the server writes it: text protocol of libpq, columns by their types' numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from differential import calendar, values
from differential.values import REFUSED, Kind

_SETTINGS = (
    "set timezone to 'UTC'; set intervalstyle to iso_8601; set datestyle to 'ISO'; "
    "set bytea_output to hex; set extra_float_digits to 3"
)
#: Microseconds since 1970 that int64 holds (docs: the year 294246).
_LAST = 2**63 - 1


class Refused(Exception):
    """The server refuses the query."""


def fetch(server: Any, query: str) -> tuple[list[str], list[Kind], list[list[Any]]]:
    """Names, kinds and values (None, REFUSED or as Kind.read has them)."""
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password,
        dbname=server.dbname,
        autocommit=True,
    ) as connection:
        connection.execute(_SETTINGS)
        result = connection.pgconn.exec_(query.encode())
        if result.status != ExecStatus.TUPLES_OK:
            raise Refused(result.error_message.decode())
        width = result.nfields
        names = [(result.fname(n) or b"").decode() for n in range(width)]
        kinds = [_kind(result.ftype(n), result.fmod(n), stored=result.ftable(n) != 0) for n in range(width)]
        rows = []
        for row in range(result.ntuples):
            texts = [result.get_value(row, n) for n in range(width)]
            rows.append(
                [None if t is None else k.read(t.decode()) for k, t in zip(kinds, texts, strict=True)]
            )
        return names, kinds, rows


def _kind(oid: int, modifier: int, *, stored: bool) -> Kind:
    if oid in _ARRAYS:
        return _list(_kind(_ARRAYS[oid], modifier, stored=True))
    if oid == 1700:
        return _numeric(modifier, stored=stored)
    return _PLAIN.get(oid, values.plain("string", "text", str))


def _numeric(modifier: int, *, stored: bool) -> Kind:
    if modifier < 4:
        return values.decimal(38, 18, rounded=not stored)
    precision = (modifier - 4) >> 16 & 0xFFFF
    scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    if precision > 76:
        return values.plain("string", "text", str)
    if precision > 38:
        precision, scale = 38, min(scale, 38)
    return values.decimal(precision, scale)


def _unless_infinite(read: Any) -> Any:
    def reading(text: str) -> Any:
        if "infinity" in text:
            return REFUSED
        found = read(text)
        return REFUSED if found > _LAST else found

    return reading


def _time(text: str) -> Any:
    return REFUSED if text.startswith("24") else calendar.clock(text)


def _money(text: str) -> Any:
    return values.decimal(21, 2).read(text.replace("$", "").replace(",", ""))


_INT = {21: "int16", 23: "int32", 20: "int64", 26: "uint32"}
_PLAIN = {oid: values.plain(arrow, "int", int) for oid, arrow in _INT.items()} | {
    16: values.plain("bool", "bool", lambda text: text == "t"),
    17: values.plain("binary", "binary", lambda text: bytes.fromhex(text[2:])),
    700: values.plain("float", "float", values.single),
    701: values.plain("double", "float", values.number),
    790: replace(values.decimal(21, 2), read=_money),
    1082: values.plain("date32[day]", "date", _unless_infinite(calendar.days)),
    1083: values.plain("time64[us]", "time", _time),
    1114: values.plain("timestamp[us]", "timestamp", _unless_infinite(calendar.instant)),
    1184: values.plain("timestamp[us, tz=UTC]", "timestamp", _unless_infinite(calendar.instant)),
}
_ARRAYS = {
    1000: 16,
    1001: 17,
    1005: 21,
    1007: 23,
    1016: 20,
    1021: 700,
    1022: 701,
    1231: 1700,
    1182: 1082,
    1183: 1083,
    1115: 1114,
    1185: 1184,
    1009: 25,
    1015: 1043,
    2951: 2950,
    3807: 3802,
    199: 114,
}


def _list(element: Kind) -> Kind:
    def read(text: str) -> Any:
        if text.startswith(("[", "{{")):
            return REFUSED
        found = [None if one is None else element.read(one) for one in _elements(text)]
        return REFUSED if REFUSED in found else found

    return Kind(arrow=f"list<element: {element.arrow}>", read=read, family="list", element=element)


def _elements(text: str) -> list[str | None]:
    """`{a,NULL,"b,\\"c"}` as PostgreSQL writes an array of one dimension."""
    found: list[str | None] = []
    at, end = 1, len(text) - 1
    while at < end:
        quoted, word = text[at] == '"', []
        at += quoted
        while at < end and text[at] != ('"' if quoted else ","):
            at += text[at] == "\\"
            word.append(text[at])
            at += 1
        at += 1 + quoted
        one = "".join(word)
        found.append(None if not quoted and one == "NULL" else one)
    return found
