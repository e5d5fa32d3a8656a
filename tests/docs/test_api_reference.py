"""The page of what may be imported is what the code makes, and has all that is exported."""

from __future__ import annotations

import ast

from hybrid.cli.docs import generated
from workspace.paths import ROOT


def test_the_generated_pages_are_as_the_code_makes_them() -> None:
    """Make them anew with `bin/hybrid docs generate`."""
    different = [
        name for name, text in generated().items() if (ROOT / name).read_text(encoding="utf-8") != text
    ]

    assert different == []


def test_every_construct_that_is_exported_is_described() -> None:
    # Given the names that the package exports
    tree = ast.parse((ROOT / "constructs" / "hybrid_constructs" / "__init__.py").read_text())
    exported = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]

    # Then each class among them is on the page, with its arguments
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    assert [name for name in exported if not name.isupper() and f".{name}`" not in page] == []
    assert "class AnywhereSite(scope: Construct, construct_id: str, *, name: str" in page
