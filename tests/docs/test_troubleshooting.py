"""The page of symptoms quotes what the program prints: a text that is changed there is changed here."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from workspace.paths import ROOT

sys.path.insert(0, str(Path(__file__).parent))
from error_texts import is_printed

_PAGE = ROOT / "docs" / "troubleshooting.md"
_ROWS = [
    line.split(" | ")[0].removeprefix("| ") for line in _PAGE.read_text().splitlines() if line[:2] == "| "
]
QUOTED = [text for row in _ROWS for text in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("quoted", QUOTED)
def test_each_text_of_the_page_is_one_that_the_program_prints(quoted: str) -> None:
    assert is_printed(quoted)


def test_the_page_quotes_what_each_part_says() -> None:
    assert len(QUOTED) > 80


@pytest.mark.parametrize(
    "quoted",
    [
        "port … is taken by a butterfly",
        # Two texts of the code, in one.
        "the disk is full: make room … the credentials have expired",
        # What a docstring says, nobody is shown.
        "Each text of the code, as one line each.",
    ],
)
def test_a_text_that_is_none_is_told(quoted: str) -> None:
    assert not is_printed(quoted)
