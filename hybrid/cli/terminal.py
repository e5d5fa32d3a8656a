"""What the command line writes, in one place: people's words, tables, JSON, and how a run ends.

Results go to standard output; everything said along the way goes to standard error, so that a pipe gets
the result alone. Exit codes: 0 success, 1 a failure, 2 the user's mistake.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from hybrid.cli.wrapping import wrapped
from workspace.printable import printable

#: Characters between two columns of a table.
_GAP = 2

#: Seconds between two lines of progress where nobody watches.
_QUIET_SECONDS = 2.0


class UserError(Exception):
    """Something only the user can put right; the message says what and how. Exit code 2."""


class Failure(Exception):
    """Something failed that was asked for rightly; the message says what and what to do next. Exit code 1."""


def say(message: str) -> None:
    """One line along the way, wrapped between words on a terminal."""
    text = wrapped(message, width=_width()) if sys.stderr.isatty() else message
    print(_shown(text, sys.stderr), file=sys.stderr)


def result(message: str, *, flush: bool = False) -> None:
    """One line of the result, wrapped between words on a terminal; a text of several lines as it is.

    Args:
        flush: write it at once, for a reader who waits for it.
    """
    wraps = sys.stdout.isatty() and "\n" not in message.strip("\n")
    text = wrapped(message, width=_width()) if wraps else message
    print(_shown(text, sys.stdout), flush=flush)


def path(place: Path | str) -> str:
    """A path as it can be pasted into a shell: in quotes where it has blanks, and then never wrapped."""
    return shlex.quote(str(place))


def result_json(data: Any) -> None:
    """The result as JSON."""
    print(json.dumps(data, indent=2, default=str))


def result_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The result as a table; tab-separated where nobody watches.

    Nothing is ever cut off: names and ids are copied from the screen. Where the terminal is too narrow for
    the columns, their texts are wrapped between words; where it is too narrow for their words, each row
    becomes a record, a line for each column.
    """
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            print("\t".join(printable(str(cell)) for cell in row))
        return
    cells = [[printable(str(cell), but="\n") for cell in row] for row in rows]
    least = _least_widths(columns, cells)
    room = _width() - _GAP * (len(columns) - 1)
    if sum(least) > room:
        for line in _records(columns, cells):
            result(line)
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # Widths that rich chooses may be wider than the terminal, which then cuts the last column.
    widths = _widths(columns, cells, least=least, room=room)
    headings = [Column(name, width=width) for name, width in zip(columns, widths, strict=True)]
    table = Table(*headings, box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for row in cells:
        table.add_row(*map(Text, row))
    # On its own, or with a width alone, rich takes every terminal that says `dumb` for one of 80 columns.
    width, height = shutil.get_terminal_size()
    Console(highlight=False, width=width, height=height).print(table)


def _width() -> int:
    return shutil.get_terminal_size().columns


def _least_widths(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """Width of each column in which no word is cut."""
    from rich.cells import cell_len

    by_column = [[name, *(row[index] for row in cells)] for index, name in enumerate(columns)]
    return [
        max((cell_len(word) for text in texts for word in text.split()), default=1) for texts in by_column
    ]


def _widths(
    columns: Sequence[str], cells: Sequence[Sequence[str]], *, least: Sequence[int], room: int
) -> list[int]:
    """Width of each column: its text where there is room for it, else a share of what its words leave."""
    from rich.cells import cell_len

    wanted = [max(map(cell_len, [name, *(row[i] for row in cells)])) for i, name in enumerate(columns)]
    widths, left = list(least), room - sum(least)
    # Those that want least get all of it, and leave the more to the others.
    order = sorted(range(len(columns)), key=lambda index: wanted[index] - least[index])
    for place, index in enumerate(order):
        given = min(wanted[index] - least[index], left // (len(order) - place))
        widths[index] += given
        left -= given
    return widths


def _records(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    name_width = max(map(len, columns))
    lines: list[str] = []
    for number, row in enumerate(cells):
        lines += [""] if number else []
        for name, text in zip(columns, row, strict=True):
            if text:
                line = f"{name.ljust(name_width)}  {text}"
                lines.append(wrapped(line, width=_width(), hang=name_width + _GAP))
    return lines


def _shown(text: str, stream: Any) -> str:
    """Text as a stream can show it: what its character set lacks, as in LC_ALL=C, becomes `?`.

    What would act on a terminal, as a name of an estate file may hold, is written as its escape.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return printable(text, but="\n\t").encode(encoding, "replace").decode(encoding)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Shows that something is going on: a spinner for people, one line elsewhere."""
    if not sys.stderr.isatty():
        say(f"{message} …")
        yield
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(message):
        yield


@contextmanager
def progress(message: str) -> Iterator[Callable[[str], None]]:
    """Shows how far something is; gives what takes each new state of it.

    A spinner for people; elsewhere a line where two seconds have passed without one.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True, highlight=False).status(Text(message)) as status:
            yield lambda state: status.update(Text(f"{message}: {state}"))
        return
    said_at = time.monotonic()

    def update(state: str) -> None:
        nonlocal said_at
        if time.monotonic() - said_at > _QUIET_SECONDS:
            said_at = time.monotonic()
            say(f"{message}: {state} …")

    yield update


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
