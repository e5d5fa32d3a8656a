"""The doctor and `join` go by what AWS says of a host, as its agents write it down, not by its files alone.

The agents' words are those of amazon-ssm-agent 3.3 and amazon-ecs-agent 1.105, from their sources.
"""

from __future__ import annotations

import pytest
from host_machine import Machine

pytestmark = pytest.mark.containers

SSM_LOG = "/var/log/amazon/ssm/amazon-ssm-agent.log"
PRODUCED = "ERROR [CredentialRefresher] Retrieve credentials produced error:"
FINGERPRINT = f"{PRODUCED} MachineFingerprintDoesNotMatch: Fingerprint does not match"


@pytest.mark.parametrize(
    ("said", "problem", "remedy"),
    [
        (FINGERPRINT, "hardware fingerprint has changed", "hosts deregister"),
        (
            "ERROR Cannot connect to AWS Systems Manager.  The hardware ID (a) has changed from the "
            "registered value (b).",
            "hardware fingerprint has changed", "no setting of the agent mends it",
        ),
        (
            f"{PRODUCED} InvalidInstanceId: mi-0123456789abcdef0",
            "AWS refuses the registration mi-0123456789abcdef0", "join with a new activation",
        ),
        (
            f"{PRODUCED} RequestError: send request failed",
            "RequestError: send request failed", "systemctl restart amazon-ssm-agent",
        ),
    ],
)  # fmt: skip
def test_the_doctor_tells_what_aws_says_of_the_registration(
    machine: Machine, said: str, problem: str, remedy: str
) -> None:
    # Given a host whose SSM agent was refused after all was well
    machine.join()
    machine.run(f"cat >>{SSM_LOG}", given=f"{said}\nINFO Sleeping for 26m0s before retrying\n")
    done = machine.host("doctor")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (found,) = [number for number, text in enumerate(lines) if problem in text]
    assert lines[found].startswith("FAILED")
    assert remedy in lines[found + 1]
    assert "similarityThreshold" not in done.stdout

    # When AWS has given credentials again, what was said before is settled
    machine.run(f"cat >>{SSM_LOG}", given="INFO [CredentialRefresher] Credentials ready\n")
    assert machine.host("doctor").returncode == 0


@pytest.mark.parametrize("said", [FINGERPRINT, "ERROR produced error: InvalidInstanceId: mi-0"])
def test_a_registration_that_aws_refuses_is_no_reason_to_need_no_code(machine: Machine, said: str) -> None:
    # Given a host that was deregistered, or whose machine changed
    machine.join()
    machine.run(f"cat >>{SSM_LOG}", given=f"{said}\n")

    # Then to join again is refused with the way out
    again = machine.join()
    assert again.returncode == 2
    assert "no code is needed" not in again.stdout
    assert "AWS refuses that registration: hybrid-host leave; " in again.stderr

    # which leads to a host
    assert machine.host("leave").returncode == 0
    assert machine.join().returncode == 0
    assert machine.host("doctor").returncode == 0


def test_a_host_that_ecs_does_not_know_any_more_registers_again_without_a_code(machine: Machine) -> None:
    # Given a host that was taken out of its cluster, or whose cluster was deleted and made anew
    machine.join()
    was = machine.read("/var/lib/ecs/data/agent.db").strip()
    machine.note("gone", f"{was}\n")
    machine.run("systemctl restart ecs")
    told = machine.host("doctor")
    assert told.returncode == 1
    assert "AWS does not know this container instance any more" in told.stdout

    # When it is to join again, as the doctor says
    done = machine.host("join")

    # Then it is another container instance of the cluster, and the doctor is content
    assert done.returncode == 0, done.stdout + done.stderr
    assert was not in machine.read("/machine/agent")
    assert machine.host("doctor").returncode == 0


def test_an_agent_that_still_runs_and_was_deregistered_is_no_member(machine: Machine) -> None:
    # Given an agent that answers as before, an hour from its next attempt
    machine.join()
    was = machine.read("/var/lib/ecs/data/agent.db").strip()
    machine.note("gone", f"{was}\n")
    machine.run(
        "cat >>/var/log/ecs/ecs-agent.log",
        given='level=error msg="Failed to connect to ACS" error="InactiveInstanceException: x"\n',
    )
    # with a container that still runs
    machine.note("tasks", "0a1b2c\n")
    refused = machine.host("join")
    assert refused.returncode == 2
    assert "1 container(s) run here of a container instance that AWS does not know" in refused.stderr

    # When that has ended
    machine.note("tasks", "")
    done = machine.host("join")
    assert done.returncode == 0, done.stdout + done.stderr
    assert was not in machine.read("/machine/agent")


def test_a_host_whose_cluster_is_not_there_is_told_so(machine: Machine) -> None:
    machine.join()
    machine.note("no-cluster", "")
    machine.run("systemctl restart ecs")
    assert "there is no cluster hybrid-acme-depot" in machine.host("doctor").stdout
    done = machine.host("join")
    assert done.returncode == 1
    assert "run hybrid-host doctor" in done.stderr


CARD = r"s/macaddr-info\":\"[^\"]*/macaddr-info\":\"02:00:00:00:00:99/"
ADDRESS = r"s/ipaddress-info\":\"[^\"]*/ipaddress-info\":\"192.0.2.9/"
MARKS = "/var/lib/amazon/ssm/Vault/Store/InstanceFingerprint"
MACHINE_ID = "echo fedcba9876543210fedcba9876543210 >/etc/machine-id"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (MACHINE_ID, "/etc/machine-id is not that with which mi-0"),
        (f"sed -i '{CARD}; {ADDRESS}' {MARKS}", "neither the network card nor the address with which mi-0"),
    ],
)
def test_a_copy_of_a_host_is_told_and_does_not_take_its_place(
    machine: Machine, change: str, says: str
) -> None:
    # Given a machine with the disk of another one, registered there
    machine.join()
    machine.run(change)
    done = machine.host("doctor")
    assert says in done.stdout
    assert "if it is a copy" in done.stdout or "if this disk is a copy" in done.stdout
    refused = machine.host("join")
    assert refused.returncode == 2
    assert says in refused.stdout


@pytest.mark.parametrize("change", [CARD, ADDRESS])
def test_another_network_card_or_another_address_alone_is_the_same_machine(
    machine: Machine, change: str
) -> None:
    machine.join()
    machine.run(f"sed -i '{change}' {MARKS}")
    done = machine.host("doctor")
    assert done.returncode == 0
    assert "copy" not in done.stdout
