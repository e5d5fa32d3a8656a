"""`hybrid hosts`: the machines that joined, and what is done to them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from time import monotonic
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import DryRun, EstateFile, Json, Profile, Region, session
from hybrid.fleet import diagnosis, upkeep
from hybrid.fleet.diagnosis import Finding
from hybrid.fleet.hosts import Host, find
from hybrid.fleet.hosts import hosts as hosts_of
from hybrid.fleet.terms import as_text, duration
from hybrid.fleet.watching import changes
from hybrid.paths import ESTATE

app = typer.Typer(help="The machines that joined the sites.", no_args_is_help=True)

Wanted = Annotated[list[str], typer.Argument(help="Names or ids (mi-…) of hosts.", metavar="HOST...")]
Site = Annotated[str | None, typer.Option("--site", help="Only this site.", show_default="all")]

_COLUMNS = (
    "site",
    "host",
    "state",
    "tasks",
    "free cpu",
    "free MiB",
    "last seen",
    "age",
    "agent",
    "ssm",
    "labels",
)


@app.command("list")
def list_hosts(
    site: Site = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """List the hosts: what ECS and Systems Manager say of each, its tasks, its room and its labels.

    Example: bin/hybrid hosts list --site on-premises
    """
    with session(estate, profile, region, workers=16) as (described, aws), terminal.working("asking AWS"):
        found = hosts_of(aws, described, site=site)
    if json_output:
        terminal.result_json([_plain(host) for host in found])
        return
    terminal.result_table(_COLUMNS, [_row(host) for host in found])


@app.command("drain")
def drain(
    wanted: Wanted,
    wait: Annotated[bool, typer.Option(help="Wait until the tasks there have ended.")] = True,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait.")] = "1h",
    dry_run: DryRun = False,
    site: Site = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Let nothing more start on hosts, and wait until what runs there has ended.

    Example: bin/hybrid hosts drain rack-1 --timeout 2h
    """
    with session(estate, profile, region) as (described, aws):
        limit = duration(timeout)
        chosen = find(aws, described, wanted, site=site)
        if not dry_run:
            upkeep.set_draining(aws, described, chosen, draining=True)
            if wait:
                said = ""
                for left in upkeep.until_idle(aws, described, chosen, timeout=limit):
                    now = "; ".join(f"{one.host.name}: {len(one.tasks)} task(s) left" for one in left)
                    if now and now != said:
                        terminal.say(now)
                    said = now
    done = ("drained" if wait else "draining") if not dry_run else "would drain"
    _say_each(chosen, done, dry_run=dry_run, json_output=json_output)


@app.command("undrain")
def undrain(
    wanted: Wanted,
    dry_run: DryRun = False,
    site: Site = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Put drained hosts back to work.

    Example: bin/hybrid hosts undrain rack-1
    """
    with session(estate, profile, region) as (described, aws):
        chosen = find(aws, described, wanted, site=site)
        if not dry_run:
            upkeep.set_draining(aws, described, chosen, draining=False)
    _say_each(
        chosen, "would put back" if dry_run else "back to work:", dry_run=dry_run, json_output=json_output
    )


@app.command("deregister")
def deregister(
    wanted: Wanted,
    force: Annotated[
        bool, typer.Option("--force", help="Even while tasks run; they are left behind.")
    ] = False,
    dry_run: DryRun = False,
    site: Site = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Take hosts out of ECS and out of Systems Manager, and say what is left on the machine.

    Example: bin/hybrid hosts deregister rack-1
    """
    with session(estate, profile, region) as (described, aws):
        chosen = find(aws, described, wanted, site=site)
        for host in chosen:
            upkeep.require_idle(host, force=force)
        done = [] if dry_run else [upkeep.deregister(aws, described, host, force=force) for host in chosen]
    if json_output:
        terminal.result_json(
            {"dry_run": dry_run, "hosts": [_plain(host) for host in chosen],
             "done": [{"host": d.host.node, "ecs": d.from_ecs, "ssm": d.from_ssm} for d in done]}
        )  # fmt: skip
        return
    for host in chosen if dry_run else []:
        terminal.result(f"would deregister {host.name} ({host.node}) from ECS and Systems Manager")
    for one in done:
        sides = [side for side, was in (("ECS", one.from_ecs), ("Systems Manager", one.from_ssm)) if was]
        terminal.result(
            f"{one.host.name} ({one.host.node}) is out of {' and '.join(sides) or 'both already'}"
        )
    if done:
        terminal.say(
            "left on the machine: the agents and their packages, /etc/ecs, /var/lib/ecs, "
            "/var/lib/amazon/ssm and "
            "images; `hybrid-host leave` there removes them. To join again it needs a new activation."
        )


@app.command("label")
def label(
    host: Annotated[str, typer.Argument(help="Name or id of a host.")],
    labels: Annotated[list[str], typer.Argument(help="key=value sets, key- removes.", metavar="LABEL...")],
    dry_run: DryRun = False,
    site: Site = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Set or remove attributes of a host, which placement constraints read.

    Example: bin/hybrid hosts label rack-1 rack=b2 gpu-
    """
    with session(estate, profile, region) as (described, aws):
        wanted, unwanted = upkeep.labels(labels)
        (chosen,) = find(aws, described, [host], site=site)
        if not dry_run:
            upkeep.label(aws, described, chosen, wanted=wanted, unwanted=unwanted)
    if json_output:
        terminal.result_json({"host": chosen.node, "set": wanted, "removed": unwanted, "dry_run": dry_run})
        return
    what = [*(f"{k}={v}" for k, v in wanted.items()), *(f"without {k}" for k in unwanted)]
    terminal.result(f"{'would label' if dry_run else 'labelled'} {chosen.name}: {', '.join(what)}")


@app.command("doctor")
def doctor(
    site: Site = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Find what is wrong with sites and hosts, as seen from AWS; each finding with its remedy.

    On the machine itself, `hybrid-host doctor` finds the rest. Exit code 1 when no task can run somewhere.

    Example: bin/hybrid hosts doctor --site on-premises
    """
    with session(estate, profile, region, workers=16) as (described, aws), terminal.working("asking AWS"):
        found = diagnosis.diagnose(aws, described, site=site)
    if json_output:
        terminal.result_json([asdict(one) for one in found])
    else:
        _say_findings(found)
    if any(one.level == "error" for one in found):
        raise typer.Exit(1)


@app.command("watch")
def watch(
    site: Site = None,
    interval: Annotated[str, typer.Option("--interval", help="Time between two looks.")] = "15s",
    length: Annotated[
        str | None, typer.Option("--for", help="How long to watch.", show_default="until Ctrl-C")
    ] = None,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Watch the hosts: one line for each that comes, goes, or changes.

    Example: bin/hybrid hosts watch --interval 10s --for 1h
    """
    with session(estate, profile, region, workers=16) as (described, aws):
        pause = max(duration(interval).total_seconds(), 1.0)
        end = monotonic() + duration(length).total_seconds() if length else float("inf")
        before: list[Host] | None = None
        try:
            while True:
                now = hosts_of(aws, described, site=site)
                for change in changes(before, now):
                    if json_output:
                        print(json.dumps(asdict(change)), flush=True)
                    else:
                        terminal.result(
                            f"{datetime.now(UTC):%H:%M:%S} {change.site} {change.host}: {change.what}"
                        )
                before = now
                if monotonic() + pause > end:
                    return
                time.sleep(pause)
        except KeyboardInterrupt:
            return


def _say_findings(found: Sequence[Finding]) -> None:
    for one in found:
        where = f"{one.site}/{one.host}" if one.host else one.site
        terminal.result(f"{one.level}: {where}: {one.problem}\n    → {one.remedy}")
    if not found:
        terminal.result(
            "nothing is wrong, as far as AWS can tell; `hybrid-host doctor` on a host tells the rest"
        )


def _say_each(chosen: Sequence[Host], what: str, *, dry_run: bool, json_output: bool) -> None:
    if json_output:
        terminal.result_json({"dry_run": dry_run, "hosts": [host.node for host in chosen]})
        return
    for host in chosen:
        terminal.result(f"{what} {host.name} ({host.node})")


def _row(host: Host) -> tuple[object, ...]:
    now = datetime.now(UTC)
    seen = "-" if host.last_seen is None else f"{as_text(now - host.last_seen)} ago"
    age = "-" if host.registered is None else as_text(now - host.registered)
    tasks = f"{host.running}+{host.pending}" if host.pending else str(host.running)
    labels = ",".join(f"{k}={v}" if v else k for k, v in host.attributes.items())
    return (
        host.site,
        f"{host.name} {host.node}",
        host.state,
        tasks,
        f"{host.cpu[0]}/{host.cpu[1]}",
        f"{host.memory[0]}/{host.memory[1]}",
        seen,
        age,
        host.agent_version or "-",
        host.ssm_version or "-",
        labels or "-",
    )


def _plain(host: Host) -> dict[str, object]:
    return asdict(host) | {"attributes": dict(host.attributes)}
