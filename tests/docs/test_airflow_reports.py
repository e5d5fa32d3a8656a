"""The page of others' reports of Airflow names tests, and each of them is there."""

from __future__ import annotations

import re

from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "airflow-reports.md"


def test_every_report_names_a_test_and_each_of_them_exists() -> None:
    # Given the rows of the table
    table = PAGE.read_text().split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 12
    # Then each names a test, and all that are named are there
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= there, row
