"""`hybrid cdk …`: the CDK command line, pinned, with the project's node and environment."""

from __future__ import annotations

import os
import subprocess

import typer

from hybrid.cli import terminal
from hybrid.node import cdk as cdk_command
from hybrid.node import node
from hybrid.paths import ROOT

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def cdk(context: typer.Context) -> None:
    """Run the CDK command line: synth, diff, deploy, destroy, …

    Example: bin/hybrid cdk synth -c estate=hybrid.yaml
    """
    with terminal.exit_codes():
        try:
            with terminal.working("preparing the CDK command line"):
                command = cdk_command()
        except subprocess.CalledProcessError as error:
            raise terminal.Failure(
                f"npm could not install the CDK command line (exit code {error.returncode}); "
                "is the npm registry reachable from here?"
            ) from error
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), str(node().parent), os.environ.get("PATH", "")])
    os.chdir(ROOT)
    # The CDK command line takes the place of this process, so that it has its terminal and its signals.
    os.execve(command[0], [*command, *context.args], {**os.environ, "PATH": path})  # noqa: S606
