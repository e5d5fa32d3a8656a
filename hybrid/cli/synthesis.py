"""The estate, synthesized for a command that judges its templates."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid.cli import terminal
from hybrid.cli.estate_file import read_estate
from hybrid.review.against import PolicyFileError
from hybrid.review.assembly import OPEN_ACCOUNT, OPEN_REGION, AssemblyError, Stack, read_assembly
from hybrid.review.intrinsics import UnresolvedError
from workspace.environments import EnvironmentFailure
from workspace.node import cdk as cdk_command
from workspace.node import node
from workspace.paths import ROOT


@contextmanager
def review_errors() -> Iterator[None]:
    """Errors of reading and judging templates as errors of the terminal."""
    try:
        yield
    except (AssemblyError, PolicyFileError) as error:
        raise terminal.UserError(str(error)) from error
    except EnvironmentFailure as error:
        raise terminal.Failure(f"the CDK command line could not be installed: {error}") from error
    except UnresolvedError as error:
        raise terminal.Failure(f"{error}; the review would be incomplete") from error


def synthesized(estate: Path, *, account: str = OPEN_ACCOUNT, region: str = OPEN_REGION) -> list[Stack]:
    """The stacks of an estate file.

    Args:
        account: stands in where the estate names no account.
        region: stands in where it names no Region.

    Raises:
        terminal.UserError: the estate file has a problem.
        terminal.Failure: `cdk synth` failed.
    """
    with tempfile.TemporaryDirectory() as directory:
        synthesize(estate, Path(directory))
        return read_assembly(Path(directory), account=account, region=region)


def synthesize(estate: Path, directory: Path) -> None:
    """Make the cloud assembly of an estate file.

    Raises:
        terminal.UserError: the estate file has a problem.
        terminal.Failure: `cdk synth` failed.
    """
    read_estate(estate)
    with terminal.working("synthesizing the estate"):
        done = subprocess.run(
            [
                *cdk_command(),
                *("synth", "--quiet", "--output", str(directory), "--context", f"estate={estate.resolve()}"),
            ],
            cwd=ROOT,
            env=cdk_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
        raise terminal.Failure(f"`cdk synth` failed, so there is nothing to review:\n{tail}")


def cdk_environment() -> dict[str, str]:
    """Variables of the CDK command line: the project's node and Python come first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(node().parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}
