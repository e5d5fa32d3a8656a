"""`hybrid demo status` and `env`: what runs of the demo, and how to reach it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from sandbox.cli.demo_directory import command
from sandbox.cli.directory_option import OwnDirectory
from sandbox.demo.directory import aws_environment, described, read_facts
from sandbox.services.supervisor import Services


def status(
    context: typer.Context,
    directory: OwnDirectory = None,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What runs of the demo, where it answers, and who logs in to Airflow.

    Example: bin/hybrid demo status
    """
    place = directory or context.obj
    found = described(place)
    if json_output:
        terminal.result_json(found)
        return
    if not found:
        terminal.result(f"nothing runs; `{command('', place)}` starts it")
        return
    terminal.result_table(
        ("service", "state", "pid", "port", "address"),
        [
            (
                one["service"],
                "running" if one["running"] else "ended",
                one["pid"] or "",
                one["port"] or "",
                one["address"] or "",
            )
            for one in found
        ],
    )
    if any(one["running"] for one in found):
        say_what_is_there(place)


def env(
    context: typer.Context,
    directory: OwnDirectory = None,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Exports that point the AWS CLI, boto3 and this command line to the demo.

    Example: eval "$(bin/hybrid demo env)" && bin/hybrid hosts list
    """
    place = directory or context.obj
    with terminal.exit_codes():
        facts, services = read_facts(place), Services(place / "services")
        if facts is None or not all(services.process(name) for name in ("emulator", "site")):
            raise terminal.Failure(f"the demo does not run; `{command('', place)}` starts it")
    variables = aws_environment(place.resolve(), region=facts.region)
    if json_output:
        terminal.result_json(variables)
        return
    # They would win over the keys, or sign for somebody else.
    print("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


def say_what_is_there(directory: Path) -> None:
    """Where Airflow is, and the commands of a demo that stays up."""
    for entry in described(directory):
        if entry["service"] == "airflow":
            terminal.result(
                f"Airflow: {entry['address']}, user {entry['user']}, password in "
                f"{terminal.path(entry['password_file'])}"
            )
    words = ("apply", "status", "logs", "env", "down")
    commands = ", ".join(f"`{command(word, directory)}`" for word in words)
    terminal.result(f"It stays up: {commands}.")
