"""The first hour of a newcomer, and what each of the four readers types, as the pages have it.

What it adds to the tests of the demo: an ordinary user with a fresh clone in a path with a space, set up
by its first command, `init`, `run`, a demo of their own database, and the commands of docs/for against it.
"""

from __future__ import annotations

import json
import os
import shutil

import psutil
import pytest

from bench.first_hour.commands import commands_of
from bench.first_hour.database import program
from bench.first_hour.newcomer import Newcomer, newcomer
from bench.first_hour.run import record
from workspace.paths import ROOT

pytestmark = pytest.mark.e2e

READERS = sorted((ROOT / "docs" / "for").glob("*.md"))


def test_the_commands_of_a_newcomer_and_of_each_reader_do_what_the_pages_say() -> None:
    if program("initdb") is None:
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("this runs as root, and there is no setpriv to be an ordinary user with")

    # Given an ordinary user, and a clone in a path with a space
    shown: dict[str, str] = {}
    with newcomer(share_caches=True) as user:
        assert " " in str(user.clone)
        assert user.type("id -u").output.strip() != "0"

        # When they type what the page says
        for _, said in record(user):
            # Then each command succeeds
            assert said.code == 0, f"{said.text}\n{said.output}"
            assert "Traceback" not in said.output
            shown[said.text.split(" --")[0]] = said.output
            # And so does what the readers type, while the demo runs
            if said.text.startswith("bin/hybrid demo logs"):
                _readers_type(user)
        assert _left_behind(user) == []

    # And they see their rows, masked as they said last
    assert "id=1 name=C email=*** country=ES" in shown["bin/hybrid run customers"]
    assert "5,000" in shown["bin/hybrid lake ls"]
    landed = shown["bin/hybrid lake query 'select * from customers order by id limit 3'"].split()
    assert landed[5:9] == ["1", "C", "c1", "ES"]


def _readers_type(user: Newcomer) -> None:
    # Given a shell that asks the demo, and the name of the demo's host in place of the page's
    assert user.type('eval "$(bin/hybrid demo env)"').code == 0
    listed = user.type("bin/hybrid hosts list --site on-premises --estate estate.yaml --json 2>/dev/null")
    [host] = json.loads(listed.output)

    for page in READERS:
        commands = commands_of(page)
        for command in commands:
            said = user.type(command.text.replace("rack-1", host["name"]))
            assert said.code == 0, f"{page.name}: {said.text}\n{said.output}"
        assert len(commands) > 3, page.name
    user.type('for name in $(env | grep -o "^AWS_[A-Z_]*"); do unset "$name"; done')


def _left_behind(user: Newcomer) -> list[list[str]]:
    """Command lines of processes of the clone."""
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if any(str(user.clone) in word for word in command)]
