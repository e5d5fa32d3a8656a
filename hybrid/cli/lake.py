"""`hybrid lake`: what landed, and what is in the lake that no receipt names."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet, fleet_command
from hybrid.cli.lake_listing import list_lake, show_schema
from hybrid.cli.lake_place import known_pipelines, lake_bucket
from hybrid.cli.lake_query import query_lake
from hybrid.lake.sweeping import Swept, sweep

app = typer.Typer(help="The lake: what landed, in SQL; files that no receipt names.", no_args_is_help=True)

fleet_command(app, "ls")(list_lake)
fleet_command(app, "schema")(show_schema)
fleet_command(app, "query")(query_lake)


@fleet_command(app, "sweep")
def sweep_lake(
    fleet: Fleet,
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Mark them; without it, only say so.")] = False,
) -> None:
    """Mark files of failed and superseded attempts, which the bucket's lifecycle rule then lets go.

    Example: bin/hybrid lake sweep --apply
    """
    from hybrid.fleet.aws_errors import translated

    names = known_pipelines(fleet, pipeline)
    bucket, s3 = lake_bucket(fleet), fleet.aws().s3
    with translated(f"sweep the lake s3://{bucket}"), terminal.progress("sweeping the lake") as update:
        found = {}
        for name in names:
            update(name)
            found[name] = _swept(s3, fleet, name, bucket=bucket, apply=apply)
    if fleet.json_output:
        terminal.result_json({name: _document(swept) for name, swept in found.items()})
        return
    rows = [
        (
            name,
            str(len(swept.marked)),
            f"{sum(one.bytes for one in swept.marked):,}",
            str(len(swept.unmarked)),
            str(len(swept.waiting)),
        )
        for name, swept in found.items()
    ]
    done = ("marked", "unmarked") if apply else ("would be marked", "would be unmarked")
    terminal.result_table(("pipeline", done[0], "bytes", done[1], "waiting"), rows)


def _swept(s3: Any, fleet: Fleet, pipeline: str, *, bucket: str, apply: bool) -> Swept:
    declared = fleet.estate.pipelines[pipeline]
    return sweep(
        s3,
        bucket=bucket,
        prefix=fleet.estate.prefix_of(pipeline),
        longest_run=timedelta(seconds=declared.run_deadline),
        now=datetime.now(UTC),
        apply=apply,
    )


def _document(swept: Swept) -> dict[str, Any]:
    return {
        "marked": [_found(one) for one in swept.marked],
        "unmarked": list(swept.unmarked),
        "waiting": [_found(one) for one in swept.waiting],
    }


def _found(one: Any) -> dict[str, Any]:
    return asdict(one) | {"written": one.written.isoformat()}
