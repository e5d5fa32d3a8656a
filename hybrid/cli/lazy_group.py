"""A group of commands that loads the module of one only when it is run, or when its own help is asked for.

`bin/hybrid --help` would else import boto3, pydantic and the whole demo, which takes a second.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from hybrid.cli.command import Command


def group_of(described: Mapping[str, Command]) -> type[TyperGroup]:
    """The class of a group of these commands, in this order."""

    class Group(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the group's signature
            return list(described)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the group's signature
            return loaded(cmd_name, described[cmd_name]) if cmd_name in described else None

        def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the group's signature
            with formatter.section("Commands"):
                formatter.write_dl([(name, command.help) for name, command in described.items()])

    return Group


def loaded(name: str, described: Command) -> Any:
    """A command as `typer` runs it, under its name."""
    found = getattr(importlib.import_module(described.module), described.name)
    # A group of one command: made alone, it would have options of its own for completion.
    group = typer.Typer(add_completion=False, rich_markup_mode=None, callback=lambda: None)
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name)
    else:
        group.command(name, context_settings=dict(described.context or {}))(found)
    made: Any = typer.main.get_command(group)
    command = made.commands[name]
    if getattr(command, "commands", None) and "Example:" not in (command.help or ""):
        _, _, example = next(iter(command.commands.values())).help.partition("Example:")
        command.help = f"{command.help}\n\nExample:{example}"
    return command
