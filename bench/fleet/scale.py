"""Calls and time of listing and activating a large fleet, at the rates that AWS publishes.

python bench/fleet/scale.py --sites 1000 --hosts 20
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from local_fleet import RATES, REGION, Rates, deploy, emulator, endpoint, fill  # noqa: E402

from hybrid.estate import Estate, load_estate  # noqa: E402
from hybrid.fleet import activating, overview  # noqa: E402
from hybrid.fleet.activating import Existing  # noqa: E402
from hybrid.fleet.client import AwsClient  # noqa: E402
from hybrid.fleet.destinations import SiteSecret  # noqa: E402
from hybrid.fleet.errors import FleetError  # noqa: E402
from hybrid.fleet.hosts import hosts  # noqa: E402
from hybrid.fleet.sites import anywhere_site  # noqa: E402
from hybrid.fleet.terms import Terms  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--no-rates", action="store_true", help="as fast as the local endpoint can")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, emulator(Path(scratch), _free_port()) as url:
        directory = Path(scratch)
        estate = _estate(directory, chosen.sites)
        names = [anywhere_site(estate, site) for site in estate.sites]
        begun = time.monotonic()
        deploy(names)
        print(
            f"{chosen.sites} sites deployed to the emulator in {time.monotonic() - begun:.0f} s\n", flush=True
        )
        for group, (burst, rate) in {} if chosen.no_rates else RATES.items():
            print(f"rate: {burst} at once, {rate:g} a second: {', '.join(sorted(group))}")
        _activate(directory, url, estate, chosen.workers, limited=not chosen.no_rates)
        fill(directory, names, chosen.hosts)
        _list(directory, url, estate, chosen.workers, limited=not chosen.no_rates)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory, local endpoint included: {peak:.0f} MiB")


def _activate(directory: Path, url: str, estate: Estate, workers: int, *, limited: bool) -> None:
    rates = Rates() if limited else None
    with endpoint(directory, url, rates=rates):
        aws = AwsClient(region=REGION, workers=workers)
        for title in ("activate --all", "activate --all, again"):
            aws.calls.clear()
            begun = time.monotonic()
            outcomes = list(
                activating.activate_all(
                    aws, estate, sites=list(estate.sites), terms=Terms(count=20), destination=SiteSecret(aws),
                    existing=Existing.KEEP, run="bench",
                )
            )  # fmt: skip
            failed = [o for _, o in outcomes if isinstance(o, FleetError)]
            made = sum(1 for _, o in outcomes if not isinstance(o, FleetError) and o.made)
            _report(title, time.monotonic() - begun, aws, rates, f"{made} made, {len(failed)} failed")
        live = overview.activations(aws, estate)
        print(f"  live activations: {len(live)}, lost: {sum(one.state == 'lost' for one in live)}")


def _list(directory: Path, url: str, estate: Estate, workers: int, *, limited: bool) -> None:
    rates = Rates() if limited else None
    with endpoint(directory, url, rates=rates):
        aws = AwsClient(region=REGION, workers=workers)
        begun = time.monotonic()
        found = overview.sites(aws, estate)
        _report("sites list", time.monotonic() - begun, aws, rates, f"{len(found)} sites")
        aws.calls.clear()
        begun = time.monotonic()
        seen = hosts(aws, estate)
        _report("hosts list", time.monotonic() - begun, aws, rates, f"{len(seen)} hosts")


def _report(title: str, seconds: float, aws: AwsClient, rates: Rates | None, result: str) -> None:
    print(f"\n{title}: {result} in {seconds:.1f} s, {aws.calls.total()} calls", flush=True)
    for operation, calls in sorted(aws.calls.items()):
        throttled = (
            f", {rates.throttled[operation]} throttled" if rates and rates.throttled[operation] else ""
        )
        print(f"  {operation}: {calls}{throttled}", flush=True)
    if rates:
        rates.throttled.clear()


def _estate(directory: Path, sites: int) -> Estate:
    file = directory / "estate.yaml"
    described = {
        "environment": {"name": "bench", "region": REGION},
        "network": {"availability_zones": ["eu-west-1a", "eu-west-1b"]},
        "sites": {f"site-{number:04}": {"kind": "anywhere"} for number in range(sites)},
    }
    file.write_text(yaml.safe_dump(described))
    return load_estate(file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
