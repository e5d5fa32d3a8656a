"""Column types of each engine with random literals, boundary values first."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable

Random = random.Random
Literal = Callable[[Random], str]

_TEXTS = (
    "",
    " ",
    "a",
    "NULL",
    "\\N",
    "NaN",
    "a,b",
    'q"q',
    "it's",
    "l1\nl2",
    "c\r\nd",
    "日本 😀",
    "\\",
    "t\tt",
    "é" * 40,
)


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _mysql_quote(text: str) -> str:
    return quote(text.replace("\\", "\\\\"))


def whole(low: int, high: int) -> Literal:
    return lambda r: str(r.choice([low, high, 0, 1, r.randint(low, high), r.randint(max(low, -9), 9)]))


def fixed(precision: int, scale: int) -> Literal:
    def one(r: Random) -> str:
        digits = r.choice(["9" * precision, "0", "1", str(r.randrange(10 ** r.randint(1, precision)))])
        text = digits.zfill(scale + 1)
        text = f"{text[: len(text) - scale]}.{text[len(text) - scale :]}" if scale else text
        return r.choice(["", "-"]) + text

    return one


def texts(limit: int, escape: Callable[[str], str]) -> Literal:
    lengths = [n for n in (249, 250, 251, 252, 65535, 65536, 2**18 - 1, 2**18, 2**20) if n <= limit]

    def one(r: Random) -> str:
        if lengths and r.random() < 0.03:
            return escape(r.choice("xé") * (r.choice(lengths[: 4 if r.random() < 0.7 else None])))
        return escape(r.choice([t for t in _TEXTS if len(t) <= limit]))

    return one


def among(*literals: str) -> Literal:
    return lambda r: r.choice(literals)


def _date(r: Random, low: int = 1, high: int = 9999) -> str:
    return dt.date.fromordinal(
        r.randint(dt.date(low, 1, 1).toordinal(), dt.date(high, 12, 31).toordinal())
    ).isoformat()


def moment(low: int, high: int, *special: str) -> Literal:
    def one(r: Random) -> str:
        clock = r.choice(["00:00:00", "23:59:59.999999", f"{r.randrange(24):02}:{r.randrange(60):02}:07.5"])
        return r.choice(special) if special and r.random() < 0.2 else f"'{_date(r, low, high)} {clock}'"

    return one


def day(low: int, high: int, *special: str) -> Literal:
    return lambda r: r.choice(special) if special and r.random() < 0.2 else f"'{_date(r, low, high)}'"


def _hex(prefix: str, end: str) -> Literal:
    return lambda r: f"{prefix}{r.randbytes(r.choice([0, 1, 2, 16, 250, 251, 300])).hex()}{end}"


def _uuid(r: Random) -> str:
    h = r.randbytes(16).hex()
    return f"'{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}'"


_FLOATS = ("0", "'-0'", "0.1", "-1.5", "3.4028234e38", "1e-30", "16777216", "123456.7")
_JSON = ("'{}'", """'{"b": 1,  "a":"ü"}'""", "'[1, null, \"x\"]'", "'null'", "'12.50'")

#: Common to a role in a query: whole, decimal, float, text, moment, any.
Table = list[tuple[str, str, Literal]]

POSTGRESQL: Table = [
    ("boolean", "any", among("true", "false")),
    ("int2", "whole", whole(-(2**15), 2**15 - 1)),
    ("int4", "whole", whole(-(2**31), 2**31 - 1)),
    ("int8", "whole", whole(-(2**63), 2**63 - 1)),
    ("oid", "any", whole(0, 2**32 - 1)),
    ("float4", "float", among(*_FLOATS, "'NaN'", "'Infinity'")),
    ("float8", "float", among(*_FLOATS, "'NaN'", "'-Infinity'", "1e-300", "0.30000000000000004")),
    *[
        (f"numeric({p},{s})", "decimal", fixed(p, s))
        for p, s in ((1, 0), (9, 4), (18, 18), (19, 0), (38, 10), (38, 38))
    ],
    ("numeric(50,5)", "decimal", fixed(40, 5)),
    ("numeric(5,2)", "decimal", among("'NaN'", "1.5", "-999.99")),
    ("numeric(3,-2)", "decimal", among("12300", "-99900", "0")),
    ("numeric(3,5)", "decimal", among("0.00123", "-0.00999")),
    ("numeric(80,2)", "any", fixed(60, 2)),
    (
        "numeric",
        "decimal",
        among("1.5", "10000", "0.000000000000000001", "-0.5", "99999999999999999999", "'NaN'", "1e21"),
    ),
    ("money", "any", among("'1.23'", "'-1234567.89'", "'92233720368547758.07'", "'0'")),
    (
        "date",
        "any",
        day(1, 9999, "'infinity'", "'0044-03-15 BC'", "'4713-01-01 BC'", "'20000-01-01'", "'1969-12-31'"),
    ),
    ("time", "any", among("'00:00:00'", "'23:59:59.999999'", "'24:00:00'", "'12:34:56.7'")),
    (
        "timestamp",
        "moment",
        moment(1, 9999, "'infinity'", "'-infinity'", "'0044-03-15 01:02:03 BC'", "'294276-12-31 23:59:59'"),
    ),
    ("timestamptz(3)", "moment", moment(2, 9998, "'infinity'", "'2026-03-29 02:30:00+02'")),
    ("timetz", "any", among("'12:00:00+02'", "'23:59:59.000001-08'")),
    ("interval", "any", among("'1 year 2 days -3.5 seconds'", "'0'", "'-1 month 3 hours 4.000005 seconds'")),
    ("text", "text", texts(2**20, quote)),
    ("varchar(300)", "text", texts(300, quote)),
    ("char(5)", "any", among("''", "'ab'", "'日本'")),
    ("name", "any", among("'x'", "'a name'")),
    ("bytea", "any", _hex("'\\x", "'")),
    ("uuid", "any", _uuid),
    ("json", "any", among(*_JSON)),
    ("jsonb", "any", among(*_JSON)),
    ("bit(3)", "any", among("b'101'", "b'000'")),
    ("varbit", "any", among("b''", "b'1'", "b'010101010101'")),
    ("df_mood", "any", among("'sad'", "'o k'", "'ü'")),
    ("df_positive", "whole", among("1", "2147483647")),
    ("int4[]", "any", among("'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[0:1]={7,8}'")),
    ("text[]", "any", among("'{}'", """'{a,"",NULL,"NULL","b,c","q\\"","\\\\"}'""")),
    ("numeric(5,2)[]", "any", among("'{1.25,NULL}'", "'{NaN}'", "'{-999.99}'")),
    ("timestamp[]", "any", among("'{2026-01-01,NULL}'", "'{1969-12-31 23:59:59.999999}'")),
    ("float8[]", "any", among("'{0.1,NULL,-1}'")),
    ("uuid[]", "any", among("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}'")),
    ("bytea[]", "any", among("'{\"\\\\x00ff\",NULL}'")),
    ("int4range", "any", among("'[1,5)'", "'empty'")),
    ("point", "any", among("'(1,2)'")),
]

MYSQL: Table = [
    *[
        (
            f"{name}{suffix}",
            "whole",
            whole(0 if suffix else -(2 ** (bits - 1)), 2 ** (bits - (not suffix)) - 1),
        )
        for name, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64))
        for suffix in ("", " unsigned")
    ],
    ("int(5) unsigned zerofill", "any", whole(0, 99999)),
    ("tinyint(1)", "whole", whole(-128, 127)),
    ("float", "float", among(*_FLOATS, "0.333333333333", "16777217")),
    ("double", "float", among(*_FLOATS, "1e-300", "0.30000000000000004", "1.7976931348623157e308")),
    *[
        (f"decimal({p},{s})", "decimal", fixed(p, s))
        for p, s in ((1, 0), (9, 4), (20, 18), (38, 10), (38, 0))
    ],
    ("decimal(65,30)", "decimal", fixed(36, 30)),
    ("decimal(41,0)", "decimal", fixed(41, 0)),
    ("decimal(10,2) unsigned", "decimal", among("0", "99999999.99")),
    ("date", "any", day(1, 9999, "'0000-00-00'", "'2024-00-10'", "'2024-02-29'")),
    ("datetime", "moment", moment(1000, 9998, "'0000-00-00'", "'1969-12-31 23:59:59'")),
    ("datetime(6)", "moment", moment(1000, 9999, "'0000-00-00'")),
    ("timestamp(3) null", "moment", moment(1971, 2037, "'0000-00-00'", "'1970-01-01 00:00:01'")),
    ("time(6)", "any", among("'00:00:00'", "'23:59:59.999999'", "'-00:00:01'", "'838:59:59'", "'24:00:00'")),
    ("year", "any", among("1901", "2155", "0")),
    ("bit(1)", "stored", among("b'0'", "b'1'")),
    # Computed ones are in tests/etl/test_computed_bits.py: the servers' own texts of them cannot be believed.
    ("bit(64)", "stored", among("b'0'", "18446744073709551615", "258")),
    ("char(5)", "any", among("''", "'ab'", "'日本'")),
    ("varchar(300)", "text", texts(300, _mysql_quote)),
    ("varchar(60) character set latin1", "any", among("'é'", "''", "'abc'")),
    ("varchar(60) character set utf16", "any", among("'é😀'", "''", "'abc'")),
    ("longtext", "text", texts(2**20, _mysql_quote)),
    ("varbinary(300)", "any", _hex("x'", "'")),
    ("binary(4)", "any", among("x''", "x'00ff'")),
    ("mediumblob", "any", _hex("x'", "'")),
    ("enum('a','b c','ü')", "any", among("'a'", "'ü'", "'b c'")),
    ("set('x','y','z')", "any", among("''", "'x,z'", "'y'")),
    ("json", "any", among("'{}'", """'{"b": 1,  "a":"ü"}'""", "'[1, null, \"x\"]'", "'12.50'")),
]
MARIADB: Table = [*MYSQL, ("uuid", "any", _uuid), ("inet6", "any", among("'::1'", "'2001:db8::ff'"))]

TABLES = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MARIADB}
