"""`hybrid lake`: what is in the lake that no receipt names."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import boto3
import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet, fleet_command
from hybrid.estate.suggestion import suggestion
from hybrid.fleet.translation import translated
from hybrid.lake.sweeping import Swept, sweep
from hybrid.naming import Names

app = typer.Typer(help="The lake: files that no receipt names.", no_args_is_help=True)


@fleet_command(app, "sweep")
def sweep_lake(
    fleet: Fleet,
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Mark them; without it, only say so.")] = False,
) -> None:
    """Mark files of failed and superseded attempts, which the bucket's lifecycle rule then lets go.

    Example: bin/hybrid lake sweep --apply
    """
    names = _pipelines(fleet, pipeline)
    session = boto3.Session(profile_name=fleet.profile, region_name=fleet.region)
    with translated("sweep the lake"):
        bucket = _bucket(session, fleet)
        found = {
            name: _swept(session.client("s3"), fleet, name, bucket=bucket, apply=apply) for name in names
        }
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


def _pipelines(fleet: Fleet, pipeline: str | None) -> list[str]:
    if pipeline is None:
        return sorted(fleet.estate.pipelines)
    if pipeline not in fleet.estate.pipelines:
        raise terminal.UserError(
            f"the estate has no pipeline `{pipeline}`{suggestion(pipeline, fleet.estate.pipelines)}"
        )
    return [pipeline]


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


def _bucket(session: boto3.Session, fleet: Fleet) -> str:
    stack = Names(fleet.estate.environment.name).stack("storage")
    answer = session.client("cloudformation").describe_stacks(StackName=stack)
    for output in answer["Stacks"][0].get("Outputs", []):
        if output["OutputKey"] == "LakeBucketName":
            return output["OutputValue"]
    raise terminal.UserError(f"stack {stack} has no output LakeBucketName: deploy it again")


def _document(swept: Swept) -> dict[str, Any]:
    return {
        "marked": [_found(one) for one in swept.marked],
        "unmarked": list(swept.unmarked),
        "waiting": [_found(one) for one in swept.waiting],
    }


def _found(one: Any) -> dict[str, Any]:
    return asdict(one) | {"written": one.written.isoformat()}
