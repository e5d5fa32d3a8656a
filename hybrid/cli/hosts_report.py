"""`hybrid hosts report`: the fleet on a day."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet
from hybrid.fleet.errors import DestinationRefused
from hybrid.fleet.report import FleetReport
from hybrid.fleet.report import report as made
from hybrid.fleet.report_page import COLUMNS, cells, page
from workspace.files import write_whole


def report(
    fleet: Fleet,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page of HTML there.", show_default="a table here")
    ] = None,
    doctors: Annotated[
        Path | None,
        typer.Option(
            "--doctors", help="Directory with the output of `hybrid-host doctor` of each host: HOST.txt."
        ),
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="Only this site.", show_default="all")] = None,
) -> None:
    """Report each host's age, versions, tasks, disk, clock and last run; what is wrong is marked.

    AWS does not know a host's disk and clock: `hybrid-host doctor` on the host tells them.

    Example: bin/hybrid hosts report --html hosts.html
    """
    with terminal.working("asking AWS"):
        found = made(fleet.aws(workers=16), fleet.estate, site=site, doctors=doctors)
    if html is not None:
        try:
            write_whole(html, page(found), mode=0o644)
        except OSError as error:
            raise DestinationRefused(f"{html} cannot be written: {error.strerror}") from None
    if fleet.json_output:
        terminal.result_json(_plain(found))
    elif html is not None:
        terminal.result(str(html))
    else:
        terminal.result_table(
            COLUMNS,
            [
                [f"{text} (!)" if kind == "wrong" else text for text, kind in cells(one, found.made)]
                for one in found.hosts
            ],
        )


def _plain(found: FleetReport) -> dict[str, object]:
    hosts = [
        asdict(one) | {"host": asdict(one.host) | {"attributes": dict(one.host.attributes)}}
        for one in found.hosts
    ]
    return {"estate": found.estate, "made": found.made, "hosts": hosts}
