"""MySQL's and MariaDB's result as the server writes it: PyMySQL's text protocol, without its conversions."""

from __future__ import annotations

from typing import Any

import pymysql

from differential import calendar, values
from differential.values import REFUSED, Kind

_UNSIGNED = 32
_INT = {1: 8, 2: 16, 3: 32, 8: 64, 9: 32}


def fetch(server: Any, query: str) -> tuple[list[str], list[Kind], list[list[Any]]]:
    """Names, kinds and values (None, REFUSED or as Kind.read has them)."""
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password,
        database=server.dbname,
        charset="utf8mb4",
        autocommit=True,
        conv={},
        use_unicode=False,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("set time_zone = '+00:00'")
        cursor.execute(query)
        fields = cursor._result.fields  # type: ignore[union-attr]
        kinds = [_kind(field) for field in fields]
        rows = [
            [
                None if one is None else kind.read(one if _raw(field, kind) else one.decode())
                for field, kind, one in zip(fields, kinds, row, strict=True)
            ]
            for row in cursor.fetchall()
        ]
        return [field.name for field in fields], kinds, rows


def _raw(field: Any, kind: Kind) -> bool:
    return kind.family == "binary" or field.type_code == 16


def _kind(field: Any) -> Kind:
    code, unsigned = field.type_code, bool(field.flags & _UNSIGNED)
    if code in _INT:
        return values.plain(f"{'u' if unsigned else ''}int{_INT[code]}", "int", int)
    if code in (0, 246):
        precision = min(field.length - (field.scale > 0) - (not unsigned), 65)
        return values.decimal(min(precision, 38), min(field.scale, 38))
    if code == 16:
        if field.length == 1:
            return values.plain("bool", "bool", lambda raw: raw != b"\0")
        return values.plain("uint64", "int", lambda raw: int.from_bytes(raw, "big"))
    if code in (15, 249, 250, 251, 252, 253, 254):
        binary = field.charsetnr == 63
        return values.plain("binary", "binary", bytes) if binary else values.plain("string", "text", str)
    return _OTHERS.get(code, values.plain("string", "text", str))


def _date(text: str) -> Any:
    if int(text[5:7]) == 0 or int(text[8:10]) == 0:
        return REFUSED
    found = calendar.days(text)
    return found if _exists(text) else REFUSED


def _exists(text: str) -> bool:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return day <= lengths[month - 1]


def _instant(text: str) -> Any:
    return REFUSED if _date(text[:10]) is REFUSED else calendar.instant(text)


def _time(text: str) -> Any:
    if text.startswith("-") or len(text.partition(":")[0]) > 2 or int(text[:2]) >= 24:
        return REFUSED
    return calendar.clock(text)


_OTHERS = {
    4: values.plain("float", "float", values.single),
    5: values.plain("double", "float", values.number),
    7: values.plain("timestamp[us, tz=UTC]", "timestamp", _instant),
    10: values.plain("date32[day]", "date", _date),
    11: values.plain("time64[us]", "time", _time),
    12: values.plain("timestamp[us]", "timestamp", _instant),
    13: values.plain("int16", "int", int),
}
