"""What `expect` of a specification may be: all else is refused before a database is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hybrid_etl.errors import UserError
from hybrid_etl.expectation_results import Judged, judge
from hybrid_etl.expectations.parameters import Expectations
from hybrid_etl.previous import Previous


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


@pytest.mark.parametrize(
    ("receipt", "said"),
    [
        (None, "not compared: The lake holds no receipt of the pipeline yet."),
        ({}, "not compared: the receipt before does not say its rows"),
        ({"rows": "5"}, "not compared: the receipt before does not say its rows"),
        ({"rows": True}, "not compared: the receipt before does not say its rows"),
        ({"rows": 0}, "not compared: the run before had no rows"),
        ({"rows": 4}, "5 rows after 4 of the run before are a change of 25 %, and at most 50 % is expected"),
    ],
    ids=str,
)
def test_a_change_of_rows_is_compared_with_a_receipt_that_says_its_rows(
    receipt: dict[str, Any] | None, said: str
) -> None:
    # Given an expectation of the change, and what is known of the run before
    asked = Expectations.parse({"expect": {"rows": {"change": "50%"}}}, where="here")
    assert asked is not None
    previous = (
        Previous(reason="The lake holds no receipt of the pipeline yet.")
        if receipt is None
        else Previous(receipt=receipt, key="p/interval=1/_manifest.json")
    )

    # When five rows are judged
    run = Judged(rows=5, measured={"unique": []}, full=False, until=datetime.now(UTC), previous=previous)
    [found] = judge(asked, run)

    # Then they are compared, or it is told why they are not
    assert (found["expectation"], found["passed"], found["said"]) == ("rows.change", True, said)
    assert found["compared"] is (receipt == {"rows": 4})
