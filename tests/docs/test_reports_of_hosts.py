"""The list of reported faults of hosts: each is told by the code in those words, and planted by a test."""

from __future__ import annotations

import re

import pytest

from hybrid.fleet.host_kit.reports import REPORTS, SEEN, Report
from tests.docs.error_texts import is_printed
from workspace.paths import ROOT


@pytest.mark.parametrize("report", [*REPORTS, *SEEN], ids=lambda one: one.what[:40])
def test_a_report_is_told_in_its_words_and_planted_by_a_test(report: Report) -> None:
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert is_printed(report.says)
    assert report.tried_by in tests
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", where) for where in report.where)
