"""What the documents say is there: every command, every link, every generated page."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from hybrid.cli.reference import commands as commands_of_the_program
from sandbox.differences import table
from workspace.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

#: A link's file, empty for the page itself, and its heading.
_LINK = re.compile(r"\]\((?=[^)\s])([^)#\s]*)(?:#([^)\s]*))?\)")
_COMMAND = re.compile(r"bin/hybrid ([a-z][a-z-]*(?: [a-z][a-z-]*)?)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    # Given the links of a document to files and to headings
    links = [link for link in _LINK.findall(_without_code(document)) if "://" not in link[0]]

    # Then each file is there, and so is each heading
    wrong = []
    for path, anchor in links:
        target = document.parent / path if path else document
        is_wrong = not target.exists() or (anchor and anchor not in anchors(target))
        wrong += [f"{path}#{anchor}"] if is_wrong else []
    assert wrong == []


@functools.cache
def anchors(document: Path) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", _without_code(document), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w -]", "", plain.lower()).replace(" ", "-")
        found[slug] = found.get(slug, 0) + 1
    return {
        slug if number == 0 else f"{slug}-{number}"
        for slug, count in found.items()
        for number in range(count)
    }


def _without_code(document: Path) -> str:
    return re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_a_link_to_a_heading_that_is_not_there_is_seen(tmp_path: Path) -> None:
    # Given a page with two headings of the same words, one with code
    page = tmp_path / "page.md"
    page.write_text("# One `two`, three\n\n## Again\n\n## Again\n\n```\n# no heading\n```\n")

    # Then its anchors are those that GitHub gives
    assert anchors(page) == {"one-two-three", "again", "again-1"}


def commands() -> list[str]:
    """Every `bin/hybrid GROUP [COMMAND]` that a document names."""
    found = set()
    for document in DOCUMENTS:
        if document.name == "wrong-uses.md":
            continue  # each of its commands is wrong, and run by tests/cli/test_wrong_uses.py
        found |= set(_COMMAND.findall(document.read_text()))
    return sorted(found)


def test_every_command_in_the_documents_exists() -> None:
    # Given what the command line knows
    known = {context.command_path: command for command, context in commands_of_the_program()}

    # Then each command that a document names is one of them
    unknown = []
    for command in commands():
        group, _, rest = command.partition(" ")
        below = getattr(known.get(group), "commands", {})
        if group not in known or (below and rest and rest not in below):
            unknown.append(command)
    assert unknown == []
    assert len(commands()) > 10


def test_the_table_of_differences_is_the_one_that_the_module_makes() -> None:
    page = (ROOT / "docs" / "reference" / "differences.md").read_text()

    assert page.endswith(table()), "make it anew: bin/hybrid demo differences"


def test_the_readme_has_exactly_two_commands_before_anything_else() -> None:
    text = (ROOT / "README.md").read_text()
    [block, *_] = [part.split("```")[0] for part in text.split("```sh\n")[1:]]

    assert [shlex.split(line, comments=True) for line in block.strip().splitlines()] == [
        ["bin/hybrid", "demo"],
        ["bin/hybrid", "test"],
    ]


def test_no_tracked_file_names_a_registry_or_a_path_of_a_machine() -> None:
    # Given the marks of a machine, spelled so that this file has none of them
    marks = [
        "files.python" + "hosted.org",
        "registry.npm" + "js.org",
        "pypi" + ".org/simple",
        "deb.debian" + ".org",
        "/work" + "/main",
    ]

    # Then no tracked file has one
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 2_000_000:
            text = path.read_text(errors="replace")
            found += [f"{name}: {mark}" for mark in marks if mark in text]
    assert found == []
