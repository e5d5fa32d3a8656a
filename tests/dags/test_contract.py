"""The DAGs against contracts/, which the container's and the command line's tests read too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_airflow import interval as intervals
from hybrid_airflow.interval import Interval, IntervalError
from hybrid_airflow.interval_sets import disjoint

_CASES = Path(__file__).resolve().parents[2] / "contracts" / "cases"


@pytest.mark.parametrize("case", json.loads((_CASES / "intervals.json").read_text()), ids=str)
def test_a_receipt_is_looked_for_where_the_container_lands_it(case: dict[str, Any]) -> None:
    def interval() -> Interval | None:
        start, end = case["from"], case["to"]
        if start is None:
            return None
        if case.get("full"):
            return intervals.choose(given=(None, end), landed=[], scheduled=(None, None), full=True)[0]
        return intervals.choose(given=(start, end), landed=[], scheduled=(None, None))[0]

    if "refused" in case:
        with pytest.raises(IntervalError):
            interval()
    else:
        assert intervals.directory(interval()) == case["directory"]


@pytest.mark.parametrize(
    "case",
    [case for case in json.loads((_CASES / "interval_sets.json").read_text()) if "runs" in case],
    ids=str,
)
def test_a_run_after_others_reads_what_the_contract_says(case: dict[str, Any]) -> None:
    found = disjoint(Interval.parse(*times) for times in case["after"])
    assert found == [Interval.parse(*times) for times in case["runs"]]
