"""`hybrid hosts`: the machines that joined, and what is done to them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import DryRun, Fleet, as_terminal_error, fleet_command
from hybrid.cli.hosts_pull import pull
from hybrid.cli.hosts_report import report
from hybrid.estate import Estate
from hybrid.fleet import diagnosis, maintenance
from hybrid.fleet.activation_options import as_text, duration
from hybrid.fleet.client import AwsClient
from hybrid.fleet.diagnosis import HostFinding
from hybrid.fleet.errors import FleetError
from hybrid.fleet.hosts import Host, find
from hybrid.fleet.hosts import hosts as hosts_of
from hybrid.fleet.maintenance import Deregistered
from hybrid.fleet.versions import marked, too_old
from hybrid.fleet.watching import changes

app = typer.Typer(help="The machines that joined the sites.", no_args_is_help=True)

Wanted = Annotated[list[str], typer.Argument(help="Names or ids (mi-…) of hosts.", metavar="HOST...")]
Site = Annotated[str | None, typer.Option("--site", help="Only this site.", show_default="all")]

_COLUMNS = (
    "site", "host", "state", "tasks", "free cpu", "free MiB", "last seen", "age", "agent", "ssm", "docker",
    "labels",
)  # fmt: skip

#: Seconds between two words of a wait in which nothing changes.
_STILL_WAITING = 60.0


@fleet_command(app, "list")
def list_hosts(fleet: Fleet, site: Site = None) -> None:
    """List the hosts: what ECS and Systems Manager say of each, its tasks, its room and its labels.

    Example: bin/hybrid hosts list --site on-premises
    """
    with terminal.working("asking AWS"):
        found = hosts_of(fleet.aws(workers=16), fleet.estate, site=site)
    if fleet.json_output:
        terminal.result_json([_plain(host) for host in found])
        return
    terminal.result_table(_COLUMNS, [_row(host) for host in found])


@fleet_command(app, "drain")
def drain(
    fleet: Fleet,
    wanted: Wanted,
    wait: Annotated[bool, typer.Option(help="Wait until the tasks there have ended.")] = True,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait.")] = "1h",
    dry_run: DryRun = False,
    site: Site = None,
) -> None:
    """Let nothing more start on hosts, and wait until what runs there has ended.

    Example: bin/hybrid hosts drain rack-1 --timeout 2h
    """
    aws, limit = fleet.aws(), duration(timeout)
    chosen = _found(fleet, aws, wanted, site)
    if not dry_run:
        maintenance.set_draining(aws, fleet.estate, chosen, draining=True)
        if wait:
            with terminal.working(f"draining, for {as_text(limit)} at most"):
                _wait_until_idle(aws, fleet.estate, chosen, limit)
    done = ("drained" if wait else "draining") if not dry_run else "would drain"
    _say_each(chosen, done, dry_run=dry_run, json_output=fleet.json_output)


def _wait_until_idle(aws: AwsClient, estate: Estate, chosen: Sequence[Host], limit: timedelta) -> None:
    """Wait, and say what is left when that changes, and once a minute."""
    begun, said, said_at = monotonic(), "", 0.0
    for left in maintenance.until_idle(aws, estate, chosen, timeout=limit):
        now = "; ".join(f"{one.host.name}: {len(one.tasks)} task(s) left" for one in left)
        passed = monotonic() - begun
        if now and (now != said or passed - said_at >= _STILL_WAITING):
            rest = timedelta(seconds=max(limit.total_seconds() - passed, 0))
            terminal.say(f"{now}; waiting for {as_text(rest)} more at most")
            said, said_at = now, passed


@fleet_command(app, "undrain")
def undrain(fleet: Fleet, wanted: Wanted, dry_run: DryRun = False, site: Site = None) -> None:
    """Put drained hosts back to work.

    Example: bin/hybrid hosts undrain rack-1
    """
    aws = fleet.aws()
    chosen = _found(fleet, aws, wanted, site)
    if not dry_run:
        maintenance.set_draining(aws, fleet.estate, chosen, draining=False)
    done = "would put back" if dry_run else "back to work:"
    _say_each(chosen, done, dry_run=dry_run, json_output=fleet.json_output)


@fleet_command(app, "deregister")
def deregister(
    fleet: Fleet,
    wanted: Wanted,
    force: Annotated[
        bool, typer.Option("--force", help="Even while tasks run; they are left behind.")
    ] = False,
    dry_run: DryRun = False,
    site: Site = None,
) -> None:
    """Take hosts out of ECS and out of Systems Manager, and say what is left on the machine.

    Example: bin/hybrid hosts deregister rack-1
    """
    aws = fleet.aws()
    chosen = _found(fleet, aws, wanted, site)
    for host in chosen:
        maintenance.require_idle(host, force=force)
    done: list[Deregistered] = []
    failed: list[tuple[Host, FleetError]] = []
    for host in [] if dry_run else chosen:
        try:
            done.append(maintenance.deregister(aws, fleet.estate, host, force=force))
        except FleetError as refusal:
            failed.append((host, refusal))
    if fleet.json_output:
        terminal.result_json(
            {"dry_run": dry_run, "hosts": [_plain(host) for host in chosen],
             "done": [{"host": d.host.node, "ecs": d.from_ecs, "ssm": d.from_ssm} for d in done],
             "failed": [{"host": host.node, "error": str(error)} for host, error in failed]}
        )  # fmt: skip
    else:
        _say_deregistered(chosen if dry_run else [], done)
    for _, error in failed[1:]:
        terminal.say(str(error))
    if failed:
        raise as_terminal_error(failed[0][1])


@fleet_command(app, "label")
def label(
    fleet: Fleet,
    host: Annotated[str, typer.Argument(help="Name or id of a host.")],
    labels: Annotated[list[str], typer.Argument(help="key=value sets, key- removes.", metavar="LABEL...")],
    dry_run: DryRun = False,
    site: Site = None,
) -> None:
    """Set or remove attributes of a host, which placement constraints read.

    Example: bin/hybrid hosts label rack-1 rack=b2 gpu-
    """
    aws = fleet.aws()
    wanted, unwanted = maintenance.labels(labels)
    (chosen,) = _found(fleet, aws, [host], site)
    if not dry_run:
        maintenance.label(aws, fleet.estate, chosen, wanted=wanted, unwanted=unwanted)
    if fleet.json_output:
        terminal.result_json({"host": chosen.node, "set": wanted, "removed": unwanted, "dry_run": dry_run})
        return
    what = [*(f"{k}={v}" for k, v in wanted.items()), *(f"without {k}" for k in unwanted)]
    terminal.result(f"{'would label' if dry_run else 'labelled'} {chosen.name}: {', '.join(what)}")


fleet_command(app, "pull")(pull)
fleet_command(app, "report")(report)


@fleet_command(app, "doctor")
def doctor(fleet: Fleet, site: Site = None) -> None:
    """Find what is wrong with sites and hosts, as seen from AWS; each finding with its remedy.

    On the machine itself, `hybrid-host doctor` finds the rest. Exit code 1 when no task can run somewhere.

    Example: bin/hybrid hosts doctor --site on-premises
    """
    with terminal.working("asking AWS"):
        found = diagnosis.diagnose(fleet.aws(workers=16), fleet.estate, site=site)
    if fleet.json_output:
        terminal.result_json([asdict(one) for one in found])
    else:
        _say_findings(found)
    if any(one.level == "error" for one in found):
        raise typer.Exit(1)


@fleet_command(app, "watch")
def watch(
    fleet: Fleet,
    site: Site = None,
    interval: Annotated[str, typer.Option("--interval", help="Time between two looks.")] = "15s",
    length: Annotated[
        str | None, typer.Option("--for", help="How long to watch.", show_default="until Ctrl-C")
    ] = None,
) -> None:
    """Watch the hosts: one line for each that comes, goes, or changes.

    Example: bin/hybrid hosts watch --interval 10s --for 1h
    """
    aws = fleet.aws(workers=16)
    pause = max(duration(interval).total_seconds(), 1.0)
    end = monotonic() + duration(length).total_seconds() if length else float("inf")
    before: list[Host] | None = None
    try:
        while True:
            now = hosts_of(aws, fleet.estate, site=site)
            for change in changes(before, now):
                if fleet.json_output:
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


def _found(fleet: Fleet, aws: AwsClient, wanted: Sequence[str], site: str | None) -> list[Host]:
    with terminal.working("asking AWS"):
        return find(aws, fleet.estate, wanted, site=site)


def _say_deregistered(planned: Sequence[Host], done: Sequence[Deregistered]) -> None:
    for host in planned:
        terminal.result(f"would deregister {host.name} ({host.node}) from ECS and Systems Manager")
    for one in done:
        sides = [side for side, was in (("ECS", one.from_ecs), ("Systems Manager", one.from_ssm)) if was]
        terminal.result(
            f"{one.host.name} ({one.host.node}) is out of {' and '.join(sides) or 'both already'}"
        )
    if done:
        terminal.say(
            "left on the machine: the agents with their packages, settings, keys and logs, which "
            "`hybrid-host leave` there removes, and images. To join again it needs a new activation."
        )


def _say_findings(found: Sequence[HostFinding]) -> None:
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
    old = {one.program for one in too_old(host)}
    return (
        host.site,
        f"{host.name} {host.node}",
        host.state,
        tasks,
        f"{host.cpu[0]}/{host.cpu[1]}",
        f"{host.memory[0]}/{host.memory[1]}",
        seen,
        age,
        marked(host.agent_version, old="ECS agent" in old),
        marked(host.ssm_version, old="SSM agent" in old),
        marked(host.docker_version, old="Docker" in old),
        labels or "-",
    )


def _plain(host: Host) -> dict[str, object]:
    return asdict(host) | {
        "attributes": dict(host.attributes),
        "too_old": [asdict(one) for one in too_old(host)],
    }
