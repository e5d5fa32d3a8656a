"""docs/reference/roles.md says what the templates say."""

from __future__ import annotations

from tests.policy.roles_document import DOCUMENT, updated


def test_the_reference_is_up_to_date() -> None:
    """Bring it up to date with `.venv/bin/python -m tests.policy.roles_document`."""
    text = DOCUMENT.read_text()

    assert updated(text) == text
