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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from local_fleet import RATES, REGION, RemoteEndpoint, deploy, emulator, endpoint, fill  # noqa: E402

from hybrid.estate import Estate, load_estate  # noqa: E402
from hybrid.fleet import activating, overview  # noqa: E402
from hybrid.fleet.activating import Existing  # noqa: E402
from hybrid.fleet.activation_options import ActivationOptions  # noqa: E402
from hybrid.fleet.client import AwsClient  # noqa: E402
from hybrid.fleet.destinations import SiteSecret  # noqa: E402
from hybrid.fleet.errors import FleetError  # noqa: E402
from hybrid.fleet.hosts import hosts  # noqa: E402
from hybrid.fleet.sites import anywhere_site  # noqa: E402


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
    print(f"\npeak memory, local endpoint and emulator not included: {peak:.0f} MiB")


def _activate(directory: Path, url: str, estate: Estate, workers: int, *, limited: bool) -> None:
    with endpoint(directory, url, limited=limited) as remote:
        aws = AwsClient(region=REGION, workers=workers)
        for title in ("sites activate --all", "sites activate --all, again"):
            with _measured(title, aws, remote) as result:
                outcomes = list(
                    activating.activate_all(
                        aws, estate, sites=list(estate.sites), options=ActivationOptions(count=20),
                        destination=SiteSecret(aws), existing=Existing.KEEP, run="bench",
                    )
                )  # fmt: skip
                failed = sum(isinstance(outcome, FleetError) for _, outcome in outcomes)
                made = sum(not isinstance(outcome, FleetError) and outcome.made for _, outcome in outcomes)
                result.append(f"{made} made, {failed} failed")
        live = overview.activations(aws, estate)
        print(f"  live activations: {len(live)}, lost: {sum(one.state == 'lost' for one in live)}")


def _list(directory: Path, url: str, estate: Estate, workers: int, *, limited: bool) -> None:
    with endpoint(directory, url, limited=limited) as remote:
        aws = AwsClient(region=REGION, workers=workers)
        with _measured("sites list", aws, remote) as result:
            result.append(f"{len(overview.sites(aws, estate))} sites")
        with _measured("hosts list", aws, remote) as result:
            result.append(f"{len(hosts(aws, estate))} hosts")


@contextmanager
def _measured(title: str, aws: AwsClient, remote: RemoteEndpoint) -> Iterator[list[str]]:
    """Prints what the block did, put into words in the list, its calls, and the least time they can take."""
    aws.calls.clear()
    result: list[str] = []
    begun, used = time.monotonic(), time.process_time()
    yield result
    took, cpu = time.monotonic() - begun, time.process_time() - used
    throttled = remote.throttled()
    granted = aws.calls - throttled
    least, slowest = max(
        ((sum(granted[one] for one in group) - burst) / rate, " and ".join(sorted(group & set(granted))))
        for group, (burst, rate) in RATES.items()
    )
    print(f"\n{title}: {', '.join(result)} in {took:.0f} s, {cpu:.0f} s of CPU, {aws.calls.total()} calls")
    print(f"  least time at the rates: {max(least, 0):.0f} s ({slowest})")
    for operation, calls in sorted(aws.calls.items()):
        print(f"  {operation}: {calls}, {throttled[operation]} throttled", flush=True)


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
