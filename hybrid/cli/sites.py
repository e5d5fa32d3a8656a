"""`hybrid sites`: places of the estate, and the activations that hosts join with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import host_kit, retire, terminal
from hybrid.cli.aws_options import DryRun, Fleet, as_terminal_error, fleet_command
from hybrid.estate import Estate
from hybrid.fleet import activating, overview
from hybrid.fleet.activating import Activated, Existing
from hybrid.fleet.activation_options import ActivationOptions, as_text, duration, pairs
from hybrid.fleet.client import AwsClient
from hybrid.fleet.destinations import CodeFile, Destination, SiteSecret, Terminal
from hybrid.fleet.errors import DestinationRefused, FleetError, OptionsRefused
from hybrid.fleet.journal import journal
from hybrid.fleet.sites import anywhere_names, anywhere_site, require_deployed, stacks_of
from workspace.paths import STATE

app = typer.Typer(help="Sites of the estate, and the activations that hosts join with.", no_args_is_help=True)

app.command("host-kit")(host_kit.host_kit)

Count = Annotated[int, typer.Option("--count", "-n", help="Hosts that may register, exactly; 1 to 1000.")]
TimeToLive = Annotated[str, typer.Option("--ttl", help="Until it expires: 30m, 4h, 2d; at most 30d.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="key=value of the nodes; again for more.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Sites at once.")]


fleet_command(app, "retire")(retire.retire)


@fleet_command(app, "list")
def list_sites(fleet: Fleet) -> None:
    """List the sites: deployed or not, their hosts, tasks and live activations.

    Example: bin/hybrid sites list
    """
    with terminal.working("asking AWS"):
        found = overview.sites(fleet.aws(), fleet.estate)
    if fleet.json_output:
        terminal.result_json([asdict(one) for one in found])
        return
    rows = [
        (s.site, s.kind, "yes" if s.deployed else "no", _count(s.hosts), s.running, s.pending,
         _count(s.activations), s.slots, s.cluster)
        for s in found
    ]  # fmt: skip
    columns = ("site", "kind", "deployed", "hosts", "running", "pending", "activations", "slots", "cluster")
    terminal.result_table(columns, rows)


@fleet_command(app, "activate")
def activate(
    fleet: Fleet,
    sites: Annotated[list[str] | None, typer.Argument(help="Names of sites.", metavar="SITE...")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every site of kind anywhere.")] = False,
    count: Count = 1,
    ttl: TimeToLive = "4h",
    tag: Tag = None,
    to_file: Annotated[
        Path | None,
        typer.Option("--to-file", help="Put the code into a new file (0600), not into the secret."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the code once, on the terminal.")] = False,
    workers: Workers = 8,
    dry_run: DryRun = False,
) -> None:
    """Make an activation with which hosts join a site; its code goes into the site's secret.

    Several sites, or --all: a site that has a live activation keeps it, and an interrupted run is gone on
    with by the same command.

    Example: bin/hybrid sites activate on-premises --count 4 --ttl 4h --tag rack=b2
    """
    aws = fleet.aws(workers=workers)
    options = ActivationOptions(count=count, lifetime=duration(ttl), tags=pairs(tag or [], option="--tag"))
    chosen = _chosen(fleet.estate, sites or [], every=every)
    destination = _destination(aws, to_file, show=show, one=len(chosen) == 1 and not every)
    if dry_run:
        _say_plan(fleet, aws, chosen, options, destination)
        return
    if every or len(chosen) > 1:
        _activate_many(fleet, aws, chosen, options, destination)
        return
    with _discarding(destination):
        done = activating.activate(
            aws, fleet.estate, site=chosen[0], options=options, destination=destination
        )
    _say_activated(done, json_output=fleet.json_output)


@fleet_command(app, "rotate")
def rotate(
    fleet: Fleet,
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    count: Count = 1,
    ttl: TimeToLive = "4h",
    tag: Tag = None,
    dry_run: DryRun = False,
) -> None:
    """Put a new activation into a site's secret, then revoke the one that was there; hosts stay.

    Example: bin/hybrid sites rotate on-premises --count 4
    """
    aws = fleet.aws()
    options = ActivationOptions(count=count, lifetime=duration(ttl), tags=pairs(tag or [], option="--tag"))
    destination = SiteSecret(aws)
    if dry_run:
        _say_plan(fleet, aws, [site], options, destination)
        return
    done = activating.activate(
        aws, fleet.estate, site=site, options=options, destination=destination, existing=Existing.REPLACE
    )
    _say_activated(done, json_output=fleet.json_output)


@fleet_command(app, "activations")
def activations(
    fleet: Fleet,
    site: Annotated[str | None, typer.Argument(help="Name of a site.", show_default="all")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Expired and used up ones too.")] = False,
) -> None:
    """List activations: how many hosts used them, until when they hold, and where their code went.

    Example: bin/hybrid sites activations on-premises
    """
    with terminal.working("asking AWS"):
        found = overview.activations(fleet.aws(), fleet.estate, site=site, everything=everything)
    if fleet.json_output:
        terminal.result_json([asdict(one) for one in found])
        return
    now = datetime.now(UTC)
    rows = [
        (a.site, a.activation_id, a.state, f"{a.registered} of {a.limit}",
         as_text(a.expires - now) if a.expires > now else "-", a.went_to, "yes" if a.in_secret else "no")
        for a in found
    ]  # fmt: skip
    terminal.result_table(
        ("site", "activation", "state", "hosts", "expires in", "went to", "in secret"), rows
    )


@fleet_command(app, "revoke")
def revoke(
    fleet: Fleet,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of activations.", metavar="ACTIVATION...")
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="Every live activation of this site.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Revoke activations, so that no further host can join with them; hosts that joined stay.

    Example: bin/hybrid sites revoke --site on-premises
    """
    if bool(ids) == bool(site):
        raise OptionsRefused("name activations, or a site with --site")
    aws = fleet.aws()
    wanted = ids or [one.activation_id for one in overview.activations(aws, fleet.estate, site=site)]
    done = [] if dry_run else list(overview.revoke(aws, fleet.estate, wanted))
    if fleet.json_output:
        terminal.result_json({"revoked": [one for one, _ in done], "planned": wanted, "dry_run": dry_run})
        return
    for one in wanted if dry_run else []:
        terminal.result(f"would revoke activation {one}")
    for one, existed in done:
        terminal.result(f"revoked activation {one}" if existed else f"activation {one} was gone already")
    if not wanted:
        terminal.say("there is no live activation to revoke")


def _chosen(estate: Estate, sites: list[str], *, every: bool) -> list[str]:
    if every and sites:
        raise OptionsRefused("name sites, or take --all; not both")
    chosen = anywhere_names(estate) if every else list(dict.fromkeys(sites))
    if not chosen:
        known = ", ".join(anywhere_names(estate)) or "none"
        raise OptionsRefused(f"which site? Sites of kind anywhere: {known}")
    return chosen


def _destination(aws: AwsClient, to_file: Path | None, *, show: bool, one: bool) -> Destination:
    if to_file is None and not show:
        return SiteSecret(aws)
    if to_file is not None and show:
        raise DestinationRefused("--to-file and --show: the code goes to one place; choose one")
    if not one:
        raise DestinationRefused(
            "--to-file and --show take one code; name one site, or let the codes go into secrets"
        )
    if to_file is not None:
        return CodeFile(to_file, aws.region)
    return Terminal(sys.stdout.write, sys.stdout.isatty(), aws.region)


@contextmanager
def _discarding(destination: Destination) -> Iterator[None]:
    try:
        yield
    finally:
        if isinstance(destination, CodeFile):
            destination.discard()


def _activate_many(
    fleet: Fleet, aws: AwsClient, sites: list[str], options: ActivationOptions, destination: Destination
) -> None:
    failed: list[tuple[str, FleetError]] = []
    done: list[Activated] = []
    with journal(STATE / "fleet" / f"{fleet.estate.environment.name}-{aws.region}.run") as (run, resumed):
        if resumed:
            terminal.say("going on with an interrupted run")
        outcomes = activating.activate_all(
            aws,
            fleet.estate,
            sites=sites,
            options=options,
            destination=destination,
            existing=Existing.KEEP,
            run=run,
        )
        with terminal.working(f"activating {len(sites)} sites"):
            for site, outcome in outcomes:
                if isinstance(outcome, FleetError):
                    failed.append((site, outcome))
                else:
                    done.append(outcome)
    _say_many(sorted(done, key=lambda one: one.site), failed, json_output=fleet.json_output)
    if failed:
        raise as_terminal_error(failed[0][1])


def _say_many(done: list[Activated], failed: list[tuple[str, FleetError]], *, json_output: bool) -> None:
    if json_output:
        problems = [{"site": site, "error": str(error)} for site, error in failed]
        terminal.result_json({"activated": [asdict(one) for one in done], "failed": problems})
        return
    rows = [
        (a.site, a.activation_id, "made" if a.made else "kept", a.left, a.expires.isoformat()) for a in done
    ]
    terminal.result_table(("site", "activation", "", "hosts left", "expires"), rows)
    for site, error in failed[1:]:
        terminal.say(f"{site}: {error}")


def _say_activated(done: Activated, *, json_output: bool) -> None:
    if json_output:
        terminal.result_json(asdict(done))
        return
    terminal.say(
        f"site {done.site}: activation {done.activation_id} for {done.limit} "
        f"host{'s' if done.limit > 1 else ''} until "
        f"{done.expires.isoformat()}; its code is in {done.where}"
    )
    if done.replaced:
        terminal.say(f"revoked activation {done.replaced}")


def _say_plan(
    fleet: Fleet, aws: AwsClient, sites: list[str], options: ActivationOptions, destination: Destination
) -> None:
    chosen = [anywhere_site(fleet.estate, site) for site in sites]
    stacks = stacks_of(aws, chosen)
    for one in chosen:
        require_deployed(one, stacks.get(one.site))
    if fleet.json_output:
        plan = [
            {"site": s.site, "role": s.role, "count": options.count, "to": destination.kind} for s in chosen
        ]
        terminal.result_json({"dry_run": True, "activations": plan})
        return
    for one in chosen:
        terminal.result(
            f"would make an activation for site {one.site}: {options.count} host(s), "
            f"{as_text(options.lifetime)}, role "
            f"{one.role}, code to {destination.kind}"
        )


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)
