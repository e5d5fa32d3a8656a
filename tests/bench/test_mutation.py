"""Mutation testing draws what its seed says, changes guards, and tells tests that see from others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.mutation.__main__ import MUTATION, draw
from bench.mutation.page import Result, Survivor, reasons, survivor, written
from bench.mutation.parts import PARTS, Part
from bench.mutation.trial import BaselineFailure, Drawn, Fate, Tree
from workspace.paths import ROOT

_SOURCE = '''\
from __future__ import annotations


def total(values: list[int] | None, *, told: int) -> int:
    """The sum, which must be as told."""
    found = sum(values or [])
    if found != told:
        raise ValueError(found)
    return found
'''
_SEES_THE_SUM = "from toy import total\n\n\ndef test_sum():\n    assert total([1, 2], told=3) == 3\n"
_SEES_THE_GUARD = """
import pytest


def test_guard():
    with pytest.raises(ValueError):
        total([1], told=2)
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    (root / "toy").mkdir(parents=True)
    (root / "toy" / "__init__.py").write_text(_SOURCE)
    (root / "tests").mkdir()
    (root / "tests" / "test_toy.py").write_text(_SEES_THE_SUM)
    (root / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\nmarkers =\n  containers\n  servers\n  e2e\n  slow\n"
    )
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def _part(**changes: object) -> Part:
    given: dict[str, object] = {"nearest": {"*": ("toy",)}} | changes
    return Part(name="toy", sources="toy", tests="tests", python=Path(sys.executable), **given)  # type: ignore[arg-type]


def _without_the_guard() -> Drawn:
    text = _SOURCE.replace("raise ValueError(found)", "pass")
    return Drawn(file="toy/__init__.py", line=8, operator="RemoveStatement", text=text)


@pytest.mark.slow
def test_every_place_of_a_file_but_its_annotations_is_drawn_by_the_seed(clone: Path) -> None:
    # Given the operators
    MUTATION.ensure()
    command = [str(MUTATION.python), str(ROOT / "bench" / "mutation" / "draw.py"), str(clone)]

    def drawn(number: int, seed: int) -> list[dict[str, str]]:
        done = subprocess.run(
            [*command, str(number), str(seed), "toy/__init__.py"], capture_output=True, text=True, check=True
        )
        found: list[dict[str, str]] = json.loads(done.stdout)["drawn"]
        return found

    # When all places are drawn, a removed guard is one of them, and no annotation is another
    found = [*drawn(99, 1)]
    assert _without_the_guard().text in {one["text"] for one in found}
    assert all("def total(values: list[int] | None, *, told: int) -> int:" in one["text"] for one in found)
    assert {"AddNot", "RemoveStatement"} <= {one["operator"] for one in found}
    # Then a seed draws the same again, and another one others
    assert drawn(2, 1) == drawn(2, 1)
    assert len({json.dumps(drawn(2, seed)) for seed in range(4)}) > 1


@pytest.mark.slow
def test_a_guard_that_no_test_sees_survives_and_one_that_a_test_sees_does_not(
    clone: Path, tmp_path: Path
) -> None:
    # Given tests that see the sum alone
    blind = Tree(tmp_path / "blind", root=clone)
    blind.begin(_part())
    assert blind.judge(_part(), _without_the_guard()) is Fate.SURVIVED
    # When one is added that sees the guard
    tests = clone / "tests" / "test_toy.py"
    tests.write_text(_SEES_THE_SUM + _SEES_THE_GUARD)
    # Then the mutant does not survive, and the source is as it was
    seeing = Tree(tmp_path / "seeing", root=clone)
    seeing.begin(_part())
    assert seeing.judge(_part(), _without_the_guard()) is Fate.KILLED
    assert (tmp_path / "seeing" / "toy" / "__init__.py").read_text() == _SOURCE
    # And a test that only the thorough run takes is asked after the quick ones
    tests.write_text(
        _SEES_THE_SUM + _SEES_THE_GUARD.replace("def test_guard", "@pytest.mark.slow\ndef test_guard")
    )
    late = Tree(tmp_path / "late", root=clone)
    assert late.judge(_part(), _without_the_guard()) is Fate.KILLED_LATE
    # And tests that fail without a mutant are of no use
    tests.write_text("def test_no():\n    assert False\n")
    with pytest.raises(BaselineFailure, match="fail without a mutant"):
        Tree(tmp_path / "broken", root=clone).begin(_part())


def test_the_page_says_why_a_survivor_may_survive() -> None:
    found = survivor(_without_the_guard(), _SOURCE)
    assert found.difference == "-        raise ValueError(found)\n+        pass"
    result = Result(
        part="toy",
        sources="toy",
        possible=9,
        fates=[Fate.KILLED, Fate.SURVIVED],
        survivors=[found],
        seconds=1,
    )
    assert "1 killed (50%), 1 survived" in result.summary()
    assert "It is told elsewhere." in written([result], seed=1, known={found.key: "It is told elsewhere."})


def test_reasons_and_nearest_tests_are_of_files_that_are_there() -> None:
    assert all((ROOT / key.split("\n")[0]).is_file() for key in reasons())
    for part in PARTS:
        files = part.files()
        assert files
        for file in files:
            near = part.nearest_to(file)
            assert near
            assert [name for name in near if not (ROOT / name).is_file()] == []


def test_a_seed_draws_as_many_as_are_wanted_of_each_part() -> None:
    if not MUTATION.is_current:
        pytest.skip("the environment bench-mutation is not made (bench.mutation makes it)")
    for part in PARTS:
        possible, found = draw(part, number=3, seed=1)
        assert possible > 1000
        assert [Path(one.file).is_relative_to(part.sources) for one in found] == [True] * 3


def test_a_survivor_is_known_again_when_lines_have_moved() -> None:
    one = Survivor(file="a.py", line=1, operator="AddNot", difference="-x\n+not x")
    assert one.key == Survivor(file="a.py", line=7, operator="AddNot", difference="-x\n+not x").key
