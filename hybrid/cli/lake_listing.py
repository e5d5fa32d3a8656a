"""`hybrid lake ls` and `hybrid lake schema`: what landed, by its receipts alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet
from hybrid.cli.lake_place import Demo, Lake, LakeDirectory, Local, known_pipelines, lake_of
from hybrid.lake.columns import table_columns
from hybrid.lake.reading import Stored, UnreadableLake


def list_lake(
    fleet: Fleet,
    pipeline: Annotated[str | None, typer.Argument(help="Each interval of this pipeline.")] = None,
    local: Local = False,
    lake: LakeDirectory = None,
    demo: Demo = False,
) -> None:
    """What landed: a line for each pipeline, or for each interval of one.

    Example: bin/hybrid lake ls --local
    """
    names = known_pipelines(fleet, pipeline)
    found = lake_of(fleet, local=local, directory=lake, demo=demo)
    receipts, hidden, faults = _read(found, names)
    if fleet.json_output:
        documents = {name: [_document(one) for one in receipts[name]] for name in receipts}
        terminal.result_json(documents if pipeline is None else documents.get(pipeline, []))
    elif pipeline is None:
        terminal.result_table(
            ("pipeline", "intervals", "rows", "bytes", "read until", "finished"),
            [_summary(name, receipts[name]) for name in receipts],
        )
    elif receipts.get(pipeline):
        terminal.result_table(
            ("from", "to", "rows", "bytes", "files", "finished"), [_row(one) for one in receipts[pipeline]]
        )
    elif not faults:
        terminal.say(_nothing_landed(pipeline, found))
    for name, count in hidden.items():
        if count and not fleet.json_output:
            terminal.say(
                f"{name}: {count} more receipt{'s are' if count > 1 else ' is'} not read: another stands for "
                f"{'them' if count > 1 else 'it'}"
            )
    if faults:
        raise terminal.UserError("\n".join(faults))


def show_schema(
    fleet: Fleet,
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    local: Local = False,
    lake: LakeDirectory = None,
    demo: Demo = False,
) -> None:
    """Columns of a pipeline, over all its intervals, with the types that `lake query` gives them.

    Example: bin/hybrid lake schema customers-regional --local
    """
    known_pipelines(fleet, pipeline)
    found = lake_of(fleet, local=local, directory=lake, demo=demo)
    receipts, _, faults = _read(found, [pipeline])
    if faults:
        raise terminal.UserError(faults[0])
    if not receipts[pipeline]:
        raise terminal.UserError(_nothing_landed(pipeline, found))
    try:
        columns = table_columns([one.body["schema"] for one in receipts[pipeline]])
    except UnreadableLake as error:
        raise terminal.UserError(f"{pipeline}: {error}") from error
    masked = receipts[pipeline][-1].body.get("masked") or {}
    if fleet.json_output:
        terminal.result_json(
            [
                {
                    "column": one.name,
                    "sql_type": one.type,
                    "lake_types": list(one.lake_types),
                    "database_type": one.database_type,
                    "mask": masked.get(one.name),
                    "intervals_without": one.missing,
                }
                for one in columns
            ]
        )
        return
    terminal.result_table(
        ("column", "type in SQL", "type in the lake", "type in the database", "mask"),
        [
            (one.name, one.type, ", ".join(one.lake_types), one.database_type, masked.get(one.name, ""))
            for one in columns
        ],
    )
    for one in columns:
        if one.missing:
            terminal.say(
                f"column {one.name} is not in {one.missing} of {len(receipts[pipeline])} intervals: NULL "
                f"there"
            )
        if one.note:
            terminal.say(one.note)


def _read(lake: Lake, names: Sequence[str]) -> tuple[dict[str, list[Stored]], dict[str, int], list[str]]:
    """Visible receipts by pipeline, how many more there are, and what cannot be read."""
    receipts: dict[str, list[Stored]] = {}
    hidden: dict[str, int] = {}
    faults = []
    with terminal.progress(f"reading receipts in {lake.place.address}") as update:
        for name in names:

            def said(done: int, of: int, name: str = name) -> None:
                update(f"{name}, {done:,} of {of:,}")

            try:
                receipts[name], in_all = lake.visible(name, say=said)
            except UnreadableLake as error:
                faults.append(str(error))
                continue
            hidden[name] = in_all - len(receipts[name])
    return receipts, hidden, faults


def _nothing_landed(pipeline: str, lake: Lake) -> str:
    return (
        f"nothing of `{pipeline}` has landed in {lake.place.address} yet: run its DAG, or `bin/hybrid run "
        f"{pipeline}` for a lake on this machine, which --local reads"
    )


def _summary(name: str, receipts: Sequence[Stored]) -> tuple[object, ...]:
    if not receipts:
        return name, 0, 0, 0, "", ""
    last = receipts[-1]
    finished = max(str(one.body["finished_at"]) for one in receipts)
    return (
        name,
        f"{len(receipts):,}",
        f"{sum(one.body['rows'] for one in receipts):,}",
        f"{sum(one.body['bytes'] for one in receipts):,}",
        _time(last.span[1]) if last.span else "",
        _time(finished),
    )


def _row(one: Stored) -> tuple[object, ...]:
    start, end = one.span or (None, None)
    return (
        "everything" if one.is_full else _time(start) if start else "",
        _time(end) if end else "",
        f"{one.body['rows']:,}",
        f"{one.body['bytes']:,}",
        len(one.body["files"]),
        _time(one.body["finished_at"]),
    )


def _document(one: Stored) -> dict[str, Any]:
    body = one.body
    return {
        "receipt": one.key,
        "interval": body["interval"],
        "rows": body["rows"],
        "bytes": body["bytes"],
        "files": [file["key"] for file in body["files"]],
        "finished_at": body["finished_at"],
        "host": body.get("host"),
        "specification": body.get("specification"),
    }


def _time(moment: str | datetime) -> str:
    """A time in UTC, to the second."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    at = at.astimezone(UTC)
    return f"{at.year:04d}-{at:%m-%d %H:%M:%S}"
