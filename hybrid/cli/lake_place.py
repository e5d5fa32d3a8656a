"""Which lake a command reads: that of AWS, that of `bin/hybrid run` on this machine, or that of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet
from hybrid.estate.naming import Names
from hybrid.estate.suggestion import suggestion
from hybrid.extensions import extension
from hybrid.fleet.errors import CredentialsMissing
from hybrid.lake.places import READERS, Bucket, Directory, LakePlace, Say
from hybrid.lake.reading import Stored, UnreadableLake, visible
from hybrid.trial.running import LAKE

Local = Annotated[
    bool, typer.Option("--local", help="The lake that `bin/hybrid run` fills: .hybrid/lake/ESTATE.")
]
LakeDirectory = Annotated[
    Path | None, typer.Option("--lake", metavar="DIRECTORY", help="The lake of a directory.", show_default="")
]
Demo = Annotated[bool, typer.Option("--demo", help="The lake of the demo, which has to run.")]


@dataclass(frozen=True)
class Lake:
    """The lake that was asked for.

    Attributes:
        fleet: what the command works with.
        place: for the receipts.
        where: the same for `hybrid.lake.querying`.
    """

    fleet: Fleet
    place: LakePlace
    where: dict[str, str | None]

    def all_receipts(self, pipeline: str, *, say: Say) -> list[Stored]:
        """Every receipt of a pipeline.

        Raises:
            UnreadableLake: one cannot be read.
            FleetError: AWS refused.
        """
        prefix = self.fleet.estate.prefix_of(pipeline)
        if isinstance(self.place, Directory):
            return self.place.receipts(prefix, say=say)
        from hybrid.fleet.aws_errors import translated

        with translated(f"read the receipts of {pipeline} in {self.place.address}"):
            return self.place.receipts(prefix, say=say)

    def visible(self, pipeline: str, *, say: Say) -> tuple[list[Stored], int]:
        """The receipts of a pipeline that a reader takes, and how many there are in all.

        Raises:
            UnreadableLake: what landed cannot be read.
            FleetError: AWS refused.
        """
        found = self.all_receipts(pipeline, say=say)
        try:
            return visible(found), len(found)
        except UnreadableLake as error:
            raise UnreadableLake(f"{pipeline}: {error}") from error


def lake_of(fleet: Fleet, *, local: bool, directory: Path | None, demo: bool) -> Lake:
    """The lake of a command's options.

    Raises:
        terminal.UserError: two lakes were named, or the one that was named is not there.
        terminal.Failure: the demo does not run.
        FleetError: AWS refused.
    """
    if local + (directory is not None) + demo > 1:
        raise terminal.UserError("--local, --lake and --demo name three lakes: give one of them")
    if local or directory is not None:
        root = directory or LAKE / fleet.estate.environment.name
        if not root.is_dir():
            raise terminal.UserError(
                f"{root} is no directory; `bin/hybrid run PIPELINE` makes the lake of this machine, and "
                "--lake names another"
            )
        return Lake(fleet, Directory(root), {"directory": str(root.resolve())})
    if demo:
        fleet = extension("hybrid.lakes", "demo")(fleet)
    bucket = lake_bucket(fleet)
    place = Bucket(fleet.aws(workers=READERS).s3, bucket)
    return Lake(fleet, place, {"bucket": bucket, "region": fleet.region, "profile": fleet.profile})


def lake_bucket(fleet: Fleet) -> str:
    """Name of the bucket of the estate's lake.

    Raises:
        terminal.UserError: the estate is not deployed there.
        FleetError: AWS refused, or there are no credentials.
    """
    from hybrid.fleet.client import require_credentials

    try:
        require_credentials(profile=fleet.profile, region=fleet.region)
    except CredentialsMissing as error:
        raise CredentialsMissing(f"{error}. {_OTHERS}") from None
    stack = Names(fleet.estate.environment.name).stack("storage")
    outputs = fleet.aws().stack_outputs(stack)
    if outputs is None:
        raise terminal.UserError(
            f"there is no stack {stack} in {fleet.region}: deploy the estate, or correct --profile and "
            f"--region. {_OTHERS}"
        )
    if "LakeBucketName" not in outputs:
        raise terminal.UserError(f"stack {stack} has no output LakeBucketName: deploy it again")
    return outputs["LakeBucketName"]


_OTHERS = "--local reads what `bin/hybrid run` landed on this machine, --demo what the demo did"


def known_pipelines(fleet: Fleet, pipeline: str | None) -> list[str]:
    """A pipeline that was named, or all.

    Raises:
        terminal.UserError: the estate has no such pipeline.
    """
    if pipeline is None:
        return sorted(fleet.estate.pipelines)
    if pipeline not in fleet.estate.pipelines:
        raise unknown_pipeline(fleet, pipeline)
    return [pipeline]


def unknown_pipeline(fleet: Fleet, name: str) -> terminal.UserError:
    """What is said of a name that is no pipeline's."""
    nearest = suggestion(name.replace("_", "-"), fleet.estate.pipelines)
    return terminal.UserError(f"the estate has no pipeline `{name}`; {nearest}")
