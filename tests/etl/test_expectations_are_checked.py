"""What `expect` of a specification may be: all else is refused before a database is asked."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid_etl.errors import UserError
from hybrid_etl.expectations.parameters import Expectations


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"range": {"n": [2, 1]}}, "2 is more than 1"),
        ({"range": {"at": ["2026-12-01", "2026-11-01"]}}, "is more than"),
        ({"range": {"n": [1, 2, 3]}}, "a range is"),
        ({"range": {"n": "1"}}, "a range is"),
        ({"range": ["n"]}, "expect is not as"),
        ({"unique": "id"}, "unique is a list"),
        ({"unique": [["id", 3]]}, "no list of columns"),
        ({"unique": [[]]}, "no list of columns"),
        ({"unique": [""]}, "no list of columns"),
        ({"unique": {"id": 1}}, "unique is a list"),
        ({"nulls": {"a": 2}}, "more than all rows"),
        ({"nulls": {"a": "200%"}}, "more than all rows"),
        ({"nulls": {"a": -0.1}}, "no share"),
        ({"nulls": "a"}, "expect is not as"),
        ({"rows": {"min": 3, "max": 2}}, "more than max"),
        ({"rows": {"min": -1}}, "no number of rows"),
        ({"rows": {"least": 1}}, "rows has no least"),
        ({"rows": 5}, "expect is not as"),
        ({"freshness": {"column": "at"}}, "within"),
        ({"freshness": "soon"}, "no time span"),
        ({"freshnes": "2d"}, "expect may have"),
        ("rows", "expect may have"),
        ([1], "expect may have"),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused(asked: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Expectations.parse({"expect": asked, "incremental_column": "at"}, where="the specification")


def test_what_can_be_kept_is_taken() -> None:
    asked = {
        "rows": {"min": 0, "max": 0, "change": "50%"},
        "range": {"n": [1, 1], "at": ["2026-11-01", "2026-11-01"], "open": [None, 3], "s": ["b", "abc"]},
        "unique": ["id", ["a", "b"]],
        "nulls": {"a": 1, "b": "0%"},
    }

    found = Expectations.parse({"expect": asked}, where="the specification")

    assert found is not None
    assert found.unique == (("id",), ("a", "b"))
