"""`hybrid sites host-kit`: what a host needs, in the form that its owner uses."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Json, Region, fleet_errors
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.fleet.errors import DestinationRefused, OptionsRefused
from hybrid.fleet.host_kit.kit import DockerSource, HostSettings, KitFile, KitFormat, SettingRefused, files
from hybrid.fleet.maintenance import labels
from hybrid.fleet.sites import AnywhereSiteNames, anywhere_site, mirror_of, private_endpoints_of
from workspace.paths import ESTATE


def host_kit(
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    form: Annotated[
        KitFormat, typer.Option("--format", help="Who runs the script on the host.")
    ] = KitFormat.SCRIPT,
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
        DockerSource, typer.Option("--docker-source", help="`none` where Docker is there already.")
    ] = DockerSource.ALL,
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
        try:
            settings = HostSettings(
                region=region or described.environment.region,
                cluster=names.cluster,
                account=described.environment.account,
                proxy=proxy,
                attributes=_attributes(attribute or []),
                reserved_memory=reserved_memory,
                docker_source=docker_source,
                mirror=mirror_of(described, site),
                private=private_endpoints_of(described, site),
            )
        except SettingRefused as error:
            raise OptionsRefused(str(error)) from None
        written = _write(list(files(settings, form)), output)
    if json_output:
        terminal.result_json({"site": site, "format": form, "files": [str(path) for path in written]})
        return
    for path in written:
        terminal.result(str(path))
    terminal.say(_how_to(form, names, region=settings.region, output=output))


def _attributes(given: Sequence[str]) -> dict[str, str]:
    wanted, removed = labels(given)
    if removed:
        raise OptionsRefused(f"--attribute {removed[0]}-: write key=value")
    return wanted


def _write(kit: Sequence[KitFile], output: Path) -> list[Path]:
    try:
        return [file.write(output) for file in kit]
    except OSError as error:
        raise DestinationRefused(f"{output} cannot be written: {error.strerror}") from None


def _how_to(form: KitFormat, site: AnywhereSiteNames, *, region: str, output: Path) -> str:
    """What to do with the kit. No line of it has the code in the arguments of a program."""
    read = (
        f"aws secretsmanager get-secret-value --region {region} --secret-id {site.secret} "
        "--query SecretString --output text"
    )
    place = "/etc/hybrid/activation.json"
    put = f"{read} | ssh HOST sudo install -D -m 600 /dev/stdin {place}"
    return {
        KitFormat.SCRIPT: (
            f"to join a host, paste:\nscp {shlex.quote(str(output))}/hybrid-host.sh HOST: && "
            f"{read} | ssh HOST sudo sh hybrid-host.sh join\n"
            "or on the host: sudo sh hybrid-host.sh join, which asks for the code"
        ),
        KitFormat.CLOUD_INIT: f"give user-data.yaml to the machine; it joins when its code comes:\n{put}",
        KitFormat.ANSIBLE: (
            "ansible-playbook -i INVENTORY join.yml, with hybrid_host_activation from where you keep "
            "secrets (roles/hybrid_host/defaults/main.yml says how)"
        ),
        KitFormat.SYSTEMD: (
            "install hybrid-host.sh as /usr/local/sbin/hybrid-host (0700) and the units in "
            f"/etc/systemd/system, enable both; the host joins when its activation comes:\n{put}"
        ),
    }[form]
