"""`hybrid run`: a pipeline on this machine, seen in seconds, without Airflow and without a deployment."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from hybrid.artifacts.compile import pipeline_manifest
from hybrid.cli import terminal
from hybrid.cli.database_option import (
    DatabaseUrl,
    ensure_container_code,
    exit_codes_of_the_container,
    secret_from,
)
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.cli.intervals import From, To, interval_of
from hybrid.estate import Estate
from hybrid.estate.composing import files_of
from hybrid.estate.suggestion import suggestion
from hybrid.trial.running import LAKE, UNJUDGED, Trial
from workspace.paths import ESTATE

#: Seconds between two looks at a file that is watched.
_LOOK_SECONDS = 0.2

#: Where a full refresh begins, as in the DAGs: the first instant of MySQL's DATETIME (its Reference Manual).
BEGINNING = datetime(1000, 1, 1, tzinfo=UTC)


def run(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    estate: EstateFile = ESTATE,
    start: From = None,
    end: To = None,
    full: Annotated[
        bool, typer.Option("--full", help="All rows up to now, where the pipeline reads an interval.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most rows to read.", show_default="all rows")
    ] = None,
    database: DatabaseUrl = None,
    preview: Annotated[
        int, typer.Option(min=0, max=1000, help="Show so many rows, masked as the lake has them.")
    ] = 0,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again whenever the estate file is saved.")
    ] = False,
    lake: Annotated[
        Path | None, typer.Option(help="Directory that the files go to.", show_default=".hybrid/lake/ESTATE")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="The receipt as JSON.")] = False,
) -> None:
    """Run a pipeline on this machine: the container's own code, a local lake, no Airflow, no deployment.

    Example: bin/hybrid run customers-regional --database postgresql://me@localhost/shop --limit 1000
    """

    def once() -> None:
        described = read_estate(estate)
        trial = _trial(
            described, pipeline, times=(start, end), full=full, limit=limit, database=database, lake=lake
        )
        began = time.monotonic()
        with exit_codes_of_the_container():
            receipt = trial.run(_say)
            rows = trial.preview(preview) if preview else []
        if json_output:
            terminal.result_json(receipt)
        else:
            _show(receipt, trial, seconds=time.monotonic() - began)
        for row in rows:
            terminal.result(" ".join(f"{name}={value}" for name, value in row.items()))

    with terminal.exit_codes():
        # At once: no save of the file puts an option right.
        if full and (start, end) != (None, None):
            raise terminal.UserError("--full reads from the beginning up to now: leave --from and --to out")
        interval_of(start, end)
        ensure_container_code()
        if not watch:
            once()
            return
    _watch(estate, once)


def _trial(
    estate: Estate,
    pipeline: str,
    *,
    times: tuple[str | None, str | None],
    full: bool,
    limit: int | None,
    database: str | None,
    lake: Path | None,
) -> Trial:
    if pipeline not in estate.pipelines:
        raise terminal.UserError(
            f"the estate has no pipeline `{pipeline}`; {suggestion(pipeline, estate.pipelines)}"
        )
    by_interval = bool(pipeline_manifest(estate, pipeline)["uses_interval"])
    if times != (None, None) and not by_interval:
        # Its rows would land as if they were of that interval, beside those of the next.
        raise terminal.UserError(
            f"{pipeline} reads no interval: leave --from and --to out, or give it an incremental_column, or "
            ":from and :to in its query"
        )
    expected = estate.pipelines[pipeline].expect
    if limit is not None and expected and (unjudged := UNJUDGED & expected.model_fields_set):
        terminal.say(f"   expect.{', expect.'.join(sorted(unjudged))}: not judged of rows that are limited")
    return Trial(
        estate=estate,
        pipeline=pipeline,
        interval=_interval(times, wanted=by_interval, full=full),
        full=full and by_interval,
        limit=limit,
        secret=secret_from(database, engine=estate.sources[estate.pipelines[pipeline].source].engine),
        lake=lake or LAKE / estate.environment.name,
    )


def _interval(
    times: tuple[str | None, str | None], *, wanted: bool, full: bool
) -> tuple[datetime, datetime] | None:
    """What was asked for; else yesterday, in UTC, where the pipeline reads an interval."""
    if times == (None, None):
        if not wanted:
            return None
        if full:
            now = datetime.now(UTC).replace(microsecond=0)
            terminal.say(f"   reading all rows before {now:%Y-%m-%dT%H:%M:%SZ}, and those without a time")
            return BEGINNING, now
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        terminal.say(f"   reading the interval of yesterday, {today - timedelta(days=1):%Y-%m-%d} in UTC")
        return today - timedelta(days=1), today
    return interval_of(*times)


def _say(event: dict[str, Any]) -> None:
    """An event of the container as a line; the last, an error, is told by the exit."""
    if event.get("level") == "error":
        return
    counted = [f"{event['rows']:,} rows"] if event.get("rows") is not None else []
    terminal.say("   " + " ".join([str(event["message"]), *counted]))


def _show(receipt: dict[str, Any], trial: Trial, *, seconds: float) -> None:
    statistics = receipt.get("statistics") or {}
    masked = receipt.get("masked") or {}
    rows = [
        (
            column["name"],
            column["type"],
            column["database_type"],
            masked.get(column["name"], ""),
            statistics.get(column["name"], {}).get("nulls", ""),
        )
        for column in receipt["schema"]
    ]
    terminal.result_table(("column", "type in the lake", "type in the database", "mask", "nulls"), rows)
    dropped = sorted(name for name, kind in masked.items() if kind == "drop")
    if dropped:
        terminal.say(f"   dropped by masks: {', '.join(dropped)}")
    files = len(receipt["files"])
    terminal.result(
        f"{receipt['rows']:,} rows, {receipt['bytes']:,} bytes in {files} file{'' if files == 1 else 's'}, "
        f"{seconds:.1f} s"
    )
    terminal.say(
        f"   in {terminal.path(trial.lake / receipt['files'][0]['key'])}"
        if receipt["files"]
        else "   no file"
    )
    if not receipt["rows"] and trial.interval is not None and not trial.full:
        start, end = (moment.isoformat().replace("+00:00", "Z") for moment in trial.interval)
        terminal.say(
            f"   no row is in the interval from {start} to {end}: choose another with --from and --to, or "
            "read all rows with --full"
        )


def _watch(file: Path, once: Any) -> None:
    """Run at each save of the estate, until Ctrl-C; what goes wrong is told, and the next save tries."""
    files, seen = [file], None
    terminal.say(f"   watching {terminal.path(file)}; Ctrl-C ends it")
    try:
        while True:
            saved = [_saved_at(one) for one in files]
            if None not in saved and saved != seen:
                files = files_of(file)
                seen = [_saved_at(one) for one in files]
                try:
                    once()
                except (terminal.UserError, terminal.Failure) as error:
                    terminal.say(str(error))
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        terminal.say("")


def _saved_at(file: Path) -> int | None:
    """When a file was saved, None while an editor replaces it."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None
