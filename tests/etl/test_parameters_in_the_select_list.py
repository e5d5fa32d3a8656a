"""MySQL and MariaDB decide the type of a parameter, and of what is computed with it, only when they run."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

#: Every type that a parameter meets in the expressions.
_COLUMNS = {
    "t": ("tinyint", "-5"),
    "i": ("int", "7"),
    "u": ("int unsigned", "4294967295"),
    "b": ("bigint", "9007199254740993"),
    "ub": ("bigint unsigned", "18446744073709551615"),
    "f": ("float", "1.5"),
    "x": ("double", "0.1"),
    "m": ("decimal(20,4)", "12345.6789"),
    "y": ("year", "2026"),
    "s": ("varchar(20)", "'abc'"),
    "h": ("varbinary(20)", "x'00ff'"),
    "d": ("date", "'2026-11-01'"),
    "dt": ("datetime(6)", "'2026-11-01 12:00:00.5'"),
    "z": ("timestamp(3) null", "'2026-11-01 12:00:00.25'"),
    "e": ("enum('a','b')", "'b'"),
    "nothing": ("int", "null"),
}
#: `?` is the parameter, `@` each of the columns that it can be compared with.
_ALONE = [
    "?", "concat(?, '!')", "cast(? as char)", "(select ?)", "length(?)", "? is null",
    "repeat('x', 300)",
]  # fmt: skip
_WITH_A_COLUMN = [
    "ifnull(@, ?)", "coalesce(?, @)", "case when 1 then @ else ? end", "case when 0 then @ else ? end",
    "nullif(@, ?)", "concat(@, ?)", "@ = ?", "greatest(@, ?)",
]  # fmt: skip
_WITH_A_NUMBER = ["@ + ?", "@ * ?", "@ - ?", "@ / ?", "least(@, ?)", "round(@ * ?, 2)"]
_NUMBERS, _TEXTS, _TIMES = {"t", "i", "u", "b", "f", "x", "m", "y", "nothing"}, {"s", "e"}, {"d", "dt", "z"}
_PARAMETERS: dict[str, tuple[Any, set[str]]] = {
    "whole": (3, _NUMBERS | _TEXTS),
    "large": (9007199254740993, {"m", "x", "nothing"} | _TEXTS),
    "fraction": (2.5, _NUMBERS - {"y"} | _TEXTS),
    "number as text": ("12", _NUMBERS | _TEXTS),
    "words": ("n\u00e9\u20ac", _TEXTS),
    "time": ("2026-11-02 00:00:00", _TIMES | _TEXTS),
    "true": (True, _NUMBERS | _TEXTS),
    "nothing": (None, set(_COLUMNS)),
}


def _expressions(name: str) -> list[str]:
    value, columns = _PARAMETERS[name]
    found = [text for text in _ALONE if value is not None or text in ("?", "? is null")]
    for column in sorted(columns):
        # Beside a text, the server compares a number as a text; beside a parameter, as a number.
        compared = 1 if isinstance(value, str) and column in _NUMBERS else 0
        found += [text.replace("@", column) for text in _WITH_A_COLUMN[: len(_WITH_A_COLUMN) - compared]]
        if isinstance(value, int | float) and column in _NUMBERS - {"u"}:
            found += [text.replace("@", column) for text in _WITH_A_NUMBER]
    return found


def _plain(value: Any) -> Any:
    """A value as it is compared: numbers by their value, whatever type carries them; times as their text."""
    if isinstance(value, bool | int | float):
        return float(value) if isinstance(value, float) else Decimal(int(value))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date) else value


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, str) and isinstance(found, int | float | Decimal):
        expected = Decimal(expected)  # MySQL takes a parameter beside a number for a number
    found, expected = _plain(found), _plain(expected)
    if isinstance(found, float) or isinstance(expected, float):
        return found is not None and float(found) == pytest.approx(float(expected), rel=1e-14)
    if isinstance(found, str) and isinstance(expected, str) and found[:3] == "202":
        return _time(found) == _time(expected)
    return bool(found == expected)


def _time(text: str) -> str:
    """A time's text without trailing zeros: literals and parameters differ in how many places they show."""
    return (text.rstrip("0").rstrip(".") if "." in text else text).removesuffix(" 00:00:00")


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in _COLUMNS.items())
    found.say("drop table if exists mixed")
    found.say(f"create table mixed ({columns}) character set utf8mb4")
    found.say(f"insert into mixed values ({', '.join(value for _, value in _COLUMNS.values())})")
    return found


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize("name", _PARAMETERS)
def test_a_value_computed_with_a_parameter_is_the_one_that_the_server_computes(
    etl: Etl, server: Database, name: str, decoder: str, native_decoder: None
) -> None:
    # Given what the server computes when the value stands in the text
    value, expressions = _PARAMETERS[name][0], _expressions(name)
    texts = ", ".join(f"{text} as c{n}" for n, text in enumerate(expressions))
    values = [value] * texts.count("?")
    [expected] = server.say(f"select {texts.replace('?', '%s')} from mixed", values)

    # When it is a parameter
    outcome = etl.run(
        server,
        query=f"select {texts.replace('?', ':p')} from mixed",
        parameters={"p": value},
        environment={"HYBRID_DECODER": decoder},
    )

    # Then each value is the same
    assert outcome.code == 0, outcome.lines
    [row] = pq.read_table(outcome.files[0]).to_pylist()
    wrong = {
        text: (found, wanted)
        for found, text, wanted in zip(row.values(), expressions, expected, strict=True)
        if not _equal(found, wanted)
    }
    assert wrong == {}


def test_the_receipt_says_what_the_server_announced_last(etl: Etl, server: Database) -> None:
    outcome = etl.run(server, query="select :n as n, i + :n as more from mixed", parameters={"n": 3})

    assert [field["type"] for field in outcome.manifest["schema"]] == ["int64", "int64"]
    assert outcome.manifest["statistics"]["n"] == {"nulls": 0, "min": "3", "max": "3"}
    assert outcome.manifest["statistics"]["more"] == {"nulls": 0, "min": "10", "max": "10"}


def test_describe_says_what_a_run_will_say(etl: Etl, server: Database) -> None:
    changes = {"query": "select :n as n, i * :f as f, coalesce(d, :t) as d from mixed"}
    parameters = {"n": 3, "f": 2.5, "t": "2026-11-02 00:00:00"}
    digest = etl.specify(server, parameters=parameters, **changes)

    described = etl.finish(etl.start("describe", digest, secret=server.secret))
    landed = etl.run(server, parameters=parameters, **changes)

    assert [line["type"] for line in described.lines] == [
        field["type"] for field in landed.manifest["schema"]
    ]


def test_a_parameter_that_the_server_bends_to_its_place_is_told(etl: Etl, server: Database) -> None:
    # Given a text beside a time, of which the server makes NULL, with a warning
    outcome = etl.run(server, query="select dt = :p as same from mixed", parameters={"p": "no time"})

    # Then the run says so, in its log and in its receipt
    assert outcome.code == 0, outcome.lines
    warned = [line for line in outcome.lines if line["level"] == "warning"]
    assert "1292" in warned[0]["message"]
    assert outcome.manifest["warnings"] == {"1292": 1}


def test_as_text_a_time_that_only_the_run_reveals_is_text(etl: Etl, server: Database) -> None:
    outcome = etl.run(
        server,
        query="select coalesce(dt, :t) as t from mixed",
        parameters={"t": "2026-11-02 00:00:00"},
        unrepresentable="string",
    )

    assert outcome.code == 0, outcome.lines
    assert [field["type"] for field in outcome.manifest["schema"]] == ["string"]
    [row] = pq.read_table(outcome.files[0]).to_pylist()
    assert _time(row["t"]) == "2026-11-01 12:00:00.5"
