"""The update matrix: pairs of estates, judged over their assemblies, and no pair deadlocks."""

from __future__ import annotations

import os
from typing import Any

import pytest

from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.references import held_up
from hybrid.review.verdict import judge
from tests.synth.stacks.update_matrix import MATRIX

pytestmark = pytest.mark.slow

#: All rows with HYBRID_TEST_CASES of as many; otherwise what is refused, and every third of the others.
ROWS = [
    row
    for number, row in enumerate(MATRIX)
    if row[3] == "refused" or number % 3 == 0 or int(os.environ.get("HYBRID_TEST_CASES", "0")) >= len(MATRIX)
]


@pytest.fixture(scope="module")
def stacks_of(synthesize: Any) -> Any:
    known: dict[str, list[Stack]] = {}

    def made(changes: dict[str, Any]) -> list[Stack]:
        key = repr(changes)
        if key not in known:
            known[key] = read_assembly(synthesize(changes).directory, region="eu-west-1")
        return known[key]

    return made


@pytest.mark.parametrize(("what", "before", "after", "outcome"), ROWS, ids=[row[0] for row in ROWS])
def test_an_edit_comes_to_what_the_matrix_says(
    what: str, before: dict[str, Any], after: dict[str, Any], outcome: str, stacks_of: Any
) -> None:
    old, new = stacks_of(before), stacks_of(after)

    verdict = judge(old, new)

    assert (verdict.outcome.value, verdict.reasons if verdict.outcome.value != outcome else ()) == (
        outcome,
        (),
    ), what
    assert bool(verdict.reasons) == (outcome == "refused")
    assert held_up(old, new) == []
