"""`hybrid sites`: places of the estate, and the activations that hosts join with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import (
    DryRun,
    EstateFile,
    Json,
    Profile,
    Region,
    as_terminal_error,
    fleet_errors,
    session,
)
from hybrid.cli.estate_file import read_estate
from hybrid.estate import Estate
from hybrid.fleet import activating, overview
from hybrid.fleet.activating import Activated, Existing
from hybrid.fleet.client import AwsClient
from hybrid.fleet.destinations import CodeFile, Destination, SiteSecret, Terminal
from hybrid.fleet.errors import DestinationRefused, FleetError, TermsRefused
from hybrid.fleet.journal import journal
from hybrid.fleet.sites import AnywhereSiteNames, anywhere_names, anywhere_site, require_deployed, stacks_of
from hybrid.fleet.terms import Terms, as_text, duration, pairs
from hybrid.fleet.upkeep import labels
from hybrid.host.kit import DockerSource, Format, HostSettings, SettingRefused, files
from hybrid.paths import ESTATE, STATE

app = typer.Typer(help="Sites of the estate, and the activations that hosts join with.", no_args_is_help=True)

Count = Annotated[int, typer.Option("--count", "-n", help="Hosts that may register, exactly; 1 to 1000.")]
TimeToLive = Annotated[str, typer.Option("--ttl", help="Until it expires: 30m, 4h, 2d; at most 30d.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="key=value of the nodes; again for more.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Sites at once.")]


@app.command("list")
def list_sites(
    estate: EstateFile = ESTATE, profile: Profile = None, region: Region = None, json_output: Json = False
) -> None:
    """List the sites: deployed or not, their hosts, tasks and live activations.

    Example: bin/hybrid sites list
    """
    with session(estate, profile, region) as (described, aws):
        found = overview.sites(aws, described)
    if json_output:
        terminal.result_json([asdict(one) for one in found])
        return
    rows = [
        (s.site, s.kind, "yes" if s.deployed else "no", _count(s.hosts), s.running, s.pending, _count(s.activations),
         s.slots, s.cluster)
        for s in found
    ]  # fmt: skip
    columns = ("site", "kind", "deployed", "hosts", "running", "pending", "activations", "slots", "cluster")
    terminal.result_table(columns, rows)


@app.command("activate")
def activate(
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
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Make an activation with which hosts join a site; its code goes into the site's secret.

    Several sites, or --all: a site that has a live activation keeps it, and an interrupted run is gone on
    with by the same command.

    Example: bin/hybrid sites activate on-premises --count 4 --ttl 4h --tag rack=b2
    """
    with session(estate, profile, region, workers=workers) as (described, aws):
        terms = Terms(count=count, lifetime=duration(ttl), tags=pairs(tag or [], option="--tag"))
        chosen = _chosen(described, sites or [], every=every)
        destination = _destination(aws, to_file, show=show, sites=len(chosen))
        if dry_run:
            _say_plan(aws, described, chosen, terms, destination, json_output=json_output)
            return
        if len(chosen) > 1:
            _activate_many(aws, described, chosen, terms, destination, json_output=json_output)
            return
        with _discarding(destination):
            done = activating.activate(aws, described, site=chosen[0], terms=terms, destination=destination)
    _say_activated(done, json_output=json_output)


@app.command("rotate")
def rotate(
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    count: Count = 1,
    ttl: TimeToLive = "4h",
    tag: Tag = None,
    dry_run: DryRun = False,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Put a new activation into a site's secret, then revoke the one that was there; hosts stay.

    Example: bin/hybrid sites rotate on-premises --count 4
    """
    with session(estate, profile, region) as (described, aws):
        terms = Terms(count=count, lifetime=duration(ttl), tags=pairs(tag or [], option="--tag"))
        destination = SiteSecret(aws)
        if dry_run:
            _say_plan(aws, described, [site], terms, destination, json_output=json_output)
            return
        done = activating.activate(
            aws, described, site=site, terms=terms, destination=destination, existing=Existing.REPLACE
        )
    _say_activated(done, json_output=json_output)


@app.command("activations")
def activations(
    site: Annotated[str | None, typer.Argument(help="Name of a site.", show_default="all")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Expired and used up ones too.")] = False,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """List activations: how many hosts used them, until when they hold, and where their code went.

    Example: bin/hybrid sites activations on-premises
    """
    with session(estate, profile, region) as (described, aws):
        found = overview.activations(aws, described, site=site, everything=everything)
    if json_output:
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


@app.command("revoke")
def revoke(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of activations.", metavar="ACTIVATION...")
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="Every live activation of this site.")] = None,
    dry_run: DryRun = False,
    estate: EstateFile = ESTATE,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Revoke activations, so that no further host can join with them; hosts that joined stay.

    Example: bin/hybrid sites revoke --site on-premises
    """
    with session(estate, profile, region) as (described, aws):
        if bool(ids) == bool(site):
            raise TermsRefused("name activations, or a site with --site")
        wanted = ids or [one.activation_id for one in overview.activations(aws, described, site=site)]
        done = [] if dry_run else list(overview.revoke(aws, described, wanted))
    if json_output:
        terminal.result_json({"revoked": [one for one, _ in done], "planned": wanted, "dry_run": dry_run})
        return
    for one in wanted if dry_run else []:
        terminal.result(f"would revoke activation {one}")
    for one, existed in done:
        terminal.result(f"revoked activation {one}" if existed else f"activation {one} was gone already")
    if not wanted:
        terminal.say("there is no live activation to revoke")


@app.command("host-kit")
def host_kit(
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    form: Annotated[
        Format, typer.Option("--format", help="Who runs the script on the host.")
    ] = Format.SCRIPT,
    proxy: Annotated[
        str | None, typer.Option("--proxy", help="HTTP proxy of the hosts, http://host:port.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", help="key=value of the hosts; again for more.")
    ] = None,
    reserved_memory: Annotated[
        int, typer.Option("--reserved-memory", help="MiB that tasks do not get.")
    ] = 256,
    docker_source: Annotated[
        str,
        typer.Option("--docker-source", help="all, docker, distro, or none where Docker is there already."),
    ] = "all",
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to write to.")] = Path("host-kit"),
    estate: EstateFile = ESTATE,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Write what a host needs to join a site; it holds no secret and needs no AWS credentials to be made.

    Example: bin/hybrid sites host-kit on-premises --format ansible --output kit
    """
    with terminal.exit_codes(), fleet_errors():
        described = read_estate(estate)
        names = anywhere_site(described, site)
        written = _write_kit(
            described, names, form, proxy, attribute or [], reserved_memory, docker_source, output,
            region or described.environment.region,
        )  # fmt: skip
    if json_output:
        terminal.result_json({"site": site, "format": form, "files": [str(path) for path in written]})
        return
    for path in written:
        terminal.result(str(path))
    terminal.say(_how_to(form, names))


def _write_kit(
    estate: Estate, site: AnywhereSiteNames, form: Format, proxy: str | None, attribute: list[str], reserved: int,
    docker_source: str, output: Path, region: str,
) -> list[Path]:  # fmt: skip
    given, removed = labels(attribute)
    if removed:
        raise TermsRefused(f"--attribute {removed[0]}-: write key=value")
    if docker_source not in get_args(DockerSource):
        raise TermsRefused(
            f"--docker-source {docker_source}: write one of {', '.join(get_args(DockerSource))}"
        )
    try:
        settings = HostSettings(
            region=region, cluster=site.cluster, account=estate.environment.account, proxy=proxy,
            attributes=given, reserved_memory=reserved, docker_source=docker_source,  # type: ignore[arg-type]
        )  # fmt: skip
        return [file.write(output) for file in files(settings, form)]
    except SettingRefused as error:
        raise TermsRefused(str(error)) from None
    except OSError as error:
        raise DestinationRefused(f"{output} cannot be written: {error.strerror}") from None


def _how_to(form: Format, site: AnywhereSiteNames) -> str:
    read = f"aws secretsmanager get-secret-value --secret-id {site.secret} --query SecretString --output text"
    return {
        Format.SCRIPT: f"copy the file to the host, then: {read} | ssh HOST sudo sh hybrid-host.sh join\n"
        "or on the host: sudo sh hybrid-host.sh join, which asks for the code",
        Format.CLOUD_INIT: "give user-data.yaml to the machine; it joins when /etc/hybrid/activation.json (0600) is "
        f"put there: {read} | ssh HOST 'sudo install -m 600 /dev/stdin /etc/hybrid/activation.json'",
        Format.ANSIBLE: "ansible-playbook -i INVENTORY join.yml, with hybrid_host_activation from where you keep "
        "secrets (roles/hybrid_host/defaults/main.yml says how)",
        Format.SYSTEMD: "install hybrid-host.sh as /usr/local/sbin/hybrid-host and the units in /etc/systemd/system, "
        "enable both; the host joins when /etc/hybrid/activation.json (0600) is put there",
    }[form]


def _chosen(estate: Estate, sites: list[str], *, every: bool) -> list[str]:
    if every and sites:
        raise TermsRefused("name sites, or take --all; not both")
    chosen = anywhere_names(estate) if every else list(dict.fromkeys(sites))
    if not chosen:
        known = ", ".join(anywhere_names(estate)) or "none"
        raise TermsRefused(f"which site? Sites of kind anywhere: {known}")
    return chosen


def _destination(aws: AwsClient, to_file: Path | None, *, show: bool, sites: int) -> Destination:
    if to_file is None and not show:
        return SiteSecret(aws)
    if to_file is not None and show:
        raise DestinationRefused("--to-file and --show: the code goes to one place; choose one")
    if sites > 1:
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
    aws: AwsClient,
    estate: Estate,
    sites: list[str],
    terms: Terms,
    destination: Destination,
    *,
    json_output: bool,
) -> None:
    failed: list[tuple[str, FleetError]] = []
    done: list[Activated] = []
    with journal(STATE / "fleet" / f"{estate.environment.name}-{aws.region}.run") as (run, resumed):
        if resumed:
            terminal.say("going on with an interrupted run")
        outcomes = activating.activate_all(
            aws, estate, sites=sites, terms=terms, destination=destination, existing=Existing.KEEP, run=run
        )
        with terminal.working(f"activating {len(sites)} sites"):
            for site, outcome in outcomes:
                if isinstance(outcome, FleetError):
                    failed.append((site, outcome))
                else:
                    done.append(outcome)
    _say_many(sorted(done, key=lambda one: one.site), failed, json_output=json_output)
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
        f"site {done.site}: activation {done.activation_id} for {done.limit} host{'s' if done.limit > 1 else ''} until "
        f"{done.expires.isoformat()}; its code is in {done.where}"
    )
    if done.replaced:
        terminal.say(f"revoked activation {done.replaced}")


def _say_plan(
    aws: AwsClient,
    estate: Estate,
    sites: list[str],
    terms: Terms,
    destination: Destination,
    *,
    json_output: bool,
) -> None:
    chosen = [anywhere_site(estate, site) for site in sites]
    stacks = stacks_of(aws, chosen)
    for one in chosen:
        require_deployed(one, stacks.get(one.site))
    if json_output:
        plan = [
            {"site": s.site, "role": s.role, "count": terms.count, "to": destination.kind} for s in chosen
        ]
        terminal.result_json({"dry_run": True, "activations": plan})
        return
    for one in chosen:
        terminal.result(
            f"would make an activation for site {one.site}: {terms.count} host(s), {as_text(terms.lifetime)}, role "
            f"{one.role}, code to {destination.kind}"
        )


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)
