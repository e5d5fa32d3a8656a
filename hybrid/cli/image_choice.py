"""`hybrid image use` and `promote`: which image runs where, as the estate file says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from hybrid.artifacts.image import image_tag
from hybrid.cli import terminal
from hybrid.cli.aws_options import Json, fleet_errors
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.estate.editing import CannotBeEdited, KeyPath, set_keys
from hybrid.estate.suggestion import suggestion
from workspace.paths import ESTATE


def use(
    wanted: Annotated[
        str, typer.Argument(metavar="TAG", help="Tag of an image, or `clone`: that of the clone.")
    ],
    site: Annotated[str | None, typer.Option("--site", help="At this site only.", show_default="all")] = None,
    estate: EstateFile = ESTATE,
    json_output: Json = False,
) -> None:
    """Write into the estate file which image runs, at all sites or at one: to try a new one, or to go back.

    Example: bin/hybrid image use 5f0c3b1a9d2e4876 --site on-premises
    """
    with terminal.exit_codes(), fleet_errors():
        described = read_estate(estate)
        if site is not None and site not in described.sites:
            raise terminal.UserError(f"the estate has no site `{site}`; {suggestion(site, described.sites)}")
        tag = None if wanted == "clone" else wanted
        path = ("sites", site, "image") if site else ("environment", "image")
        before = described.sites[site].image if site else described.environment.image
        _edit(estate, {path: tag})
    where = f"at {site}" if site else "at sites that name none of their own"
    _say_change(before, tag, where=where, back=f"bin/hybrid image use {before or 'clone'}"
                + (f" --site {site}" if site else ""), json_output=json_output)  # fmt: skip


def promote(
    site: Annotated[str, typer.Argument(help="Name of the site that tried an image.")],
    estate: EstateFile = ESTATE,
    json_output: Json = False,
) -> None:
    """Make the image that a site has tried the estate's: in the estate file, whose comments stay.

    Example: bin/hybrid image promote on-premises
    """
    with terminal.exit_codes(), fleet_errors():
        described = read_estate(estate)
        if site not in described.sites:
            raise terminal.UserError(f"the estate has no site `{site}`; {suggestion(site, described.sites)}")
        tag, before = described.sites[site].image, described.environment.image
        if tag is None:
            raise terminal.UserError(
                f"site `{site}` has no `image` of its own: there is nothing to promote. `bin/hybrid image "
                f"use TAG --site {site}` lets it try one"
            )
        _edit(estate, {("environment", "image"): tag, ("sites", site, "image"): None})
    others = sorted(name for name, one in described.sites.items() if one.image and name != site)
    _say_change(before, tag, where="at sites that name none of their own",
                back=f"bin/hybrid image use {before or 'clone'}", json_output=json_output)  # fmt: skip
    if others and not json_output:
        terminal.say(f"with an image of their own all the same: {', '.join(others)}")


def _edit(file: Path, changes: Mapping[KeyPath, str | None]) -> None:
    try:
        set_keys(file, changes)
    except CannotBeEdited as error:
        raise terminal.UserError(str(error)) from None


def _say_change(before: str | None, after: str | None, *, where: str, back: str, json_output: bool) -> None:
    if json_output:
        terminal.result_json({"before": before, "after": after, "back": back})
        return
    shown = [tag or f"that of the clone ({image_tag()})" for tag in (before, after)]
    terminal.result(f"image {where}: {shown[0]} -> {shown[1]}")
    terminal.say(
        "nothing is deployed yet: `bin/hybrid hosts pull SITE` brings it to the hosts, `bin/hybrid cdk "
        f"deploy` lets tasks start with it. The way back: {back}"
    )
