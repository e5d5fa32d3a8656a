"""What the documents say is there: every command, every link, every generated page."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid.local.differences import table
from hybrid.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_COMMAND = re.compile(r"bin/hybrid ([a-z][a-z-]*(?: [a-z][a-z-]*)?)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = [link for link in _LINK.findall(document.read_text()) if "://" not in link]

    assert [link for link in links if not (document.parent / link).exists()] == []


def commands() -> list[str]:
    """Every `bin/hybrid GROUP [COMMAND]` that a document names."""
    found = set()
    for document in DOCUMENTS:
        found |= set(_COMMAND.findall(document.read_text()))
    return sorted(found)


@pytest.mark.slow
def test_every_command_in_the_documents_exists() -> None:
    # Given what the command line knows
    known = _known()

    # Then each command that a document names is one of them
    unknown = []
    for command in commands():
        group, _, rest = command.partition(" ")
        if group not in known or (known[group] and rest and rest.split()[0] not in known[group]):
            unknown.append(command)
    assert unknown == []
    assert len(commands()) > 10


def _known() -> dict[str, set[str]]:
    """Commands of the command line: group → its commands, none for a command that takes arguments."""
    return {
        group: _listed(group) if group in ("demo", "sites", "hosts", "sources", "review", "image") else set()
        for group in _listed()
    }


def _listed(*group: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-m", "hybrid", *group, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(re.findall(r"^  ([a-z][a-z-]*) {2,}", done.stdout.split("Commands:")[1], re.MULTILINE))


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
