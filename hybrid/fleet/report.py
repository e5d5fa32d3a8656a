"""The fleet on a day: each host with its age, versions, tasks, disk, clock and last run, and who told it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hybrid.estate import Estate
from hybrid.fleet import errors
from hybrid.fleet.client import AwsClient
from hybrid.fleet.concurrency import each
from hybrid.fleet.hosts import Host, hosts
from hybrid.fleet.sites import anywhere_site
from hybrid.fleet.versions import TooOld, too_old

#: What `hybrid-host doctor` says of disk and clock.
_DISK = re.compile(r"(\d+) GiB free in (\S+)")
_CLOCK = re.compile(r"the clock is (?:right to )?(\d+) seconds")
_COUNTS = re.compile(r"^(\d+) failure\(s\), (\d+) warning\(s\)$", re.MULTILINE)

#: The most of a file that is read: a doctor's words are a few thousand characters.
_MOST = 1 << 20


@dataclass(frozen=True)
class Checked:
    """What `hybrid-host doctor` said on a host.

    Attributes:
        disks: directory → GiB free.
        clock: seconds that the clock is off; None where it could not compare.
        failures: findings that keep tasks from running.
        warnings: other findings.
    """

    disks: Mapping[str, int]
    clock: int | None
    failures: int
    warnings: int


@dataclass(frozen=True)
class HostReport:
    """A host in the report.

    Attributes:
        host: what AWS knows.
        too_old: its programs that are too old.
        last_run: end of the last task that ECS still knows; it forgets them after an hour.
        checked: of the machine itself; None where its doctor's words are not there.
    """

    host: Host
    too_old: Sequence[TooOld]
    last_run: datetime | None
    checked: Checked | None


@dataclass(frozen=True)
class FleetReport:
    """The report.

    Attributes:
        estate: name of the estate.
        made: when.
        hosts: by site and name.
    """

    estate: str
    made: datetime
    hosts: Sequence[HostReport]


def report(
    aws: AwsClient, estate: Estate, *, site: str | None = None, doctors: Path | None = None
) -> FleetReport:
    """Ask AWS of every host, and read what the hosts' own doctors said.

    Args:
        aws: the client.
        estate: the estate.
        site: the one site; None for all.
        doctors: directory with the output of `hybrid-host doctor` of each host, in a file of the host's name
            or `mi-…`, with any ending.

    Raises:
        errors.FleetError: there is no such site or directory, two files are of one host, or AWS could not be
            asked.
    """
    said = _doctors(doctors)
    known = hosts(aws, estate, site=site)
    runs = dict(_last_runs(aws, estate, known))
    found = [
        HostReport(
            host=host,
            too_old=tuple(too_old(host)),
            last_run=runs.get(host.instance or ""),
            checked=said.get(host.node) or said.get(host.name),
        )
        for host in known
    ]
    strangers = said.keys() - {name for host in known for name in (host.node, host.name)}
    if strangers:
        raise errors.OptionsRefused(
            f"{doctors} has files of no host: {', '.join(sorted(strangers))}; name each as `bin/hybrid hosts "
            "list` shows the host"
        )
    return FleetReport(estate.environment.name, datetime.now(UTC), found)


def _last_runs(aws: AwsClient, estate: Estate, known: Sequence[Host]) -> list[tuple[str, datetime | None]]:
    def last(host: Host) -> datetime | None:
        return aws.last_stopped(anywhere_site(estate, host.site).cluster, host.instance or "")

    found = []
    for host, ended in each([one for one in known if one.instance], last, workers=aws.workers):
        if isinstance(ended, errors.FleetError):
            raise ended
        found.append((host.instance or "", ended))
    return found


def _doctors(directory: Path | None) -> dict[str, Checked]:
    if directory is None:
        return {}
    if not directory.is_dir():
        raise errors.OptionsRefused(f"{directory} is no directory")
    found: dict[str, Checked] = {}
    for file in sorted(one for one in directory.iterdir() if one.is_file() and one.name[0] != "."):
        if file.stem in found:
            raise errors.OptionsRefused(f"{directory} has two files of {file.stem}; leave the newer one")
        with file.open(encoding="utf-8", errors="replace") as opened:
            said = opened.read(_MOST)
        counts = _COUNTS.search(said)
        if counts is None:
            raise errors.OptionsRefused(
                f"{file} is no whole output of `hybrid-host doctor`: it does not end with the counts"
            )
        clock = _CLOCK.search(said)
        found[file.stem] = Checked(
            disks={place: int(free) for free, place in _DISK.findall(said)},
            clock=int(clock[1]) if clock else None,
            failures=int(counts[1]),
            warnings=int(counts[2]),
        )
    return found
