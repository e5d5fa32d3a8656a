"""`hybrid doctor`: what this machine has, what it lacks, what that costs, and what to do about it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.doctor.model import Finding, FindingState
from workspace.installing.purposes import Purpose

_COLUMNS = ("state", "name", "found", "concerns", "needed_for", "cost", "remedy")


def doctor(
    purposes: Annotated[
        list[Purpose] | None,
        typer.Option("--for", help="Only what concerns this; again for more.", show_default="all three"),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Check this machine: what is there, what is missing, what it costs, and what to do about it.

    Exit code 1 where something is missing that the demo, the tests or a deployment cannot do without;
    a warning costs something and ends nothing; `unknown` could not be looked at. Changes nothing.

    Example: bin/hybrid doctor --for demo
    """
    wanted = tuple(purposes or Purpose)
    from hybrid.doctor import clone, docker, machine, model, network
    from hybrid.extensions import extensions

    with terminal.working("looking at this machine"):
        brought = [found.load() for found in extensions("hybrid.checks")]
        makers = (machine.checks, clone.checks, docker.checks, network.checks, *brought)
        found = model.run([check for checks in makers for check in checks()])
    findings = [finding for finding in found if set(finding.concerns) & set(wanted)]
    rows = [_row(finding, wanted) for finding in findings]
    if json_output:
        terminal.result_json(rows)
    elif sys.stdout.isatty():
        _show(rows)
    else:
        terminal.result_table(_COLUMNS, [[_flat(row[name]) for name in _COLUMNS] for row in rows])
    states = Counter(str(row["state"]) for row in rows)
    terminal.say(", ".join(f"{states[state]} {state}" for state in FindingState if states[state]))
    if states[FindingState.MISSING]:
        raise typer.Exit(1)


def _row(finding: Finding, purposes: Sequence[Purpose]) -> dict[str, object]:
    state = finding.state(purposes)
    good = state is FindingState.OK
    return {
        "state": str(state),
        "name": finding.name,
        "found": finding.found,
        "concerns": [str(purpose) for purpose in Purpose if purpose in finding.concerns],
        "needed_for": [str(purpose) for purpose in Purpose if purpose in finding.needed_for],
        "cost": "" if good else finding.cost,
        "remedy": "" if good else finding.remedy,
    }


def _flat(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else " ".join(str(value).split())


def _show(rows: Sequence[dict[str, object]]) -> None:
    """A line for each finding, wrapped to the terminal; below what is not good, its cost and its remedy."""
    width = max(shutil.get_terminal_size().columns - 1, 30)
    for row in rows:
        concerns = "" if len(row["concerns"]) == len(Purpose) else f" [{_flat(row['concerns'])}]"  # type: ignore[arg-type]
        _wrapped(f"{str(row['state']).ljust(8)} {row['name']}: {_flat(row['found'])}{concerns}", width)
        for word, what in (("costs", row["cost"]), ("do", row["remedy"])):
            if what:
                _wrapped(f"{'':8} {word}: {_flat(what)}", width)


def _wrapped(text: str, width: int) -> None:
    # Never cut within a word: paths and commands are copied from the screen.
    lines = textwrap.wrap(
        text, width, subsequent_indent=" " * 11, break_long_words=False, break_on_hyphens=False
    )
    for line in lines:
        terminal.result(line)
