"""`airflow standalone` without log servers; run by path with the interpreter of Airflow's environment.

The log servers of scheduler and triggerer listen on every address of the machine, which no setting changes
(airflow/utils/serve_logs/core.py, `host=""`). On one machine nobody asks them: the API server reads the same
files. Both commands have an option that leaves them out, and `standalone` has no way to give it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

_SERVES_LOGS = ("scheduler", "triggerer")


def without_log_server(command: list[str]) -> list[str]:
    """A command of Airflow's command line with the option that leaves its log server out."""
    return [*command, "--skip-serve-logs"] if command[0] in _SERVES_LOGS else command


def main() -> None:
    """Be `airflow standalone`, with `without_log_server` over each of its commands."""
    standalone: Any = importlib.import_module("airflow.cli.commands.standalone_command")
    started = standalone.SubCommand

    @functools.wraps(started)
    def quiet(parent: Any, *, command: list[str], **options: Any) -> Any:
        return started(parent, command=without_log_server(command), **options)

    standalone.SubCommand = quiet
    sys.argv = ["airflow", "standalone"]
    airflow: Any = importlib.import_module("airflow.__main__")
    airflow.main()


if __name__ == "__main__":
    main()
