"""The page of guarantees names tests, and each of them is there."""

from __future__ import annotations

import re

from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "guarantees.md"


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)(?:\.py)?`", PAGE.read_text()))
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.stem for path in files}
    there |= {
        name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert named - there == set()


def test_every_cell_names_a_test_or_is_a_gap() -> None:
    # Given the matrix: situations in the rows, engines in the columns
    text = PAGE.read_text().split("## When it is read")[1].split("## Choosing the keys")[0]
    rows = [
        line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| situation")
    ]
    assert len(rows) > 25
    # Then each row has a test, or says that there is none
    assert [row for row in rows if row.count(" | ") != 3] == []
    assert [row for row in rows if "`test_" not in row and "**gap**" not in row] == []
