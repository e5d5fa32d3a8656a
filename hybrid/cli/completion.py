"""`hybrid completion`: commands, options and arguments completed by the shell."""

from __future__ import annotations

import re
import shlex
from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from hybrid.cli.main import COMPLETE
from workspace.paths import ROOT


class Shell(StrEnum):
    """Shells that a script is there for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")] = Shell.BASH) -> None:
    """Print the script that completes commands in your shell.

    Example: source <(bin/hybrid completion bash)
    """
    script = get_completion_script(prog_name="hybrid", complete_var=COMPLETE, shell=shell.value)
    # bash calls what was typed; the others call a program of the PATH, where a clone's is not.
    own = shlex.quote(str(ROOT / "bin" / "hybrid"))
    typer.echo(re.sub(r" hybrid(?=[)\"])", lambda _: f" {own}", script))
