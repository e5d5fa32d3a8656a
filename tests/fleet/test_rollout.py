"""Many sites at once: each gets one activation, also when the run is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_estate import DeployedEstate

from hybrid.fleet.errors import DestinationRefused
from hybrid.fleet.journal import journal
from workspace.paths import ROOT

pytestmark = pytest.mark.slow

SITES = [f"shop-{number}" for number in range(12)]


@pytest.fixture
def shops(deploy: Callable[..., DeployedEstate]) -> DeployedEstate:
    return deploy(SITES)


def in_secrets(estate: DeployedEstate) -> dict[str, str]:
    return {site: estate.secret_value(site)["activation_id"] for site in SITES}


def live(estate: DeployedEstate) -> list[str]:
    return sorted(one["ActivationId"] for one in estate.activations())


def test_every_site_gets_one_activation_and_a_second_run_keeps_them(shops: DeployedEstate) -> None:
    first = shops.run("sites", "activate", "--all", "--count", "20", "--json")
    assert first.exit_code == 0, first.output
    assert len(live(shops)) == 12
    assert sorted(in_secrets(shops).values()) == live(shops)

    second = shops.run("sites", "activate", "--all", "--count", "20", "--json")
    assert {one["made"] for one in json.loads(second.stdout)["activated"]} == {False}
    assert len(live(shops)) == 12


def test_one_site_that_fails_does_not_keep_the_others_from_theirs(shops: DeployedEstate) -> None:
    shops.aws.client("cloudformation").delete_stack(StackName=shops.names.site_stack("shop-5"))
    done = shops.run("sites", "activate", "--all", "--json")
    result = json.loads(done.stdout)
    assert done.exit_code == 2
    assert [one["site"] for one in result["failed"]] == ["shop-5"]
    assert len(result["activated"]) == 11


def test_a_killed_run_is_gone_on_with_and_leaves_no_second_activation(
    shops: DeployedEstate, tmp_path: Path
) -> None:
    # Given a run that is killed (SIGKILL) while activations have been made whose codes were not yet
    # delivered:
    # the emulated Secrets Manager takes half a second for each write
    program = (
        "import time, hybrid.cli.sites as sites, hybrid.fleet.client as client\n"
        "from pathlib import Path\n"
        f"sites.STATE = Path({str(tmp_path / 'state')!r})\n"
        "put = client.AwsClient.put_secret\n"
        "def slow(self, *a, **k):\n"
        "    time.sleep(1.5)\n"
        "    put(self, *a, **k)\n"
        "client.AwsClient.put_secret = slow\n"
        "from hybrid.cli.main import app\n"
        "app()\n"
    )
    arguments = ["sites", "activate", "--all", "--workers", "3", "--estate", str(shops.file)]
    running = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, env=dict(os.environ),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while len(live(shops)) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    orphans = len(live(shops)) - sum(1 for site in SITES if _has_code(shops, site))
    assert orphans > 0, "the run was not interrupted in the middle"

    # When the same command is given again
    done = shops.run("sites", "activate", "--all")

    # Then each site has exactly one activation, the one in its secret
    assert done.exit_code == 0, done.output
    assert "going on with an interrupted run" in done.stderr
    assert sorted(in_secrets(shops).values()) == live(shops)
    assert Counter(a["DefaultInstanceName"] for a in shops.activations()).most_common(1)[0][1] == 1


def _has_code(estate: DeployedEstate, site: str) -> bool:
    client = estate.aws.client("secretsmanager")
    described = client.describe_secret(SecretId=estate.names.activation_secret(site))
    return any("AWSCURRENT" in stages for stages in described["VersionIdsToStages"].values())


def test_two_runs_at_once_are_refused(shops: DeployedEstate, tmp_path: Path) -> None:
    with journal(tmp_path / "run"), pytest.raises(DestinationRefused), journal(tmp_path / "run"):
        pass


def test_a_list_longer_than_a_page_is_complete(depot: DeployedEstate) -> None:
    # Given more activations than a page of DescribeActivations holds (50)
    ssm = depot.aws.client("ssm")
    role = f"hybrid/{depot.name}/anywhere/{depot.names.anywhere_role('depot')}"
    for _ in range(61):
        ssm.create_activation(IamRole=role, DefaultInstanceName=depot.names.cluster("depot"))
    done = depot.run("sites", "activations", "depot", "--json")
    assert len(json.loads(done.stdout)) == 61


def test_a_small_fleet_is_measured_as_a_large_one_is() -> None:
    # Given sites with more hosts than a page of container instances (100) and of nodes (50) holds
    done = subprocess.run(
        [sys.executable, "bench/fleet/scale.py", "--sites", "2", "--hosts", "101"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    # Then each site gets one activation, once, and each host is listed
    assert done.returncode == 0, done.stderr
    for title, result in (
        ("sites activate --all", "2 made, 0 failed"),
        ("sites activate --all, again", "0 made, 0 failed"),
        ("sites list", "2 sites"),
        ("hosts list", "202 hosts"),
    ):
        assert f"\n{title}: {result} in " in done.stdout
    assert "live activations: 2, lost: 0" in done.stdout
