"""The tables that are extracted, made by the server itself, the same on every run.

`lineitem` is like TPC-H's (16 columns: 4 decimals, 2 dates, 1 timestamp; a comment that hardly repeats), and
grows from size to size.
`heavy` has rows of 300 KB, `wide` has 1,500 columns (MyISAM at MariaDB: InnoDB ends at 1,017).
"""

from __future__ import annotations

HEAVY_ROWS = 1_000
WIDE_ROWS = 20_000
_WIDE_COLUMNS = 1_500
_BYTES_OF_MD5 = 32
_HEAVY_BYTES = 300 * 1024

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


def create_lineitem(engine: str) -> list[str]:
    """SQL that makes an empty `lineitem`."""
    engine_clause = "" if engine == "postgresql" else " engine=innodb"
    return [f"create table lineitem ({COLUMNS}){engine_clause}"]


def add_lineitem(engine: str, first: int, last: int) -> list[str]:
    """SQL that adds the rows of those numbers to `lineitem`."""
    postgresql = engine == "postgresql"
    return [
        _fill_postgresql(first, last) if postgresql else _fill_mariadb(first, last),
        "analyze lineitem" if postgresql else "analyze table lineitem",
    ]


def create_heavy(engine: str) -> list[str]:
    """SQL that makes and fills `heavy`: a number and 300 KB of hexadecimal digits a row."""
    digests = _HEAVY_BYTES // _BYTES_OF_MD5
    if engine == "postgresql":
        body = f"(select string_agg(md5((n * 100000 + m)::text), '') from generate_series(1, {digests}) m)"
        return [f"create table heavy as select n, {body} as body from generate_series(1, {HEAVY_ROWS}) n"]
    body = "group_concat(md5(n.seq * 100000 + m.seq) separator '')"
    return [
        "set session group_concat_max_len = 1048576",
        "create table heavy (n int not null, body mediumtext not null) engine=innodb",
        f"insert into heavy select n.seq, {body} from seq_1_to_{HEAVY_ROWS} n, seq_1_to_{digests} m"
        " group by n.seq",
    ]


def create_wide(engine: str) -> list[str]:
    """SQL that makes and fills `wide`: integers of three sorts, from nearly constant to nearly random."""
    number = "n" if engine == "postgresql" else "seq"
    spans = (7, 5_000, 1_000_000)
    columns = ", ".join(
        f"cast({number} * {2 * index + 7919} % {spans[index % 3]} as {'int' if number == 'n' else 'signed'})"
        f" as c{index:04d}"
        for index in range(_WIDE_COLUMNS)
    )
    if engine == "postgresql":
        return [f"create table wide as select {columns} from generate_series(1::bigint, {WIDE_ROWS}) n"]
    return [f"create table wide engine=myisam as select {columns} from seq_1_to_{WIDE_ROWS}"]


_MIDDLE_SQUARE = "(({x}) * ({x}) {div} 4096) % 2147483648"


def _random(number: str, *, div: str) -> tuple[str, str, str]:
    """Three pseudo-random integers below 2**31 for a row number, the same in every engine."""
    found = [
        _MIDDLE_SQUARE.format(x=f"({number} * {factor}) % 2147483648", div=div)
        for factor in (2654435761, 2246822519, 3266489917)
    ]
    return found[0], found[1], found[2]


def _comment(div: str) -> str:
    """Three pieces of the words: TPC-H's comments are nearly unique (4.6 of 6 million at scale factor 1)."""
    pieces = [
        f"substr('{WORDS}', cast({number} % 80 as {{integer}}) + 1,"
        f" cast({number} {div} 80 % 10 as {{integer}}) + 5)"
        for number in "abc"
    ]
    text = f"concat({', '.join(pieces)})"
    return text.format(integer="integer" if div == "/" else "signed")


def _fill_postgresql(first: int, last: int) -> str:
    a, b, c = _random("n", div="/")
    return f"""
insert into lineitem select n / 4, a % 200000, b % 10000, n % 7 + 1, a % 50 + 1,
  c % 10494950 / 100.0, b % 11 / 100.0, c % 9 / 100.0,
  substr('RAN', (a % 3 + 1)::int, 1), substr('OF', (b % 2 + 1)::int, 1),
  date '1992-01-01' + (a % 2557)::int, date '1992-01-31' + (b % 2467)::int,
  timestamp '1992-01-01' + c % 220924800 * interval '1 second',
  (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[b % 4 + 1],
  (array['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[c % 7 + 1],
  {_comment("/")}
from (select n, {a} as a, {b} as b, {c} as c from generate_series({first}::bigint, {last}) n) r"""


def _fill_mariadb(first: int, last: int) -> str:
    a, b, c = _random("seq", div="div")
    return f"""
insert into lineitem select n div 4, a % 200000, b % 10000, n % 7 + 1, a % 50 + 1,
  c % 10494950 / 100.0, b % 11 / 100.0, c % 9 / 100.0,
  substr('RAN', a % 3 + 1, 1), substr('OF', b % 2 + 1, 1),
  date '1992-01-01' + interval (a % 2557) day, date '1992-01-31' + interval (b % 2467) day,
  timestamp '1992-01-01 00:00:00' + interval (c % 220924800) second,
  elt(b % 4 + 1, 'DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'),
  elt(c % 7 + 1, 'REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'),
  {_comment("div")}
from (select seq as n, {a} as a, {b} as b, {c} as c from seq_{first}_to_{last}) r"""
