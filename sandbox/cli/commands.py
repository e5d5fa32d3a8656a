"""The commands that the sandbox brings to the command line (entry point `hybrid.commands`)."""

from __future__ import annotations

from collections.abc import Mapping

from hybrid.cli.command import Command

COMMANDS: Mapping[str, Command] = {
    "demo": Command(
        "sandbox.cli.demo",
        "app",
        "Deploy the estate to an emulator on this machine, run its DAGs in Airflow, show what landed.",
    ),
}
