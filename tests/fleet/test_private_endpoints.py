"""`endpoints` of a site: what a host is told, and what it tries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from host_machine import Machine

from hybrid.fleet.host_kit.kit import HostSettings, script

_ECS = "https://vpce-1.ecs.example.com"
_SSM = "https://vpce-2.ssm.example.com"
_MGS = "https://vpce-3.ssmmessages.example.com"
_S3 = "https://bucket.vpce-4.s3.example.com"
_PRIVATE = {"ecs": _ECS, "ssm": _SSM, "ssmmessages": _MGS, "s3": _S3}
_FILE = "/etc/amazon/ssm/amazon-ssm-agent.json"


def _tried(**settings: Any) -> dict[str, str]:
    """Host → need, of the ways that the script tries."""
    text = script(HostSettings(region="eu-west-1", cluster="c", **settings))
    lines = text.partition("ENDPOINTS='")[2].partition("'")[0].splitlines()
    return {host: need for need, host, _ in (line.split(" ", 2) for line in lines)}


def test_a_way_is_tried_to_each_address_that_is_used_and_to_no_other() -> None:
    before, after = _tried(), _tried(private=_PRIVATE)
    hosts = {url.removeprefix("https://") for url in _PRIVATE.values()}
    assert hosts <= after.keys()
    gone = {
        "ecs.eu-west-1.amazonaws.com",
        "ssm.eu-west-1.amazonaws.com",
        "ssmmessages.eu-west-1.amazonaws.com",
    }
    assert before.keys() - after.keys() == gone
    # The installer takes the agents from the public address: a host that has them can do without
    assert after["s3.eu-west-1.amazonaws.com"] == "useful"
    assert (after["bucket.vpce-4.s3.example.com"], after["vpce-3.ssmmessages.example.com"]) == (
        "required", "useful",
    )  # fmt: skip


@pytest.mark.containers
def test_both_agents_are_told_before_they_register(machine: Machine) -> None:
    # Given a kit with private endpoints, and a proxy for the rest
    machine.settle(private=_PRIVATE, proxy="http://proxy.example:3128")
    # When the machine joins
    done = machine.join()
    # Then the agents have the addresses, and the proxy is not asked for them
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ECS_BACKEND_HOST=vpce-1.ecs.example.com" in machine.read("/etc/ecs/ecs.config")
    told = json.loads(machine.read(_FILE))
    assert (told["Ssm"], told["Mgs"]) == ({"Endpoint": _SSM}, {"Endpoint": _MGS})
    wrote, registered = done.stdout.index(f"wrote {_FILE}"), done.stdout.index("==> installing")
    assert wrote < registered
    settings = machine.read("/etc/systemd/system/ecs.service.d/hybrid-proxy.conf")
    assert "vpce-1.ecs.example.com,vpce-4.s3" not in settings
    assert ",vpce-1.ecs.example.com," in settings
    # And the doctor is content
    assert machine.host("doctor").returncode == 0
    # And a kit without them takes them back, and leaves nothing of them
    machine.settle()
    assert machine.host("join").returncode == 0
    assert "ECS_BACKEND_HOST" not in machine.read("/etc/ecs/ecs.config")
    assert machine.run(f"ls {_FILE}").returncode != 0


@pytest.mark.containers
def test_a_settings_file_of_the_owner_is_not_written_over(machine: Machine) -> None:
    # Given settings of the SSM agent that somebody else wrote
    own = json.dumps({"Mds": {"CommandWorkersLimit": 1}})
    machine.run(f"mkdir -p /etc/amazon/ssm && echo '{own}' >{_FILE}")
    machine.settle(private=_PRIVATE)
    # Then the machine does not join with an agent that would call other addresses
    done = machine.join()
    assert done.returncode == 2
    assert f"does not name {_SSM}" in done.stdout
    assert json.loads(machine.read(_FILE)) == json.loads(own)
    # And it joins once the owner has put them there
    mended = json.dumps({"Mds": {}, "Ssm": {"Endpoint": _SSM}, "Mgs": {"Endpoint": _MGS}})
    machine.run(f"echo '{mended}' >{_FILE}")
    assert machine.join().returncode == 0
    assert json.loads(machine.read(_FILE)) == json.loads(mended)


@pytest.mark.containers
def test_an_address_that_does_not_answer_is_told(machine: Machine) -> None:
    machine.settle(private=_PRIVATE)
    machine.note("refused", "vpce-1.ecs.example.com\n")
    done = machine.host("plan")
    assert done.returncode == 2
    assert "FAILED   no way out to vpce-1.ecs.example.com" in done.stdout
