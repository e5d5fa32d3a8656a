"""Completion in the shells themselves: on a terminal, with the Tab key.

bash is everywhere; zsh and fish are tried where they are installed (Debian: zsh, fish). Takes 1 s a shell.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workspace.paths import ROOT

pytestmark = pytest.mark.slow

Hybrid = Callable[..., "subprocess.CompletedProcess[str]"]

#: Shell → how it begins without anybody's start-up files, and the line that takes the script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit && compinit -u -D && source {script}"),
    "fish": (["fish", "--no-config", "-i"], "source {script}"),
}


def on_a_terminal(command: list[str], *, lines: list[str], until: str, home: Path) -> str:
    """What a shell shows once these keys were pressed, until a text is there, for 20 s at most."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        os.execvpe(command[0], command, environment)  # noqa: S606 - a shell is what is tested
    shown, waiting, end = "", list(lines), time.monotonic() + 20
    try:
        while until not in shown and time.monotonic() < end:
            ready, _, _ = select.select([terminal], [], [], 0.7)
            if ready:
                shown += os.read(terminal, 65536).decode(errors="replace")
            elif waiting:
                os.write(terminal, waiting.pop(0).encode())
    finally:
        os.close(terminal)
        os.waitpid(process, 0)
    return shown


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_tab_completes_a_command(hybrid: Hybrid, tmp_path: Path, shell: str) -> None:
    command, source = SHELLS[shell]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{shell} is not installed (Debian: {shell})")
    # Given the script of the shell
    script = tmp_path / "completion"
    script.write_text(hybrid("completion", shell).stdout)

    # When somebody takes it, types the begin of a command and presses Tab
    lines = [source.format(script=script) + "\n", "bin/hybrid hosts dr\t"]
    shown = on_a_terminal(command, lines=lines, until="hosts drain", home=tmp_path)

    # Then the rest of it is there
    assert "hosts drain" in shown
