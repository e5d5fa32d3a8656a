"""Every lock file names the hashes of what it locks, and is one that `bin/hybrid lock` makes."""

from __future__ import annotations

import re
import subprocess

import pytest

from workspace.locks import LOCKS, Lock
from workspace.paths import ROOT


def test_every_lock_file_is_made_by_the_command() -> None:
    # What is not committed yet counts: else a new lock file would be missing until it is.
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = {
        line for line in listed.stdout.split() if re.search(r"(requirements[^/]*|matrix/[^/]*)\.txt$", line)
    }

    assert files == {lock.name for lock in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_has_hashes_and_no_index_is_named(lock: Lock) -> None:
    packages = re.split(r"\n(?=[A-Za-z0-9])", lock.file.read_text().replace("\\\n", " "))
    packages = [text for text in packages if "==" in text.split("#")[0]]

    assert packages
    assert [text.split()[0] for text in packages if "--hash=sha256:" not in text] == []
    assert "://" not in re.sub(r"#.*", "", lock.file.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_what_is_wanted_is_locked(lock: Lock) -> None:
    text = lock.made_from.read_text()
    if lock.made_from.suffix == ".toml":
        text = re.search(r"dependencies = \[(.*?)\n\]", text, re.DOTALL)[1].replace('"', "")  # type: ignore[index]
    wanted = re.findall(r"^\s*([A-Za-z0-9._-]+)", re.sub(r"(#|-r ).*", "", text), re.MULTILINE)
    locked = {
        name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock.file.read_text(), re.MULTILINE)
    }

    assert wanted
    assert {name.lower() for name in wanted} <= locked
