"""What the command line writes, in one place: people's words, tables, JSON, and how a run ends.

Results go to standard output; everything said along the way goes to standard error, so that a pipe gets
the result alone. Exit codes: 0 success, 1 a failure, 2 the user's mistake.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


class UserError(Exception):
    """Something only the user can put right; the message says what and how. Exit code 2."""


class Failure(Exception):
    """Something failed that was asked for rightly; the message says what and what to do next. Exit code 1."""


def say(message: str) -> None:
    """One line along the way."""
    _err.print(message, markup=False)


def result(message: str) -> None:
    """One line of the result."""
    _out.print(message, markup=False)


def result_json(data: Any) -> None:
    """The result as JSON."""
    print(json.dumps(data, indent=2, default=str))


def result_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The result as a table; tab-separated where nobody watches."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(str(cell) for cell in row))
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    _out.print(table)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Shows that something is going on: a spinner for people, one line elsewhere."""
    if not sys.stderr.isatty():
        say(f"{message} …")
        yield
        return
    with _err.status(message):
        yield


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turns the errors of this module into one line and an exit code."""
    try:
        yield
    except UserError as error:
        _stop(str(error), 2)
    except Failure as error:
        _stop(str(error), 1)


def _stop(message: str, code: int) -> NoReturn:
    say(message)
    raise typer.Exit(code)
