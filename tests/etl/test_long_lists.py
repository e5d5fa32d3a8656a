"""Lists of parameters as long as a statement takes them, and elements of every spelling."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

from hybrid_etl.readers.postgresql.reader import MOST_SETTINGS, SHORT_LIST

_LONG = 60_000
#: Texts that an array's or a setting's own spelling would change.
_TEXTS = [
    *(
        "",
        " ",
        "NULL",
        "null",
        "a,b",
        "{x}",
        '"',
        '""',
        "\\",
        'a"b\\c',
        "'",
        "é€😀",
        "a\nb",
        "\t",
        "$1",
        ":a",
    ),
]


def _landed(etl: Etl, database: Database, **changes: Any) -> list[Any]:
    outcome = etl.run(database, "--full", **changes)
    assert outcome.code == 0, outcome.lines
    return sorted(
        (value for file in outcome.files for value in pq.read_table(file).column(0).to_pylist()), key=str
    )


def test_a_list_of_tens_of_thousands_is_read_in_seconds(etl: Etl, each_database: Database) -> None:
    # Given rows, of which a long list names some, and one NULL
    each_database.say("drop table if exists many")
    each_database.say("create table many (n int, s varchar(20))")
    each_database.say("insert into many values (1, 'v1'), (59999, 'v59999'), (60001, 'other'), (null, null)")
    numbers = list(range(_LONG))
    texts = [f"v{number}" for number in numbers]

    # Then `in` finds those, and `not in` the others, as SQL has it for NULL too
    for query, values, expected in (
        ("select n from many where n not in (:list)", numbers, [60001]),
        ("select n from many where s in (:list)", texts, [1, 59999]),
        ("select n from many where case when n in ( :list ) then 1 else 0 end = 0", numbers, [60001, None]),
    ):
        assert _landed(etl, each_database, query=query, parameters={"list": values}) == expected, query


@pytest.mark.parametrize("padding", [0, SHORT_LIST])
def test_each_element_of_a_list_means_itself(etl: Etl, each_database: Database, padding: int) -> None:
    # Given a row for each text
    each_database.say("drop table if exists words")
    binary = "" if each_database.engine == "postgresql" else " character set utf8mb4 collate utf8mb4_bin"
    each_database.say(f"create table words (id int, word varchar(40){binary})")
    for index, text in enumerate(_TEXTS):
        each_database.say("insert into words values (%s, %s)", (index, text))
    # And an end that no comparison of blanks at the end changes
    query = "select id from words where concat(word, '.') in (:list)"

    # When every second one is asked for, alone or among many others
    for first in (0, 1):
        asked = [f"{text}." for text in _TEXTS[first::2]] + [f"padding {n}" for n in range(padding)]
        found = _landed(etl, each_database, query=query, parameters={"list": asked})

        # Then these are found, and no other
        assert found == sorted(range(first, len(_TEXTS), 2), key=str)


def test_types_of_long_lists_are_those_of_the_column(etl: Etl, postgresql: Database) -> None:
    # Given columns whose types would cut, convert or take an element apart
    postgresql.say(
        "create table typed (c char(3), d date, t timestamptz, b boolean, a int[], u uuid, x numeric(10,2))"
    )
    postgresql.say(
        "insert into typed values ('ab', '2026-11-01', '2026-11-01 10:00+02', true, '{1,2}', "
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1.50)"
    )
    others = range(SHORT_LIST)
    lists: dict[str, list[Any]] = {
        "c": ["ab", *(f"z{n}" for n in others)],
        "d": ["2026-11-01", *("1999-01-01" for _ in others)],
        "t": ["2026-11-01 08:00+00", *("1999-01-01" for _ in others)],
        "b": [True, *(True for _ in others)],
        "a": ["{1,2}", *("{3}" for _ in others)],
        "u": ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", *("0" * 32 for _ in others)],
        "x": [1.5, *(n + 2 for n in others)],
    }

    # Then each list of such elements finds the row
    where = " and ".join(f"{column} in (:{column})" for column in lists)
    assert _landed(etl, postgresql, query=f"select 1 as n from typed where {where}", parameters=lists) == [1]


def test_values_that_are_one_by_one_have_an_end_that_is_told(etl: Etl, postgresql: Database) -> None:
    # Given a list beside another element, which has to be taken one by one
    query, values = "select 7 as n where 0 in (1, :list)", list(range(MOST_SETTINGS + 1))

    # When it is long
    outcome = etl.run(postgresql, "--full", query=query, parameters={"list": values})

    # Then that is told, and a shorter one is read
    assert (outcome.code, outcome.manifests) == (2, [])
    assert f"more than {MOST_SETTINGS} values outside of long lists" in outcome.message
    assert _landed(etl, postgresql, query=query, parameters={"list": values[:300]}) == [7]
