"""`--from` and `--to`: an interval, as a user writes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from hybrid.cli import terminal

From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Begin of the interval, ISO 8601 with a zone."),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Its end, not included.")]


def interval_of(start: str | None, end: str | None) -> tuple[datetime, datetime] | None:
    """The interval that was asked for; None where none was.

    Raises:
        terminal.UserError: one time is missing, is none, or has no zone, or they are not in order.
    """
    if start is None and end is None:
        return None
    first, last = _moment("--from", start), _moment("--to", end)
    if first >= last:
        raise terminal.UserError(f"--from {start} is not before --to {end}; swap or correct them")
    return first, last


def _moment(option: str, text: str | None) -> datetime:
    if text is None:
        raise terminal.UserError(f"{option} is missing: --from and --to come together")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise terminal.UserError(
            f"{option} {text}: this is no ISO 8601 time; write it like 2026-11-01T00:00:00+00:00"
        ) from None
    if moment.tzinfo is None:
        example = moment.replace(tzinfo=UTC).isoformat()
        raise terminal.UserError(f"{option} {text}: it has no zone; write it like {example}")
    return moment
