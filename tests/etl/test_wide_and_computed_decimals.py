"""Decimals of more than 38 digits, and computed numbers whose places nobody has declared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

DECODERS = pytest.mark.parametrize("decoder", ["native", "python"])


def landed(outcome: Any) -> dict[str, Any]:
    assert outcome.code == 0, outcome.lines
    [row] = pq.read_table(outcome.files[0]).to_pylist()
    return dict(row)


@DECODERS
def test_a_sum_of_bigints_is_read_exactly_by_duckdb(
    etl: Etl, each_database: Database, decoder: str, native_decoder: None
) -> None:
    # Given a sum that no double holds; of MySQL it is a decimal(41,0)
    outcome = etl.run(
        each_database,
        query="select sum(n) as total from (select cast(9007199254740992 as decimal(38,0)) as n union all "
        "select 1) numbers",
        environment={"HYBRID_DECODER": decoder},
    )

    # Then it is read as it is
    assert outcome.code == 0, outcome.lines
    [(found,)] = duckdb.sql(f"select total::varchar from '{outcome.files[0]}'").fetchall()
    assert Decimal(found) == 9007199254740993


@DECODERS
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("policy", "beyond"), [("fail", None), ("null", {"v": None}), ("string", {"v": "1" + "0" * 38})]
)
def test_what_has_more_than_38_digits_follows_the_policy(
    etl: Etl,
    each_database: Database,
    native_decoder: None,
    *,
    policy: str,
    beyond: Any,
    sign: str,
    decoder: str,
) -> None:
    # Given the largest number of 38 digits, and the one after it
    options = {"unrepresentable": policy, "environment": {"HYBRID_DECODER": decoder}}
    largest = f"select cast({sign}{'9' * 38} as decimal(60,0)) as v"
    next_one = f"select cast({sign}1{'0' * 38} as decimal(60,0)) as v"

    # Then the one lands, and the other as the policy says
    value = landed(etl.run(each_database, query=largest, **options))["v"]
    assert Decimal(value) == Decimal(sign + "9" * 38)
    refused = etl.run(each_database, query=next_one, **options)
    if beyond is None:
        assert refused.code == 2
        assert "decimal_width to 256" in refused.message
        assert "cast(v as decimal(38,6))" in refused.message
    else:
        wanted = beyond["v"]
        assert landed(refused) == {"v": wanted if wanted is None else sign + wanted}
        assert refused.manifest["refused"] == ({"v": 1} if policy == "null" else {})


@DECODERS
def test_decimal256_is_there_by_choice(
    etl: Etl, each_database: Database, decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        each_database,
        query=f"select cast(-{'9' * 35}.{'9' * 25} as decimal(60,25)) as v",
        decimal_width=256,
        environment={"HYBRID_DECODER": decoder},
    )

    assert landed(outcome) == {"v": Decimal(f"-{'9' * 35}.{'9' * 25}")}
    assert outcome.manifest["schema"][0]["type"] == "decimal256(60, 25)"


@DECODERS
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.0/3", "0.333333333333333333"),
        ("-2.0/3", "-0.666666666666666667"),
        ("avg(n)", "1.500000000000000000"),
        ("0.0000000000000000005 * 1", "0.000000000000000001"),
        ("-0.0000000000000000005 * 1", "-0.000000000000000001"),
        ("stddev(n)", "0.707106781186547524"),
        ("99999999999999999999.9999999999999999994 * 1", "99999999999999999999.999999999999999999"),
    ],
)
def test_a_computed_number_of_postgresql_is_rounded_and_told(
    etl: Etl, postgresql: Database, native_decoder: None, *, expression: str, value: str, decoder: str
) -> None:
    # When a number without places of its own is computed
    outcome = etl.run(
        postgresql,
        query=f"select {expression} as v from (values (1), (2)) numbers(n) group by ()",
        environment={"HYBRID_DECODER": decoder},
    )

    # Then it is what the server's own cast gives
    assert landed(outcome) == {"v": Decimal(value)}
    [(cast,)] = postgresql.say(
        f"select ({expression})::numeric(38,18) from (values (1), (2)) numbers(n) group by ()"
    )
    assert cast == Decimal(value)
    # And it is told, with the cast that chooses
    assert outcome.manifest["rounded"] == {"v": 18}
    warned = [line["message"] for line in outcome.lines if line["level"] == "warning"]
    assert any("Column v is computed" in text and "cast(" in text for text in warned)


def test_a_number_that_a_table_stores_is_never_rounded(etl: Etl, postgresql: Database) -> None:
    # Given a stored number with more places than the column of the lake
    postgresql.say("drop table if exists stored cascade")
    postgresql.say("create table stored (v numeric)")
    postgresql.say("create view seen as select v from stored")
    postgresql.say("insert into stored values (0.1234567890123456789)")

    # Then it is refused, whichever way it is read
    for query in (
        "select v from stored",
        "select * from (select v from stored) s",
        "with w as (select v from stored) select v from w",
        "select v from seen",
    ):
        outcome = etl.run(postgresql, query=query)
        assert outcome.code == 2, query
        assert "more than 18 decimal places" in outcome.message
    # And lands with the cast
    assert landed(etl.run(postgresql, query="select v::numeric(38,19) as v from stored")) == {
        "v": Decimal("0.1234567890123456789")
    }


def test_a_computed_number_with_places_of_its_own_is_left_alone(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(postgresql, query="select (1.0/8)::numeric(30,25) as v")

    assert landed(outcome) == {"v": Decimal("0.1250000000000000000000000")}
    assert outcome.manifest["rounded"] == {}


@DECODERS
def test_nan_of_a_computed_number_follows_the_policy(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        postgresql, query="select 'NaN'::numeric + 1 as v", environment={"HYBRID_DECODER": decoder}
    )

    assert outcome.code == 2
    assert "NaN does not fit" in outcome.message
