"""The page of the command line is what the commands are, and each command explains itself."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from hybrid.cli.reference import EXAMPLE, commands, page
from workspace.paths import ROOT

COMMANDS = [pytest.param(*found, id=found[1].command_path) for found in commands()]
KNOWN = {context.command_path for _, context in commands()}


def test_the_page_is_the_one_that_the_commands_make() -> None:
    kept = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")

    assert kept == page(), "make it anew: bin/hybrid docs generate"


def test_the_page_names_no_place_of_the_machine_that_it_was_made_on() -> None:
    assert str(ROOT) not in page()


@pytest.mark.parametrize(("command", "context"), COMMANDS)
def test_the_help_of_a_command_ends_with_an_example_of_it(command: Any, context: Any) -> None:
    # Given the example of the help
    found = EXAMPLE.search(command.help or "")
    assert found, f"the help of `{context.command_path}` has no line `Example: …`"

    # Then what it calls is that command, or one of its group
    called = re.findall(r"bin/hybrid ([a-z][a-z -]*)", found[1])
    assert any(f"{one} ".startswith(f"{context.command_path} ") for one in called)
    shlex.split(found[1])


@pytest.mark.parametrize(("command", "context"), COMMANDS)
def test_each_argument_and_option_says_what_it_is(command: Any, context: Any) -> None:
    records = [parameter.get_help_record(context) for parameter in command.params]

    assert [record[0] for record in records if record and not record[1].partition("[")[0].strip()] == []


def test_every_variable_that_the_program_reads_is_described() -> None:
    # Given the variables in the code, but for those that shells set for completion
    parts = ("hybrid", "sandbox", "workspace")
    files = [*(file for part in parts for file in (ROOT / part).rglob("*.py")), ROOT / "bin" / "hybrid"]
    named = {name for file in files for name in re.findall(r"\bHYBRID_[A-Z_]+[A-Z]\b", file.read_text())}

    # Then each is on the page, or is one of the container's
    contracts = (ROOT / "docs" / "reference" / "contracts.md").read_text()
    assert sorted(name for name in named if name not in page() and name not in contracts) == []
