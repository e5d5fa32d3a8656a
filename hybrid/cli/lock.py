"""`hybrid lock`: the lock files, made anew."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid.cli import terminal
from workspace.locks import LOCKS, LockFailure


def lock(
    only: Annotated[
        str | None, typer.Option(help="Lock files whose path contains this, as in `--only etl`.")
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Let versions go up; without it, they stay where they can.")
    ] = False,
) -> None:
    """Make the lock files anew, with the hashes of all packages.

    After a change of a `.in` file or of etl/pyproject.toml.

    Example: bin/hybrid lock --only etl
    """
    with terminal.exit_codes():
        chosen = [one for one in LOCKS if only is None or only in one.name]
        if not chosen:
            names = ", ".join(one.name for one in LOCKS)
            raise terminal.UserError(f"no lock file has `{only}` in its path; there are: {names}")
        for one in chosen:
            before = one.file.read_bytes() if one.file.exists() else b""
            try:
                with terminal.working(one.name):
                    one.make(upgrade=upgrade)
            except LockFailure as error:
                raise terminal.Failure(str(error)) from error
            terminal.result(f"{one.name}: {'unchanged' if one.file.read_bytes() == before else 'changed'}")
