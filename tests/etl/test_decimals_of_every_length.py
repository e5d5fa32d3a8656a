"""No digit of a decimal is lost: a decoder takes short ones another way than long ones."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

#: (precision, scale)
TYPES = [
    (9, 0),
    (9, 2),
    (17, 3),
    (18, 0),
    (18, 6),
    (19, 0),
    (19, 4),
    (36, 6),
    (38, 0),
    (38, 10),
    (38, 30),
    (60, 30),
]
_WIDE = Context(prec=100)


def values(precision: int, scale: int) -> Iterator[Decimal]:
    """Of each length up to 60 digits, or to the precision: least and greatest, of both signs."""
    for length in range(1, 61):
        digits = min(length, precision)
        for number in (10 ** (digits - 1), 10**digits - 1):
            yield Decimal(number).scaleb(-scale, _WIDE)
            yield Decimal(-number).scaleb(-scale, _WIDE)


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_decimal_of_any_length_comes_back_as_it_was(
    etl: Etl, each_database: Database, decoder: str, native_decoder: None
) -> None:
    # Given decimals of every length, in types of every width
    rows = list(zip(*(values(*kind) for kind in TYPES), strict=True))
    columns = ", ".join(f"c{n} decimal({p},{s})" for n, (p, s) in enumerate(TYPES))
    each_database.say("drop table if exists lengths")
    each_database.say(f"create table lengths (n int, {columns})")
    texts = (", ".join([str(number), *(f"{value:f}" for value in row)]) for number, row in enumerate(rows))
    each_database.say(f"insert into lengths values {', '.join(f'({text})' for text in texts)}")
    # When
    outcome = etl.run(
        each_database,
        query="select * from lengths order by n",
        decimal_width=256,
        environment={"HYBRID_DECODER": decoder},
    )
    # Then
    assert outcome.code == 0, outcome.lines
    landed = [tuple(row.values())[1:] for row in pq.read_table(outcome.files[0]).to_pylist()]
    assert landed == rows
