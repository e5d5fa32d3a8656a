"""The doctor tries what it tells of: what is written down for a service or a rule may not be so in effect."""

from __future__ import annotations

import pytest
from host_machine import Machine

pytestmark = pytest.mark.containers

PROXY = "http://me:p%40ss@proxy.example:3128"

#: With the real curl for the two addresses of the machine's own, and the stand-in for all others.
CURL = """case "$*" in
    *//127.0.0.1:51679/* | *//169.254.170.2/*) exec /usr/bin/curl "$@" ;;
    *) exec /machine/bin/curl-elsewhere "$@" ;;
esac"""


def test_containers_find_their_credentials_where_a_proxy_is_the_only_way_out(
    machine_without_route: Machine,
) -> None:
    # Given a machine without a default route, with the kernel's own rules, and a server where the agent's is
    machine = machine_without_route
    machine.run("mv /machine/bin/curl /machine/bin/curl-elsewhere")
    machine.stand_in("curl", CURL)
    machine.run("cd /tmp && python3 -m http.server --bind 127.0.0.1 51679 >/dev/null 2>&1 &")
    assert machine.run("ip route").stdout == ""
    # and a host that joined there, on which an older script had set the rules without a route
    assert machine.join().returncode == 0
    machine.run("ip route del 169.254.170.2/32 dev lo")

    # Then the doctor says that the address does not answer, though all rules are there
    sick = machine.host("doctor")
    assert sick.returncode == 1
    assert "ok       rules for task roles" in sick.stdout
    assert "169.254.170.2 does not answer on this machine" in sick.stdout

    # When what it says is done, as each boot does it
    assert machine.run("/usr/local/sbin/hybrid-host task-network").returncode == 0

    # Then the address answers, and leaving takes the route away
    well = machine.host("doctor")
    assert well.returncode == 0, well.stdout
    assert "ok       169.254.170.2 answers" in well.stdout
    assert machine.host("leave").returncode == 0
    assert machine.run("ip route").stdout == ""
    assert "169.254.170.2" not in machine.run("iptables -t nat -S").stdout


def test_an_address_that_does_not_answer_is_no_finding_while_the_agent_itself_does_not(
    machine: Machine,
) -> None:
    machine.join()
    machine.note("silent", "127.0.0.1:51679\n169.254.170.2\n")
    done = machine.host("doctor")
    assert done.returncode == 0, done.stdout
    assert "169.254.170.2 does not answer" not in done.stdout


def test_docker_that_ran_before_the_proxy_was_set_takes_it_up(machine: Machine) -> None:
    # Given a machine on which Docker runs, without a proxy, and no container
    machine.run("systemctl start docker")
    machine.settle(proxy=PROXY)

    # When it joins
    done = machine.join()

    # Then Docker was started anew with the proxy
    assert done.returncode == 0, done.stdout + done.stderr
    assert "restarting Docker, which does not know the proxy yet" in done.stdout
    assert "systemctl restart docker" in machine.log
    assert machine.host("doctor").returncode == 0
    # and the next time it is let alone
    machine.note("log", "")
    machine.host("join")
    assert "systemctl restart docker" not in machine.log


def test_docker_with_containers_is_not_restarted_and_the_doctor_says_what_that_means(
    machine: Machine,
) -> None:
    machine.run("systemctl start docker")
    machine.note("tasks", "0a1b2c\n")
    machine.settle(proxy=PROXY)
    done = machine.join()
    assert "no image can be pulled" in done.stdout
    assert "systemctl restart docker" not in machine.log
    told = machine.host("doctor")
    assert told.returncode == 1
    assert "service docker runs without the proxy, which was set after it had started" in told.stdout


def test_an_ssm_agent_that_was_started_without_the_proxy_is_told(machine: Machine) -> None:
    machine.settle(proxy=PROXY)
    machine.join()
    pid = machine.run("sleep 600 >/dev/null 2>&1 & echo $!").stdout.strip()
    machine.note("pid-amazon-ssm-agent", pid)
    told = machine.host("doctor")
    assert "service amazon-ssm-agent runs without the proxy" in told.stdout
    # and with it, not; nor is the password of the proxy shown
    pid = machine.run(f"https_proxy={PROXY} sleep 600 >/dev/null 2>&1 & echo $!").stdout.strip()
    machine.note("pid-amazon-ssm-agent", pid)
    assert machine.host("doctor").returncode == 0
    assert "p%40ss" not in told.stdout + told.stderr
