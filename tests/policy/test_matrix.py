"""Who may do what: every row of the matrix, decided by the policies of the synthesized templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.matrix import MATRIX, estate, rows, rows_of
from tests.policy.simulator import Verdict, evaluate

_FOLDERS = {"acme": MATRIX}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, Verdict]]:
    """Estate → name of a row → what the simulator says; one process for all rows of an estate."""
    return {name: _decide(name, folder) for name, folder in _FOLDERS.items()}


def _decide(name: str, folder: Path) -> dict[str, Verdict]:
    matrix = rows(name, folder)
    answers = evaluate(estate(name).documents, [row.request for row in matrix])
    return dict(zip((row.name for row in matrix), answers, strict=True))


@pytest.mark.parametrize(
    ("estate_name", "row", "allowed"),
    [
        pytest.param(name, row, allowed, id=f"{name}: {row}")
        for name, folder in _FOLDERS.items()
        for row, _, _, allowed in rows_of(folder)
    ],
)
def test_matrix(verdicts: dict[str, dict[str, Verdict]], estate_name: str, row: str, allowed: bool) -> None:
    verdict = verdicts[estate_name][row]
    # A request that makes no sense to IAM is denied as well: such a row would prove nothing.
    assert verdict.fault is None
    assert verdict.allowed == allowed, f"decided by {', '.join(verdict.by) or 'no statement'}"


def test_the_matrix_has_150_rows_two_thirds_of_them_denials() -> None:
    for folder in _FOLDERS.values():
        verdicts = [allowed for *_, allowed in rows_of(folder)]
        if folder == MATRIX:
            assert len(verdicts) >= 150
        assert verdicts.count(False) >= 2 * verdicts.count(True)


def test_no_two_rows_have_one_name() -> None:
    for folder in _FOLDERS.values():
        names = [row for row, *_ in rows_of(folder)]
        assert sorted(names) == sorted(set(names))
