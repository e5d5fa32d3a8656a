"""`hybrid lake query`: SQL over what landed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet
from hybrid.cli.lake_place import Demo, LakeDirectory, Local, lake_of, unknown_pipeline
from hybrid.lake.querying import ENVIRONMENT, EngineFailed, Query
from workspace.environments import EnvironmentFailure
from workspace.printable import printable

SHOWN = 100
"""Rows that a table shows where nothing else is asked."""


def query_lake(
    fleet: Fleet,
    query: Annotated[
        str, typer.Argument(help="One SELECT, in DuckDB's SQL; `-` reads it from standard input.")
    ],
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Most rows to give.", show_default="100; with --json and --csv, all"),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="The result as CSV, as the lake's own.")] = False,
    local: Local = False,
    lake: LakeDirectory = None,
    demo: Demo = False,
) -> None:
    """Ask the lake in SQL; each pipeline is a table of what a reader sees of it.

    Example: bin/hybrid lake query 'select count(*) from "customers-regional"' --local
    """
    if csv and fleet.json_output:
        raise terminal.UserError("--json and --csv are two forms of one result: give one of them")
    text = _text(query)
    found = lake_of(fleet, local=local, directory=lake, demo=demo)
    _ensure_environment()
    is_table = not (csv or fleet.json_output)
    asked = Query(
        query=text,
        pipelines={name: fleet.estate.prefix_of(name) for name in fleet.estate.pipelines},
        place=found.where,
        most=SHOWN if limit is None and is_table else limit,
        json=fleet.json_output,
    )
    show = _show_table if is_table else _show_csv if csv else _show_json
    try:
        with asked.events() as events:
            _answer(_told(events, fleet), show)
    except EngineFailed as error:
        raise terminal.Failure(str(error)) from error
    except BrokenPipeError:
        # Whoever reads has enough, as `head` does; nothing more is to be written there, at the end neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _text(query: str) -> str:
    if query == "-":
        query = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    if not query.strip():
        raise terminal.UserError('the query is empty; write one like: select count(*) from "PIPELINE"')
    return query


def _ensure_environment() -> None:
    try:
        if not ENVIRONMENT.is_current:
            with terminal.working("preparing the environment of the query engine"):
                ENVIRONMENT.ensure()
    except EnvironmentFailure as error:
        raise terminal.Failure(str(error)) from error


def _told(events: Iterator[dict[str, Any]], fleet: Fleet) -> Iterator[dict[str, Any]]:
    """The events of an answer, without the notes, which are told.

    Raises:
        terminal.UserError, terminal.Failure: there is no answer.
    """
    for event in events:
        if "unknown" in event:
            raise unknown_pipeline(fleet, event["unknown"])
        if "error" in event:
            kind = terminal.UserError if event["code"] == 2 else terminal.Failure
            raise kind(str(event["error"]))
        if "note" in event:
            terminal.say(f"   {event['note']}")
        else:
            yield event


def _answer(events: Iterator[dict[str, Any]], show: Callable[..., None]) -> None:
    """Show progress until the answer begins, then the answer."""
    with terminal.progress("asking the lake") as update:
        first: dict[str, Any] | None = None
        for event in events:
            if "progress" in event:
                update(event["progress"])
            elif "columns" in event:
                first = event
                break
    if first is None:
        raise EngineFailed("the process that answers queries ended without an answer; try again")
    show(first, events)


def _show_table(first: dict[str, Any], events: Iterator[dict[str, Any]]) -> None:
    rows: list[list[str]] = []
    more = 0
    with terminal.progress("asking the lake") as update:
        for event in events:
            if "progress" in event:
                update(event["progress"])
            rows += [[_shown(cell) for cell in row] for row in event.get("rows", ())]
            more += event.get("more", 0)
    terminal.result_table([_shown(name) for name in first["columns"]], rows)
    if more:
        terminal.say(
            f"   {more:,} more row{'s' if more > 1 else ''}: --limit N shows more, --csv and --json give all"
        )
    elif not rows:
        terminal.say("   no rows")


def _show_json(first: dict[str, Any], events: Iterator[dict[str, Any]]) -> None:
    """An array with an object for each row; of columns with one name, the later ones are numbered."""
    names = _apart(first["columns"])
    before = "[\n"
    for event in events:
        for row in event.get("rows", ()):
            _write(before + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False))
            before = ",\n"
        _say_more(event)
    _write("[]\n" if before == "[\n" else "\n]\n")
    sys.stdout.flush()


def _show_csv(first: dict[str, Any], events: Iterator[dict[str, Any]]) -> None:
    """CSV as in the lake: every text is quoted, and nothing between the commas is NULL."""
    quoted = first["quoted"]
    _write(",".join(_quoted(name) for name in first["columns"]) + "\n")
    for event in events:
        for row in event.get("rows", ()):
            cells = [
                "" if cell is None else _quoted(cell) if is_text else cell
                for cell, is_text in zip(row, quoted, strict=True)
            ]
            _write(",".join(cells) + "\n")
        _say_more(event)
    sys.stdout.flush()


def _say_more(event: dict[str, Any]) -> None:
    if more := event.get("more"):
        terminal.say(f"   {more:,} more row{'s' if more > 1 else ''}")


def _apart(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, own = 1, name
        while own in found:
            own, number = f"{name}_{number}", number + 1
        found.append(own)
    return found


def _shown(cell: str | None) -> str:
    """A value on a line of a terminal."""
    if cell is None:
        return "NULL"
    return printable(cell)


def _quoted(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"'


def _write(text: str) -> None:
    """To standard output, in UTF-8 whatever the terminal's character set is: a result is exact."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
