"""`hybrid hosts pull`: every host of a site has the image before tasks start with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from hybrid.artifacts.image import image_tag
from hybrid.cli import terminal
from hybrid.cli.aws_options import DryRun, Fleet
from hybrid.fleet import images
from hybrid.fleet.activation_options import as_text, duration
from hybrid.fleet.hosts import Host, HostState
from hybrid.fleet.hosts import hosts as hosts_of
from hybrid.fleet.images import HAS_IT, HostPull, SiteImage

_COLUMNS = ("host", "result", "seconds", "digest", "why")


def pull(
    fleet: Fleet,
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    tag: Annotated[
        str | None, typer.Option("--tag", help="Of the image.", show_default="the site's in the estate file")
    ] = None,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait for all hosts.")] = "30m",
    rate: Annotated[
        float,
        typer.Option("--rate", min=0.001, help="Of the site's line in Mbit/s, to say what a pull costs."),
    ] = 50.0,
    dry_run: DryRun = False,
) -> None:
    """Have every host of a site pull the image, before a deployment lets tasks start with it.

    Tells for each host which digest it holds and how long the pull took. Exit code 1 when a host may not have
    it, as one that is not connected. With --dry-run: what it costs the site's line.

    Example: bin/hybrid hosts pull on-premises --rate 20 --dry-run
    """
    aws, limit = fleet.aws(), duration(timeout)
    with terminal.working("asking AWS"):
        wanted = tag or (fleet.estate.image_of(site) if site in fleet.estate.sites else None) or image_tag()
        image = images.site_image(aws, fleet.estate, site, tag=wanted)
        hosts = hosts_of(aws, fleet.estate, site=site)
    if dry_run:
        _say_costs(image, hosts, rate=rate, json_output=fleet.json_output)
        return
    done: list[HostPull] = []
    with terminal.progress(f"pulling {image.reference}, for {as_text(limit)} at most") as update:
        for one in images.pull(aws, fleet.estate, image, hosts, timeout=limit):
            done.append(one)
            update(f"{len(done)} of {len(hosts)} hosts")
    done.sort(key=lambda one: (one.host.name, one.host.node))
    lacking = [one for one in done if one.result not in HAS_IT]
    if fleet.json_output:
        terminal.result_json({"image": asdict(image), "hosts": [_plain(one) for one in done]})
    else:
        terminal.result_table(_COLUMNS, [_row(one) for one in done])
    if not done:
        raise terminal.Failure(f"site `{site}` has no host: nothing was pulled")
    if lacking:
        raise terminal.Failure(f"{len(lacking)} of {len(done)} hosts may not have {image.reference}")


def _say_costs(image: SiteImage, hosts: Sequence[Host], *, rate: float, json_output: bool) -> None:
    ready = [host for host in hosts if host.state is HostState.READY]
    others = [host for host in hosts if host.state is not HostState.READY]
    crossings = image.crossings(len(ready))
    seconds = image.seconds(hosts=len(ready), megabits=rate)
    if json_output:
        terminal.result_json(
            {
                "dry_run": True,
                "image": asdict(image),
                "hosts": [host.node for host in ready],
                "not_ready": [host.node for host in others],
                "crossings": crossings,
                "bytes": crossings * image.size,
                "rate_megabits": rate,
                "seconds": round(seconds, 1),
            }
        )
        return
    times = "once, to the mirror" if image.mirror else f"for {len(ready)} host(s)"
    terminal.result(
        f"{image.reference}: at most {_megabytes(image.size)} {times}, "
        f"{_megabytes(crossings * image.size)} in all: {seconds:.0f} s of a line of {rate:g} "
        "Mbit/s; layers that a host has are not pulled again"
    )
    for host in others:
        terminal.result(f"would not reach {host.name} ({host.node}): {host.state}")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


def _row(one: HostPull) -> tuple[object, ...]:
    seconds = "-" if one.seconds is None else f"{one.seconds:.1f}"
    return (f"{one.host.name} {one.host.node}", one.result, seconds, one.digest or "-", one.reason or "-")


def _plain(one: HostPull) -> dict[str, object]:
    return {
        "host": one.host.name,
        "node": one.host.node,
        "state": one.host.state,
        "result": one.result,
        "digest": one.digest,
        "seconds": one.seconds,
        "reason": one.reason,
    }
