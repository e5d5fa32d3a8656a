"""What was reported of hosts elsewhere, planted on a machine: the host's script finds each."""

from __future__ import annotations

import pytest
from host_machine import Machine

pytestmark = pytest.mark.containers

ECS_LOG, SSM_LOG = "/var/log/ecs/ecs-agent.log", "/var/log/amazon/ssm/amazon-ssm-agent.log"


def finding(output: str, says: str) -> tuple[str, str]:
    """Level and remedy of the one finding that says so."""
    lines = output.splitlines()
    (found,) = [number for number, text in enumerate(lines) if says in text]
    return lines[found].split()[0], lines[found + 1].strip()


@pytest.mark.parametrize(
    ("controllers", "groups", "level"),
    [
        ("cpuset cpu io pids", "", "FAILED"),
        ("cpuset cpu io memory pids", "", None),
        (None, "#subsys_name hierarchy num_cgroups enabled\nmemory\t0\t80\t0\n", "FAILED"),
        (None, "#subsys_name hierarchy num_cgroups enabled\nmemory\t4\t80\t1\n", None),
        (None, None, None),
    ],
)
def test_a_kernel_without_its_memory_control_group(
    machine: Machine, controllers: str | None, groups: str | None, level: str | None
) -> None:
    for name, text in (("controllers", controllers), ("groups", groups)):
        if text is not None:
            machine.note(name, text)
    done = machine.run(
        "CONTROLLERS=/machine/controllers CONTROL_GROUPS=/machine/groups sh /machine/hybrid-host.sh plan"
    )
    if level is None:
        assert done.returncode == 0, done.stdout
        return
    assert finding(done.stdout, "memory control group is off") == (
        level, "-> boot with cgroup_enable=memory (on a Raspberry Pi also cgroup_memory=1)",
    )  # fmt: skip


def test_a_full_disk_where_docker_keeps_its_images(machine: Machine) -> None:
    # Given room in /var/lib, and Docker's data on another disk, which is full
    machine.note("docker-DockerRootDir", "/srv/docker\n")
    machine.run("mkdir -p /srv/docker")
    machine.stand_in(
        "df",
        "case $2 in /srv/docker) left=1048576 ;; *) left=99999999 ;; esac\n"
        "printf 'h\\nd 9 9 %s 9%% /\\n' $left",
    )
    done = machine.host("plan")
    assert finding(done.stdout, "1 GiB free in /srv/docker")[0] == "FAILED"


def test_a_docker_whose_api_the_agent_does_not_speak(machine: Machine) -> None:
    # Given a Docker of the future
    machine.note("docker-ServerMinAPIVersion", "1.46\n")
    done = machine.host("plan")
    level, remedy = finding(done.stdout, "Docker takes no API version below 1.46")
    assert level == "warning"
    assert "DOCKER_MIN_API_VERSION" in remedy
    # which is no reason to refuse: the agent that is installed may be newer
    assert machine.join().returncode == 0
    # and the doctor goes by what the agent said
    machine.run(
        f"cat >>{ECS_LOG}",
        given='level=error msg="Failed to load pause container: container load: client version 1.21 is too '
        'old. Minimum supported API version is 1.24, please upgrade your client to a newer version"\n',
    )
    level, remedy = finding(machine.host("doctor").stdout, "speak no common version of Docker's API")
    assert level == "FAILED"


@pytest.mark.parametrize("least", ["1.24", "1.44"])
def test_a_docker_whose_api_the_agent_speaks(machine: Machine, least: str) -> None:
    machine.note("docker-ServerMinAPIVersion", f"{least}\n")
    assert "Docker takes no API version" not in machine.host("plan").stdout


def test_an_ssm_agent_that_hibernates_after_a_start_without_a_way_out(machine: Machine) -> None:
    # Given a host that started before its line was up
    machine.join()
    machine.run(
        f"cat >>{SSM_LOG}",
        given="INFO [ssm-agent-worker] Entering SSM Agent hibernate - RequestError: send request failed\n"
        "INFO [CredentialRefresher] Credentials ready\n",
    )
    level, remedy = finding(machine.host("doctor").stdout, "the SSM agent hibernates")
    assert (level, remedy) == ("warning", "-> systemctl restart amazon-ssm-agent")

    # When it is joined again, the agent is started anew
    machine.note("log", "")
    assert machine.host("join").returncode == 0
    assert "systemctl restart amazon-ssm-agent" in machine.log

    # and an agent that has woken up is well
    machine.run(f"cat >>{SSM_LOG}", given="INFO [ssm-agent-worker] ssm-agent-worker - v3.3.1\n")
    assert "hibernates" not in machine.host("doctor").stdout


def test_a_proxy_that_inspects_tls_with_an_authority_that_is_not_trusted(machine: Machine) -> None:
    machine.note("inspected", "ssm.eu-west-1.amazonaws.com\n")
    done = machine.join()
    assert done.returncode == 2
    level, remedy = finding(done.stdout, "the certificate that ssm.eu-west-1.amazonaws.com shows")
    assert level == "FAILED"
    assert "update-ca-certificates" in remedy


def test_a_proxy_that_inspects_tls_with_an_authority_that_this_machine_trusts(machine: Machine) -> None:
    machine.note("issuer", "O=Acme; CN=Acme Inspection CA\n")
    done = machine.join()
    assert done.returncode == 0, done.stdout
    level, remedy = finding(done.stdout, "is inspected: its certificate is of O=Acme; CN=Acme Inspection CA")
    assert level == "warning"
    assert "containers do not know that authority" in remedy


def test_the_variable_that_makes_the_ecs_agent_end_is_found(machine: Machine) -> None:
    machine.run("mkdir -p /etc/ecs; echo AWS_CA_BUNDLE=/etc/ssl/acme.pem >/etc/ecs/ecs.config")
    done = machine.join()
    assert done.returncode == 2
    assert finding(done.stdout, "AWS_CA_BUNDLE is set for the ECS agent")[0] == "FAILED"
