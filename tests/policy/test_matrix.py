"""Who may do what: every row of the matrix, decided by the policies of the synthesized templates."""

from __future__ import annotations

import functools

import pytest

from tests.policy.matrix import MATRIX, estate, rows, written_rows
from tests.policy.simulator import Verdict, evaluate

#: Estate → folder of its rows. The estate of the tests lives in each of AWS's partitions.
_FOLDERS = {"acme": MATRIX, "china": MATRIX, "government": MATRIX, "wide": MATRIX / "wide"}


@functools.cache
def _verdicts(name: str) -> dict[str, Verdict]:
    """Name of a row → what the simulator says; one process for all rows of an estate."""
    matrix = rows(name, _FOLDERS[name])
    answers = evaluate(estate(name).documents, [row.request for row in matrix])
    return dict(zip((row.name for row in matrix), answers, strict=True))


@pytest.mark.parametrize(
    ("estate_name", "row", "allowed"),
    [
        pytest.param(name, row.name, row.allowed, id=f"{name}: {row.name}")
        for name, folder in _FOLDERS.items()
        for row in written_rows(folder)
    ],
)
def test_matrix(estate_name: str, row: str, allowed: bool) -> None:
    verdict = _verdicts(estate_name)[row]

    # A request that makes no sense to IAM is denied as well: such a row would prove nothing.
    assert verdict.fault is None
    assert verdict.allowed == allowed, f"decided by {', '.join(verdict.by) or 'no statement'}"


def test_the_matrix_has_150_rows_two_thirds_of_them_denials() -> None:
    assert len(written_rows(MATRIX)) >= 150
    for folder in set(_FOLDERS.values()):
        verdicts = [row.allowed for row in written_rows(folder)]
        assert verdicts.count(False) >= 2 * verdicts.count(True)


def test_no_two_rows_have_one_name() -> None:
    for folder in set(_FOLDERS.values()):
        names = [row.name for row in written_rows(folder)]
        assert sorted(names) == sorted(set(names))


def test_a_boundary_bounds_every_role_custom_resources_included() -> None:
    bounded = {role.name: role.boundary for role in estate("wide").policies.roles}

    assert set(bounded.values()) == {"arn:aws:iam::111122223333:policy/boundary"}
    assert {role.boundary for role in estate("acme").policies.roles} == {None}


def test_the_policy_of_airflow_does_not_grow_with_the_estate() -> None:
    sizes = {
        name: len(str(estate(name).policies.role("hybrid-acme-airflow").policies))
        for name in ("acme", "wide")
    }

    assert sizes["wide"] < sizes["acme"]
    assert sizes["acme"] < 10_240
