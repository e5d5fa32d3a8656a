"""Which lake a command reads: that of AWS, that of `bin/hybrid run` on this machine, or that of the demo."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet
from hybrid.estate.suggestion import suggestion
from hybrid.fleet.errors import CredentialsMissing
from hybrid.lake.places import READERS, Bucket, Directory, Place, Say
from hybrid.lake.reading import Stored, UnreadableLake, visible
from hybrid.naming import Names
from hybrid.paths import DEMO
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
    place: Place
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
        from hybrid.fleet.translation import translated

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
                f"--lake names "
                "another"
            )
        return Lake(fleet, Directory(root), {"directory": str(root.resolve())})
    if demo:
        fleet = _of_the_demo(fleet)
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
            f"--region. "
            f"{_OTHERS}"
        )
    if "LakeBucketName" not in outputs:
        raise terminal.UserError(f"stack {stack} has no output LakeBucketName: deploy it again")
    return outputs["LakeBucketName"]


_OTHERS = "--local reads what `bin/hybrid run` landed on this machine, --demo what the demo did"


def _of_the_demo(fleet: Fleet) -> Fleet:
    """Speak to the demo, as `eval "$(bin/hybrid demo env)"` would.

    Raises:
        terminal.UserError: a profile was named, or the demo is another estate's.
        terminal.Failure: the demo does not run.
    """
    from hybrid.demo.directory import aws_environment, read_facts
    from hybrid.local.services import Services

    if fleet.profile:
        raise terminal.UserError("--profile is for AWS: leave it out with --demo")
    directory = Path(os.environ.get("HYBRID_DEMO_DIRECTORY") or DEMO)
    facts, services = read_facts(directory), Services(directory / "services")
    if facts is None or not all(services.process(name) for name in ("emulator", "site")):
        raise terminal.Failure("the demo does not run; `bin/hybrid demo` starts it")
    if facts.estate != fleet.estate.environment.name:
        raise terminal.UserError(
            f"the demo is of estate `{facts.estate}`, not of `{fleet.estate.environment.name}`: name its "
            f"file with "
            f"--estate {facts.estate_file}"
        )
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    os.environ.update(aws_environment(directory.resolve(), region=facts.region))
    return replace(fleet, region=facts.region)


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
