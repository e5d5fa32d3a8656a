"""What the page of several files says, typed with the files that it shows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from workspace.paths import ROOT

_PAGE = (ROOT / "docs" / "how-to" / "many-teams.md").read_text(encoding="utf-8")


def test_the_files_of_the_page_are_valid_and_the_commands_say_what_it_shows(tmp_path: Path) -> None:
    # Given the files that the page shows, each under the name in its first line
    files = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", _PAGE, re.MULTILINE | re.DOTALL)
    assert len(files) == 4
    for name, text in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    # When its commands are typed, then they say what it shows
    shown = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```", _PAGE, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for command, says in shown:
        words = command.replace("bin/hybrid", str(ROOT / "bin" / "hybrid")).split()
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, says), done.stderr
