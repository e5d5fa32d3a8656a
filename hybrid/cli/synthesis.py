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
    read_estate(estate)
    with tempfile.TemporaryDirectory() as directory:
        path = os.pathsep.join(
            [str(Path(sys.executable).parent), str(node().parent), os.environ.get("PATH", "")]
        )
        with terminal.working("synthesizing the estate"):
            done = subprocess.run(
                [
                    *cdk_command(),
                    *("synth", "--quiet", "--output", directory, "--context", f"estate={estate.resolve()}"),
                ],
                cwd=ROOT,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
            raise terminal.Failure(f"`cdk synth` failed, so there is nothing to review:\n{tail}")
        return read_assembly(Path(directory), account=account, region=region)
