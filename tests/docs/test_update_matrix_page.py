"""The page of the update matrix is the matrix that the tests judge."""

from __future__ import annotations

from tests.synth.stacks.update_matrix import PAGE, page


def test_the_page_is_made_from_the_matrix() -> None:
    """Make it anew with `.venv/bin/python -m tests.synth.stacks.update_matrix`."""
    assert PAGE.read_text(encoding="utf-8") == page()
