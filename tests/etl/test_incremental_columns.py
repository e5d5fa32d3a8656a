"""The type of the incremental column decides how the interval is compared: consecutive intervals have every
row exactly once, on every server, and what has no time is refused by name."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pymysql
import pytest
from etl_process import Database, Etl

from hybrid_etl.errors import UserError
from hybrid_etl.incremental import Incremental, complete_until, format_fault
from hybrid_etl.interval import Interval
from hybrid_etl.readers import Reader, open_reader
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification

BERLIN = ZoneInfo("Europe/Berlin")
#: The clock of Berlin goes back at 01:00 UTC of 25 October 2026 and forward at 01:00 UTC of 29 March 2026.
AUTUMN, SPRING = datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)


def between(start: datetime, *steps: timedelta) -> list[Interval]:
    """Consecutive intervals of these lengths."""
    found = []
    for step in steps:
        found.append(Interval(start=start, end=start + step))
        start += step
    return found


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CUTS = {
    "hours of autumn, then days at six": between(AUTUMN - HOUR, *[HOUR] * 4, HOUR * 3, DAY),
    "half an hour in spring": between(SPRING + HOUR / 2, *[HOUR / 2] * 3),
    "odd": between(AUTUMN - 30 * HOUR, *[timedelta(hours=15, microseconds=300_001)] * 2),
}


def specification(database: Database, etl: Etl, **changes: Any) -> Specification:
    digest = etl.specify(database, **changes)
    content = (etl.directory / "specifications" / f"{digest}.json").read_bytes()
    return Specification.parse(content, digest=digest, where="the test")


def ids(reader: Reader) -> list[int]:
    try:
        return [row for batch in reader.batches() for row in batch.column("id").to_pylist()]
    finally:
        reader.close()


def read(database: Database, etl: Etl, interval: Interval, **changes: Any) -> list[int]:
    """Ids of what one interval reads, in this process: a run of the command would take half a second."""
    asked = {"query": "select * from happened", "incremental_column": "at", "settle": None} | changes
    secret = Secret.parse(json.dumps(database.secret), where="the test", default_port=1)
    return ids(open_reader(specification(database, etl, **asked), secret, interval))


class Column:
    """A type of a column: how it is declared, how a moment is written, and the keys that it asks for."""

    def __init__(self, postgresql: str | None, mysql: str | None, write: Any, **keys: Any) -> None:
        self.declared = {"postgresql": postgresql, "mysql": mysql, "mariadb": mysql}
        self.write = write
        self.keys = keys

    def over(self, at: datetime) -> Any:
        """The least value that is still to come at an instant, by a look at the hours after it."""
        later = [at, *(at + timedelta(minutes=10 * n) for n in range(24)), AUTUMN + timedelta(hours=1)]
        return min(self.write(one) for one in later if one >= at)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _wall(zone: Any, pattern: str = "%Y-%m-%d %H:%M:%S.%f") -> Any:
    return lambda at: at.astimezone(zone).strftime(pattern)


def _epoch(unit: int) -> Any:
    return lambda at: (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=unit)


COLUMNS = {
    "date": Column("date", "date", _wall(UTC, "%Y-%m-%d")),
    "date in a zone": Column("date", "date", _wall(BERLIN, "%Y-%m-%d"), incremental_zone="Europe/Berlin"),
    "wall": Column("timestamp", "datetime(6)", _wall(UTC)),
    "wall in a zone": Column("timestamp", "datetime(6)", _wall(BERLIN), incremental_zone="Europe/Berlin"),
    "seconds": Column("timestamp(0)", "datetime", _wall(UTC, "%Y-%m-%d %H:%M:%S")),
    "milliseconds": Column("timestamptz(3)", "timestamp(3) null", _instant),
    "instant": Column("timestamptz", "timestamp(6) null", _instant),
    "epoch": Column("bigint", "bigint", _epoch(1_000_000), incremental_unit="seconds"),
    "small epoch": Column("integer", "int unsigned", _epoch(1_000_000), incremental_unit="seconds"),
    "epoch millis": Column("bigint", "bigint unsigned", _epoch(1000), incremental_unit="milliseconds"),
    "epoch micros": Column("numeric(20,0)", "decimal(20,0)", _epoch(1), incremental_unit="microseconds"),
    "text": Column(
        "text",
        "varchar(40)",
        _wall(BERLIN, "%Y-%m-%d %H:%M:%S"),
        incremental_format="%Y-%m-%d %H:%M:%S",
        incremental_zone="Europe/Berlin",
    ),
    "text of days": Column("char(8)", "char(8)", _wall(UTC, "%Y%m%d"), incremental_format="%Y%m%d"),
    "text in iso": Column(
        "varchar(30)", "longtext", _wall(UTC, "%Y-%m-%dT%H:%M:%SZ"), incremental_format="%Y-%m-%dT%H:%M:%SZ"
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_consecutive_intervals_have_every_row_exactly_once(
    each_database: Database, etl: Etl, kind: str
) -> None:
    # Given a row for every twenty minutes of four weeks around each change of the clock
    column, database = COLUMNS[kind], each_database
    declared = column.declared[database.engine]
    database.say("drop table if exists happened")
    database.say(f"create table happened (id int primary key, at {declared})")
    moments = [
        at + timedelta(minutes=20 * n, microseconds=731_000 * (n % 3))
        for at in (SPRING - timedelta(days=2), AUTUMN - timedelta(days=4))
        for n in range(8 * 72)
    ]
    written = dict(enumerate(column.write(at) for at in moments))
    database.say(
        "insert into happened values " + ", ".join(f"({n}, '{value}')" for n, value in written.items())
    )
    for name, intervals in CUTS.items():
        # When consecutive intervals are read
        landed = Counter(row for one in intervals for row in read(database, etl, one, **column.keys))
        # Then no row came twice, and the rows are those of one interval over all of them
        whole = Interval(start=intervals[0].start, end=intervals[-1].end)
        assert set(landed.values()) <= {1}, (name, landed.most_common(3))
        assert sorted(landed) == sorted(read(database, etl, whole, **column.keys)), name
        # And by the values as they were written: all whose day, second, … was over by the end, no other
        expected = {n for n in written if column.over(whole.start) <= written[n] < column.over(whole.end)}
        assert set(landed) == expected, name


REFUSED = {
    "year": {"mysql": "year", "mariadb": "year"},
    "float": {"postgresql": "double precision", "mysql": "double", "mariadb": "double"},
    "fractions": {"postgresql": "numeric(20,3)", "mysql": "decimal(20,3)", "mariadb": "decimal(20,3)"},
    "any numeric": {"postgresql": "numeric"},
    "boolean": {"postgresql": "boolean", "mysql": "tinyint(1)", "mariadb": "tinyint(1)"},
    "short": {"postgresql": "smallint", "mysql": "smallint", "mariadb": "mediumint"},
    "uuid": {"postgresql": "uuid", "mariadb": "uuid"},
    "time": {"postgresql": "time", "mysql": "time", "mariadb": "time"},
    "json": {"postgresql": "jsonb", "mysql": "json"},
    "array": {"postgresql": "timestamptz[]"},
    "range": {"postgresql": "tstzrange"},
    "bytes": {"postgresql": "bytea", "mysql": "varbinary(20)", "mariadb": "varbinary(20)"},
    "enum": {"mysql": "enum('a')", "mariadb": "enum('a')"},
    "integer without its unit": {"postgresql": "bigint", "mysql": "bigint", "mariadb": "int"},
    "text without its format": {"postgresql": "text", "mysql": "text", "mariadb": "varchar(20)"},
}
DAY_OF_AUTUMN = Interval(start=AUTUMN, end=AUTUMN + DAY)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_type_without_a_time_is_refused_by_name(each_database: Database, etl: Etl, kind: str) -> None:
    declared = REFUSED[kind].get(each_database.engine)
    if declared is None:
        pytest.skip("the server has no such type")
    each_database.say("drop table if exists happened")
    each_database.say(f"create table happened (id int, at {declared} null)")
    key = {"integer": "incremental_unit", "text": "incremental_format"}.get(
        kind.split(maxsplit=1)[0], "cast it"
    )
    with pytest.raises(UserError, match=f"incremental_column at is .*{key}"):
        read(each_database, etl, DAY_OF_AUTUMN)


def test_a_key_of_another_type_and_a_column_that_is_not_there_are_refused(
    each_database: Database, etl: Etl
) -> None:
    query = "select 1 as id, current_timestamp as at"
    with pytest.raises(UserError, match="incremental_unit is for integer columns"):
        read(each_database, etl, DAY_OF_AUTUMN, query=query, incremental_unit="seconds")
    with pytest.raises(UserError, match="incremental_column att is no column of the query \\(id, at\\)"):
        read(each_database, etl, DAY_OF_AUTUMN, query=query, incremental_column="att")


def test_a_full_refresh_has_rows_without_a_time_and_an_interval_counts_them(
    each_database: Database, etl: Etl
) -> None:
    # Given rows with NULL, one before every calendar's interval, one after the end
    declared = "timestamp" if each_database.engine == "postgresql" else "datetime"
    each_database.say("drop table if exists happened")
    each_database.say(f"create table happened (id int, at {declared} null)")
    each_database.say(
        "insert into happened values (1, null), (2, '0999-01-01'), (3, '2026-10-25 12:00:00'), "
        "(4, '2026-10-26 00:00:00'), (5, null)"
    )
    asked = {"query": "select * from happened where id < :most", "parameters": {"most": 9}}
    days = ("--from", "2026-10-25T00:00:00Z", "--to", "2026-10-26T00:00:00Z")
    # When an interval runs, it counts and tells them
    outcome = etl.run(each_database, *days, incremental_column="at", **asked)
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["rows"] == 1
    assert outcome.manifest["incremental"]["nulls"] == 2
    told = [line for line in outcome.lines if line["level"] == "warning" and "NULL in at" in line["message"]]
    assert [line["rows"] for line in told] == [2]
    # And not where that is not asked for, nor of a column that cannot be NULL
    quiet = etl.run(each_database, *days, incremental_column="at", incremental_nulls="ignore", **asked)
    assert "nulls" not in quiet.manifest["incremental"]
    # When all is read, they are there
    everything = Interval(start=datetime(1000, 1, 1, tzinfo=UTC), end=AUTUMN + DAY, full=True)
    assert sorted(read(each_database, etl, everything, **asked)) == [1, 2, 3, 5]
    part = {"column": "id", "lower": 0, "upper": 4, "count": 2}
    found = [
        ids(
            open_reader(
                specification(
                    each_database, etl, incremental_column="at", settle=None, partitions=part, **asked
                ).of_part(number),
                Secret.parse(json.dumps(each_database.secret), where="the test", default_port=1),
                everything,
            )
        )
        for number in range(2)
    ]
    assert sorted(found[0]) + sorted(found[1]) == [1, 2, 3, 5]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("declared", ["date", "datetime not null", "timestamp not null"])
def test_a_zero_date_is_counted_as_a_row_without_a_time(
    engine: str, declared: str, etl: Etl, request: pytest.FixtureRequest
) -> None:
    # Given what an older server, or one without NO_ZERO_DATE, keeps for a time that is not known
    database: Database = request.getfixturevalue(engine)
    server = database.server
    with pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password,
        database=server.dbname,
        autocommit=True,
    ) as connection:
        for statement in (
            "set sql_mode = ''",
            "drop table if exists happened",
            f"create table happened (id int, at {declared})",
            "insert into happened values (1, '0000-00-00'), (2, '2026-10-25'), (3, '0000-00-00')",
        ):
            connection.query(statement)
    # When an interval is read
    days = ("--from", "2026-10-25T00:00:00Z", "--to", "2026-10-26T00:00:00Z")
    outcome = etl.run(database, *days, query="select * from happened", incremental_column="at")
    # Then what no interval will ever have is told
    assert (outcome.code, outcome.manifest["rows"]) == (0, 1), outcome.lines
    assert outcome.manifest["incremental"]["nulls"] == 2
    assert any("zero date" in line["message"] for line in outcome.lines)


@pytest.mark.parametrize("kind", ["date", "seconds", "instant", "epoch", "small epoch", "text"])
def test_the_columns_index_is_used(each_database: Database, etl: Etl, kind: str) -> None:
    # Given many rows and an index on the column
    column, database = COLUMNS[kind], each_database
    database.say("drop table if exists happened")
    database.say(
        f"create table happened (id int, at {column.declared[database.engine]}, filler char(200) default 'x')"
    )
    values = [column.write(AUTUMN - timedelta(hours=n)) for n in range(4000)]
    database.say(
        "insert into happened (id, at) values " + ", ".join(f"({n}, '{v}')" for n, v in enumerate(values))
    )
    database.say("create index happened_at on happened (at)")
    database.say("analyze happened" if database.engine == "postgresql" else "analyze table happened")
    # When a day is read, the condition of the receipt is one that the index serves
    digest = etl.run(
        database, "--from", "2026-10-20T00:00:00Z", "--to", "2026-10-21T00:00:00Z",
        query="select * from happened", incremental_column="at", **column.keys,
    )  # fmt: skip
    assert digest.code == 0, digest.lines
    told = digest.manifest["incremental"]
    condition = f"at >= {told['from']} and at < {told['to']}"
    plan = database.say(f"explain select * from (select * from happened) q where {condition}")
    assert "happened_at" in str(plan), plan


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "UTC", "Pacific/Apia"]
)
def test_what_is_complete_never_goes_back_and_ends_at_the_clock(zone: str) -> None:
    # Given every quarter of an hour of years with odd changes of the clock: half an hour, at midnight, a day
    for year in (2011, 2017):
        found = []
        for quarter in range(366 * 96):
            at = datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
            found.append((at, complete_until(at, ZoneInfo(zone))))
        # Then it is the least that the clock still shows
        least = datetime.max
        for at, wall in reversed(found[: -96 * 2]):
            least = min(least, at.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
            assert wall == least, (at, wall, least)


@pytest.mark.parametrize("text", ["%Y%m%d", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y%m"])
def test_a_format_that_sorts_is_taken(text: str) -> None:
    assert format_fault(text, zone="UTC") is None


@pytest.mark.parametrize(
    "text",
    [
        *("%d.%m.%Y", "%y%m%d", "%Y-%j", "%Y%m%d %I:%M", "%Y-%m-%d %S", "%Y'%m", "%Y%m%d%z", "%Y%%"),
        *("%Y-%m-%d %H:%M:%S+02:00", "now", "", 7),
    ],
)
def test_a_format_that_does_not_sort_is_refused(text: object) -> None:
    with pytest.raises(UserError, match="incremental_format is"):
        Incremental.parse({"incremental_column": "at", "incremental_format": text}, where="it")


def test_a_format_with_a_zone_of_its_own_takes_no_other() -> None:
    with pytest.raises(UserError, match="a zone of its own"):
        Incremental.parse(
            {
                "incremental_column": "at",
                "incremental_format": "%Y-%m-%dT%H:%M:%SZ",
                "incremental_zone": "Europe/Berlin",
            },
            where="it",
        )
    with pytest.raises(UserError, match="no time zone"):
        Incremental.parse({"incremental_column": "at", "incremental_zone": "Mars/Olympus"}, where="it")


@pytest.mark.parametrize(
    ("expression", "parameters", "keys"),
    [
        ("e + :n", {"n": 0}, {"incremental_unit": "seconds"}),
        ("e * :n", {"n": 1000}, {"incremental_unit": "milliseconds"}),
        ("concat(s, :z)", {"z": ""}, {"incremental_format": "%Y-%m-%d %H:%M:%S"}),
    ],
)
def test_a_column_that_is_computed_with_a_parameter_has_the_type_of_the_run(
    etl: Etl, each_database: Database, expression: str, parameters: dict[str, Any], keys: dict[str, str]
) -> None:
    # Given an hour a row, counted and written
    each_database.say("drop table if exists computed")
    each_database.say("create table computed (id int, e bigint, s varchar(19))")
    for number in range(4):
        at = AUTUMN + number * HOUR
        each_database.say(
            "insert into computed values (%s, %s, %s)",
            (number, int(at.timestamp()), f"{at:%Y-%m-%d %H:%M:%S}"),
        )
    # When two of them are read by what is computed of them
    query = f"select id, {expression} as at from computed"
    if each_database.engine == "postgresql":
        query = query.replace(":n", ":n::bigint").replace(":z", ":z::text")
    found = read(each_database, etl, between(AUTUMN, HOUR * 2)[0], query=query, parameters=parameters, **keys)
    # Then it is these two
    assert sorted(found) == [0, 1]


@pytest.mark.parametrize(("expression", "value"), [("e * :n", 1.5), ("coalesce(:n, e)", 1.5)])
def test_what_a_parameter_makes_a_number_without_a_time_is_refused(
    etl: Etl, mysql: Database, expression: str, value: float
) -> None:
    mysql.say("drop table if exists computed")
    mysql.say("create table computed (id int, e bigint)")

    with pytest.raises(UserError, match="has no time to select on"):
        read(
            mysql,
            etl,
            between(AUTUMN, HOUR)[0],
            query=f"select id, {expression} as at from computed",
            parameters={"n": value},
            incremental_unit="seconds",
        )
