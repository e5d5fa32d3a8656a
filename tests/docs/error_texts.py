"""The texts that the program can print, read from its sources: literals, with a gap for what is filled in."""

from __future__ import annotations

import ast
import re
from functools import cache

from workspace.paths import ROOT

#: Stands where a value is filled in.
GAP = "…"

_PYTHON = ("hybrid", "sandbox", "workspace", "etl/hybrid_etl", "dags/plugin", "stacks", "constructs")
_SHELL = ("bin/hybrid", "hybrid/fleet/host_kit/script/*.sh")


@cache
def texts() -> list[str]:
    """Every text of the code, as one line each."""
    found: list[str] = []
    for folder in _PYTHON:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found += _literals(ast.parse(path.read_text(encoding="utf-8")))
    for pattern in _SHELL:
        for path in sorted(ROOT.glob(pattern)):
            found += [re.sub(r"\$\{?\w+\}?", GAP, line) for line in path.read_text().splitlines()]
    return found


def _literals(tree: ast.AST) -> list[str]:
    # A docstring is printed by nobody.
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values]
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            found.append(re.sub(r"\{\w+\}", GAP, node.value))
    return [" ".join(text.split()) for text in found]


def is_printed(quoted: str) -> bool:
    """Whether one text of the code has the quoted words in their order, with anything at each gap."""
    parts = [re.escape(" ".join(part.split())) for part in quoted.split(GAP)]
    pattern = re.compile(".*".join(part for part in parts if part))
    return any(pattern.search(text) for text in texts())
