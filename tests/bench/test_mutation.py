"""Mutation testing: a seed repeats its draw, the sources stay, and a mutant that no test sees survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bench.mutation.__main__ import MUTATION, draw
from bench.mutation.page import PAGE, Result, reasons, survivor, written
from bench.mutation.parts import PARTS, Part
from bench.mutation.record import Record
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


@pytest.mark.MARK
def test_guard():
    with pytest.raises(ValueError):
        total([1], told=2)
"""
_WITHOUT_THE_GUARD = Drawn(
    file="toy/__init__.py",
    line=8,
    operator="RemoveStatement",
    text=_SOURCE.replace("raise ValueError(found)", "pass"),
)


def _part(sources: str = "toy") -> Part:
    python = Path(sys.executable)
    return Part(
        name="toy", sources=sources, tests="tests", python=python, ensure=list, nearest={"*": ("toy",)}
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    (root / "toy").mkdir(parents=True)
    (root / "toy" / "__init__.py").write_text(_SOURCE)
    (root / "tests").mkdir()
    (root / "tests" / "test_toy.py").write_text(_SEES_THE_SUM)
    markers = "".join(f"  {name}\n" for name in ("containers", "servers", "e2e", "slow", "quick"))
    (root / "pytest.ini").write_text(f"[pytest]\npythonpath = .\nmarkers =\n{markers}")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def _tree(clone: Path, directory: Path) -> Tree:
    return Tree(directory, root=clone)


@pytest.mark.slow
def test_every_place_but_annotations_is_drawn_and_a_seed_repeats_its_draw(clone: Path) -> None:
    # Given the operators, and a source with a guard and annotations
    MUTATION.ensure()

    def drawn(count: int, seed: int) -> list[Drawn]:
        return draw(_part(), count=count, seed=seed, root=clone)[1]

    # When all places are drawn
    found = drawn(99, 1)

    # Then the removed guard is one of them, no annotation is another, and each is another program
    assert _WITHOUT_THE_GUARD.text in {one.text for one in found}
    assert all("def total(values: list[int] | None, *, told: int) -> int:" in one.text for one in found)
    assert len({one.text for one in found} - {_SOURCE}) == len(found) > 3
    # And a seed draws the same again, another seed others
    assert drawn(2, 1) == drawn(2, 1)
    assert len({json.dumps([one.text for one in drawn(2, seed)]) for seed in range(4)}) > 1
    # And what is added above leaves the draw as it was
    before = [one.text for one in drawn(2, 1)]
    (clone / "toy" / "__init__.py").write_text(f"# A note.\n{_SOURCE}")
    assert [one.text for one in drawn(2, 1)] == [f"# A note.\n{text}" for text in before]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mark", "fate"), [("quick", Fate.KILLED), ("slow", Fate.KILLED_LATE), ("e2e", Fate.SURVIVED)]
)
def test_a_removed_guard_is_seen_by_the_tests_that_look_at_it(
    clone: Path, tmp_path: Path, mark: str, fate: Fate
) -> None:
    # Given a test that sees the guard, among those of a mark
    test = clone / "tests" / "test_toy.py"
    test.write_text(_SEES_THE_SUM + _SEES_THE_GUARD.replace("MARK", mark))
    tree = _tree(clone, tmp_path / "copy")
    tree.begin(_part())

    # When the guard is removed
    found = tree.judge(_part(), _WITHOUT_THE_GUARD)

    # Then that test kills the mutant, if it is run at all, and the copy is as before
    assert found is fate
    assert (tree.directory / "toy" / "__init__.py").read_text() == _SOURCE


@pytest.mark.slow
def test_a_test_that_fails_by_chance_kills_nothing(clone: Path, tmp_path: Path) -> None:
    # Given a test that fails each second time, and sees nothing of the guard
    flag = tmp_path / "flag"
    (clone / "tests" / "test_toy.py").write_text(
        f"{_SEES_THE_SUM}\nimport pathlib\n\n\ndef test_chance():\n    flag = pathlib.Path({str(flag)!r})\n"
        "    if flag.exists():\n        return flag.unlink()\n    flag.touch()\n    assert False\n"
    )

    # Then the mutant survives it
    assert _tree(clone, tmp_path / "copy").judge(_part(), _WITHOUT_THE_GUARD) is Fate.SURVIVED


@pytest.mark.slow
def test_tests_that_fail_anyway_or_read_another_source_are_of_no_use(clone: Path, tmp_path: Path) -> None:
    # Given tests that fail without a mutant
    (clone / "tests" / "test_toy.py").write_text("def test_no():\n    assert False\n")
    with pytest.raises(BaselineFailure, match="fail without a mutant"):
        _tree(clone, tmp_path / "failing").begin(_part())
    # And tests that never import the source
    (clone / "tests" / "test_toy.py").write_text("def test_yes():\n    assert True\n")
    with pytest.raises(BaselineFailure, match="read another"):
        _tree(clone, tmp_path / "other").begin(_part())


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["def test_no():\n    assert False\n", "import nothing_of_this_name\n"])
def test_what_fails_without_the_mutant_as_well_is_no_kill(clone: Path, tmp_path: Path, broken: str) -> None:
    # Given tests that fail whatever the source is, as those of an environment that is taken away meanwhile
    (clone / "tests" / "test_toy.py").write_text(broken)

    with pytest.raises(BaselineFailure, match="fails without it, too"):
        _tree(clone, tmp_path / "copy").judge(_part(), _WITHOUT_THE_GUARD)


@pytest.mark.slow
def test_an_interrupt_ends_the_tests_and_leaves_the_clone_as_it_was(clone: Path, tmp_path: Path) -> None:
    # Given a test that takes its time, and says which process it is
    told = tmp_path / "pid"
    (clone / "tests" / "test_toy.py").write_text(
        f"import os, pathlib, time\n\n\ndef test_long():\n    pathlib.Path({str(told)!r}).write_text("
        "str(os.getpid()))\n    time.sleep(60)\n"
    )
    tree = _tree(clone, tmp_path / "copy")

    def interrupt() -> None:
        end = time.monotonic() + 30
        while not (told.is_file() and told.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    # When Ctrl-C comes meanwhile
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            tree.judge(_part(), _WITHOUT_THE_GUARD)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)

    # Then the process has ended, and clone and copy have the source as it was
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
    for root in (clone, tree.directory):
        assert (root / "toy" / "__init__.py").read_text() == _SOURCE


def test_a_record_knows_what_was_killed_until_the_source_is_another(tmp_path: Path) -> None:
    # Given a run that killed a mutant, and one that survived
    file = tmp_path / "mutation" / "toy.json"
    other = replace(_WITHOUT_THE_GUARD, text=_SOURCE.replace("!=", "=="))
    record = Record(file, resume=False)
    record.keep(_WITHOUT_THE_GUARD, Fate.KILLED_LATE)
    record.keep(other, Fate.SURVIVED)

    # Then the next run knows the first if it resumes, and judges the survivor, and any other text, again
    again = Record(file, resume=True)
    assert again.fate(_WITHOUT_THE_GUARD) is Fate.KILLED_LATE
    assert again.fate(other) is None
    assert again.fate(replace(_WITHOUT_THE_GUARD, text=_WITHOUT_THE_GUARD.text + "\n")) is None
    assert Record(file, resume=False).fate(_WITHOUT_THE_GUARD) is None


def test_the_page_has_the_reason_of_a_survivor_and_keeps_the_other_parts() -> None:
    # Given a page with a section of another part
    found = survivor(_WITHOUT_THE_GUARD, _SOURCE)
    assert found.difference == "-        raise ValueError(found)\n+        pass"
    result = Result(
        sources="toy",
        command="--part toy --seed 1 --count 2",
        possible=9,
        fates=[Fate.KILLED, Fate.SURVIVED],
        survivors=[found],
    )
    other = written("", Result(sources="other", command="", possible=5, fates=[], survivors=[]), {})

    # When a part's is written twice
    page = written(written(other, result, {}), result, {found.key: "It is told elsewhere."})

    # Then it is there once, with its reason, and so is the other
    assert page.count("## toy\n") == page.count("## other\n") == 1
    assert "2 of 9 mutants: 1 killed (50%), 0 of them by tests with servers only; 1 survived" in page
    assert "It is told elsewhere." in page
    assert "no reason" not in page


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_tests_of_a_part_read_the_copy(part: Part, tmp_path: Path) -> None:
    if not part.python.exists():
        pytest.skip(f"the environment {part.python.parents[1].name} is not made (bin/hybrid test makes it)")

    Tree(tmp_path / "copy").see_that_tests_read_it(part)


def test_reasons_are_of_lines_that_are_there() -> None:
    wrong = []
    for file, difference in reasons():
        lines = (ROOT / file).read_text().splitlines()
        gone = [line[1:] for line in difference.splitlines() if line.startswith("-")]
        wrong += [f"{file}: {line}" for line in gone if line not in lines]
    assert wrong == []


def test_the_page_leaves_no_survivor_without_a_reason() -> None:
    page = PAGE.read_text()

    assert [part.sources for part in PARTS if f"\n## {part.sources}\n" not in page] == []
    assert "no reason is written" not in page


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_nearest_tests_are_there(part: Part) -> None:
    # Given the sources, each pattern fits one at least, and leads to test files that are there
    names = [Path(file).relative_to(part.sources).as_posix() for file in part.files()]
    near = {name for file in part.files() for name in (*part.nearest_to(file), *part.left_out_tests)}

    assert names
    assert [pattern for pattern in part.nearest if not any(fnmatch(name, pattern) for name in names)] == []
    assert [name for name in near if not (ROOT / name).is_file()] == []
