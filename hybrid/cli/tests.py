"""`hybrid test`: every test of the project."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid.cli import terminal
from workspace import checks, environments


def run_tests(
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out servers, containers and end to end.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Checks whose name contains this, as in `--only dags`.")
    ] = None,
) -> None:
    """Run the tests of all parts; sets up what they need.

    Example: bin/hybrid test --fast
    """
    with terminal.exit_codes():
        wanted = [check for check in checks.checks(fast=fast) if only is None or only in check.name]
        if not wanted:
            known = ", ".join(check.name for check in checks.checks(fast=fast))
            raise terminal.UserError(f"no check is called `{only}`; there are: {known}")
        try:
            with terminal.working("preparing the environments of the parts"):
                environments.ensure_development()
                for environment in (environments.EMULATOR, environments.DATABASES):
                    environment.ensure()
                for environment in (environments.ETL_PROCESS, environments.AIRFLOW):
                    environment.ensure()
                if not fast:
                    environments.DOCS.ensure()
                for check in wanted:
                    if check.python is not None:
                        check.python.ensure()
        except environments.EnvironmentFailure as error:
            raise terminal.Failure(str(error)) from error
        if failed := checks.run(wanted, say=terminal.say, show=terminal.result):
            raise terminal.Failure(f"failed: {', '.join(failed)}")
    terminal.result(f"all {len(wanted)} checks passed")
