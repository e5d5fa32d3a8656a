"""A table like TPC-H's lineitem (16 columns: 4 decimals, 2 dates, 1 timestamp), made by the server itself."""

from __future__ import annotations

COLUMNS = """
l_orderkey bigint not null, l_partkey int not null, l_suppkey int not null, l_linenumber int not null,
l_quantity decimal(15,2) not null, l_extendedprice decimal(15,2) not null,
l_discount decimal(15,2) not null, l_tax decimal(15,2) not null,
l_returnflag char(1) not null, l_linestatus char(1) not null,
l_shipdate date not null, l_commitdate date not null, l_receipttime timestamp not null,
l_shipinstruct varchar(25) not null, l_shipmode varchar(10) not null, l_comment varchar(44) not null
"""
WORDS = (
    "carefully final requests sleep quickly among the furiously regular ideas express packages nag blithely"
)


def create_statements(engine: str, rows: int) -> list[str]:
    """SQL that makes and fills `lineitem` with `rows` rows; the same data on every run."""
    engine_clause = "" if engine == "postgresql" else " engine=innodb"
    return [
        "drop table if exists lineitem",
        f"create table lineitem ({COLUMNS}){engine_clause}",
        _fill_postgresql(rows) if engine == "postgresql" else _fill_mariadb(rows),
        "analyze lineitem" if engine == "postgresql" else "analyze table lineitem",
    ]


_MIDDLE_SQUARE = "(({x}) * ({x}) {div} 4096) % 2147483648"


def _random(number: str, *, div: str) -> tuple[str, str, str]:
    """Three pseudo-random integers below 2**31 for a row number, the same in every engine."""
    found = [
        _MIDDLE_SQUARE.format(x=f"({number} * {factor}) % 2147483648", div=div)
        for factor in (2654435761, 2246822519, 3266489917)
    ]
    return found[0], found[1], found[2]


def _fill_postgresql(rows: int) -> str:
    a, b, c = _random("n", div="/")
    return f"""
insert into lineitem select n / 4, a % 200000, b % 10000, n % 7 + 1, a % 50 + 1,
  c % 10494950 / 100.0, b % 11 / 100.0, c % 9 / 100.0,
  substr('RAN', (a % 3 + 1)::int, 1), substr('OF', (b % 2 + 1)::int, 1),
  date '1992-01-01' + (a % 2557)::int, date '1992-01-31' + (b % 2467)::int,
  timestamp '1992-01-01' + c % 220924800 * interval '1 second',
  (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[b % 4 + 1],
  (array['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[c % 7 + 1],
  substr('{WORDS}', (a % 61)::int + 1, (c % 34)::int + 10)
from (select n, {a} as a, {b} as b, {c} as c from generate_series(1::bigint, {rows}) n) r"""


def _fill_mariadb(rows: int) -> str:
    a, b, c = _random("seq", div="div")
    return f"""
insert into lineitem select n div 4, a % 200000, b % 10000, n % 7 + 1, a % 50 + 1,
  c % 10494950 / 100.0, b % 11 / 100.0, c % 9 / 100.0,
  substr('RAN', a % 3 + 1, 1), substr('OF', b % 2 + 1, 1),
  date '1992-01-01' + interval (a % 2557) day, date '1992-01-31' + interval (b % 2467) day,
  timestamp '1992-01-01 00:00:00' + interval (c % 220924800) second,
  elt(b % 4 + 1, 'DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'),
  elt(c % 7 + 1, 'REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'),
  substr('{WORDS}', a % 61 + 1, c % 34 + 10)
from (select seq as n, {a} as a, {b} as b, {c} as c from seq_1_to_{rows}) r"""
