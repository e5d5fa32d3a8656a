"""The host's script, run as root in a real Debian machine: joins, can be run again, and undoes itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_estate import estate_text
from host_machine import (
    ACTIVATION,
    CODE,
    ENVIRONMENT,
    IMAGE,
    Machine,
    docker,
    signed_downloads,
)
from typer.testing import CliRunner

from hybrid.cli import main
from hybrid.fleet.host_kit.kit import DockerSource, HostSettings, KitFormat, files
from sandbox.agent.capabilities import CAPABILITIES

pytestmark = pytest.mark.containers


def test_a_machine_joins_with_an_activation_on_standard_input(machine: Machine) -> None:
    done = machine.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this machine is a host of hybrid-acme-depot" in done.stdout
    # ecs.config was there before the installer ran (which fails otherwise), readable by root only
    assert machine.run("stat -c %a /etc/ecs/ecs.config").stdout.strip() == "600"
    settings = machine.read("/etc/ecs/ecs.config").splitlines()
    assert settings.count("ECS_CLUSTER=hybrid-acme-depot") == 1
    assert 'ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]' in settings
    assert "ECS_RESERVED_MEMORY=256" in settings
    assert {setting for setting in CAPABILITIES.values() if setting} <= set(settings)
    # and containers find their credentials
    assert machine.read("/machine/route-localnet").strip() == "1"
    rules = machine.read("/machine/rules")
    assert "-d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679" in rules
    assert "-d 127.0.0.0/8 ! -s 127.0.0.0/8" in rules


def test_the_code_is_in_no_arguments_no_environment_no_output_and_no_file(machine: Machine) -> None:
    # Given a code in a file of root's
    machine.run("umask 077; mkdir -p /etc/hybrid; cat >/etc/hybrid/activation.json", given=ACTIVATION)

    # When the machine joins with it
    done = machine.host("join --activation /etc/hybrid/activation.json")

    # Then the code is nowhere to be found any more
    assert done.returncode == 0, done.stdout + done.stderr
    assert CODE not in done.stdout + done.stderr
    assert machine.run("test ! -e /etc/hybrid/activation.json").returncode == 0
    left = machine.run(f"grep -rlF {CODE} / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev").stdout
    assert left.split() == ["/machine/valid-code"]
    # and while the installer ran, no process had it in its arguments or its environment
    seen = machine.read("/machine/arguments")
    assert "bash -c" in seen
    assert CODE not in seen
    assert CODE not in machine.read("/machine/environments")


def test_the_line_that_the_kit_says_to_paste_joins_a_host_and_carries_no_code(
    machine: Machine, tmp_path: Path
) -> None:
    # Given an owner with a kit, and `scp` and `ssh` to the machine; `aws` gives what the secret holds
    (tmp_path / "estate.yaml").write_text(estate_text("acme", ["depot"]))
    kit, tools = tmp_path / "the kit", tmp_path / "tools"
    made = CliRunner().invoke(
        main.app, ["sites", "host-kit", "depot", "--estate", str(tmp_path / "estate.yaml"), "-o", str(kit)]
    )
    (line,) = [said for said in made.stderr.splitlines() if said.startswith("scp ")]
    machine.settle()  # the same script, with the key of the tests' installer
    (kit / "hybrid-host.sh").write_text((machine.directory / "hybrid-host.sh").read_text())
    tools.mkdir()
    for name, does in {
        "aws": f"printf '%s\\n' '{ACTIVATION}'",
        "scp": f'docker cp "$1" {machine.container}:/root/ >/dev/null',
        "ssh": f'shift; exec docker exec -i -w /root {" ".join(ENVIRONMENT)} {machine.container} sh -c "$*"',
    }.items():
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/ran\n{does}\n')
        (tools / name).chmod(0o755)

    # When the line is pasted
    done = subprocess.run(
        ["sh", "-c", line],
        env={"PATH": f"{tools}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    # Then the machine is a host, and neither the line nor what it ran had the code among its arguments
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this machine is a host of hybrid-acme-depot" in done.stdout
    assert "--secret-id hybrid/acme/sites/depot/activation" in (tmp_path / "ran").read_text()
    assert CODE not in line + (tmp_path / "ran").read_text() + done.stdout + done.stderr


def test_a_code_is_not_taken_as_an_argument(machine: Machine) -> None:
    done = machine.host(f"join --activation-code {CODE}")
    assert done.returncode == 2
    assert "every user of the machine could read it" in done.stderr


def test_a_file_that_others_can_read_is_refused(machine: Machine) -> None:
    machine.run("cat >/root/code.json; chmod 644 /root/code.json", given=ACTIVATION)
    done = machine.host("join --activation /root/code.json")
    assert done.returncode == 2
    assert "has mode 644" in done.stderr


def test_an_activation_of_another_site_is_refused(machine: Machine) -> None:
    done = machine.host("join", given=ACTIVATION.replace("acme-depot", "acme-shop"))
    assert done.returncode == 2
    assert "is for cluster hybrid-acme-shop" in done.stderr


def _tamper(machine: Machine) -> None:
    with (machine.directory / "www" / "install.sh").open("a") as file:
        file.write("\nrm -rf /precious\n")


def _sign_with_another_key(machine: Machine) -> None:
    signed_downloads(machine.directory / "other")
    shutil.rmtree(machine.directory / "www")
    (machine.directory / "other").rename(machine.directory / "www")


def _drop_signature(machine: Machine) -> None:
    (machine.directory / "www" / "install.sh.asc").write_text("")


@pytest.mark.parametrize("spoil", [_tamper, _sign_with_another_key, _drop_signature])
def test_an_installer_without_amazons_signature_is_not_run(
    machine: Machine, spoil: Callable[[Machine], None]
) -> None:
    spoil(machine)
    done = machine.join()
    assert done.returncode == 1
    assert "nothing was installed" in done.stderr
    assert "installer proxy" not in machine.log
    assert machine.run("test ! -e /etc/ecs/ecs.config").returncode == 0


def test_without_gpg_nothing_is_installed(machine: Machine) -> None:
    machine.run("mv /usr/bin/gpg /usr/bin/gpg.away")
    done = machine.join()
    assert done.returncode == 2
    assert "1 check(s) failed" in done.stderr
    assert "installer proxy" not in machine.log


def test_joining_again_changes_nothing_and_needs_no_code(machine: Machine) -> None:
    machine.join()
    before = machine.run("cat /etc/ecs/ecs.config /machine/rules /etc/systemd/system/*.service").stdout
    again = machine.host("join")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "no code is needed" in again.stdout
    assert "wrote" not in again.stdout
    assert (
        machine.run("cat /etc/ecs/ecs.config /machine/rules /etc/systemd/system/*.service").stdout == before
    )


def test_a_join_that_broke_off_half_way_is_finished_by_repeating_it_without_a_code(machine: Machine) -> None:
    # Given an installer that fails after the registration with Systems Manager
    machine.note("installer-fails", "")
    half = machine.join()
    assert half.returncode == 1
    assert "Run hybrid-host join again" in half.stderr
    assert CODE not in half.stdout + half.stderr
    assert machine.run("ls -d /run/hybrid-host.* /var/tmp/hybrid-host.* 2>/dev/null").stdout == ""

    # When it is mended, and the command repeated
    (machine.directory / "installer-fails").unlink()
    done = machine.host("join")

    # Then the machine is a host, without a second registration
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_code_leaves_no_registration(machine: Machine) -> None:
    machine.note("valid-code", "another")
    done = machine.join()
    assert done.returncode == 1
    assert machine.run("test ! -e /var/lib/amazon/ssm/Vault/Store/RegistrationKey").returncode == 0


def test_settings_of_the_owner_stay_and_ours_win(machine: Machine) -> None:
    machine.run(
        "mkdir -p /etc/ecs; printf 'ECS_LOGLEVEL=debug\\nECS_CLUSTER=default\\n' >/etc/ecs/ecs.config"
    )
    machine.join()
    settings = machine.read("/etc/ecs/ecs.config").splitlines()
    assert "ECS_LOGLEVEL=debug" in settings
    assert [line for line in settings if line.startswith("ECS_CLUSTER=")] == ["ECS_CLUSTER=hybrid-acme-depot"]


def test_a_proxy_reaches_every_service_and_the_installer(machine: Machine) -> None:
    # Given a proxy with a password, which has a character that systemd would expand
    machine.settle(proxy="http://me:p%40ss@proxy.example:3128")
    done = machine.join()
    assert done.returncode == 0, done.stdout + done.stderr
    for unit in ("ecs", "docker", "amazon-ssm-agent"):
        file = f"/etc/systemd/system/{unit}.service.d/hybrid-proxy.conf"
        assert '"HTTPS_PROXY=http://me:p%%40ss@proxy.example:3128"' in machine.read(file)
        assert "169.254.170.2" in machine.read(file)
        assert machine.run(f"stat -c %a {file}").stdout.strip() == "600"
    assert "HTTPS_PROXY=http://me:p%40ss@proxy.example:3128" in machine.read("/etc/ecs/ecs.config")
    assert "installer proxy=http://me:p%40ss@proxy.example:3128" in machine.log
    # and when the site has none any more, the next run takes it away
    machine.settle()
    machine.host("join")
    assert machine.run("ls /etc/systemd/system/*/hybrid-proxy.conf").returncode != 0
    assert "PROXY" not in machine.read("/etc/ecs/ecs.config")


def test_attributes_are_in_the_first_registration(machine: Machine) -> None:
    machine.settle(attributes={"rack": "b2", "zone": "it's here"})
    machine.join()
    assert 'ECS_INSTANCE_ATTRIBUTES={"rack":"b2","zone":"it\'s here"}' in machine.read("/etc/ecs/ecs.config")


def test_what_would_not_work_is_refused_before_anything_is_changed(machine: Machine) -> None:
    # Given a machine on which nearly everything is wrong
    machine.note("refused", "ecs-a-1.eu-west-1.amazonaws.com\ndownloads.example\n")
    machine.note("clock-off", "900")
    machine.note("ec2-role", "web-server-role")
    machine.stand_in("uname", "echo armv7l")
    machine.stand_in("getenforce", "echo Enforcing")
    machine.stand_in("df", "printf 'h\\nd 9 9 1048576 9%% /var\\n'")
    machine.stand_in("docker", "exit 1")
    machine.settle(reserved_memory=65536)
    machine.run("rm -rf /run/systemd/system; mv /usr/bin/gpg /usr/bin/gpg.away")

    # When it is to join
    done = machine.join()

    # Then each thing is named with its remedy, and nothing was changed
    assert done.returncode == 2, done.stdout
    lines = done.stdout.splitlines()
    for says in (
        "no way out to ecs-a-1.eu-west-1.amazonaws.com:443", "no way out to downloads.example:443",
        "seconds off", "this is an EC2 instance with the role web-server-role",
        "architecture armv7l has no agent", "SELinux is enforcing", "1 GiB free in /var/lib",
        "Docker is installed and does not answer", "MiB of memory", "systemd does not run here",
        "gpg is missing",
    ):  # fmt: skip
        found = next(number for number, line in enumerate(lines) if says in line)
        assert lines[found].startswith("FAILED")
        assert lines[found + 1].strip().startswith("-> ")
    assert "installer proxy" not in machine.log
    assert machine.run("test ! -e /etc/ecs && test ! -e /usr/local/sbin/hybrid-host").returncode == 0


@pytest.mark.parametrize("wrong", ["clock-off", "ec2-role"])
def test_one_thing_that_is_wrong_is_enough_to_refuse(machine: Machine, wrong: str) -> None:
    machine.note(wrong, "900")
    assert machine.join().returncode == 2
    assert machine.run("test ! -e /etc/ecs").returncode == 0


def test_every_endpoint_that_is_required_is_tried_and_named(machine: Machine) -> None:
    # Given a network with no way out at all, and the account's registry among the endpoints
    machine.settle(account="123456789012")
    required = (
        "ecs", "ecs-a-1", "ssm", "api.ecr", "123456789012.dkr.ecr", "s3", "logs", "secretsmanager",
    )  # fmt: skip
    useful = ("ecs-t-1", "ssmmessages", "prod-eu-west-1-starport-layer-bucket.s3")
    refused = [f"{service}.eu-west-1.amazonaws.com" for service in (*required, *useful)]
    machine.note("refused", "\n".join([*refused, "downloads.example"]))
    done = machine.join()
    assert done.returncode == 2
    names = re.findall(r"^(\S+) +no way out to (\S+):443", done.stdout, re.MULTILINE)
    assert {host: level for level, host in names} == {
        **{f"{service}.eu-west-1.amazonaws.com": "FAILED" for service in required},
        **{f"{service}.eu-west-1.amazonaws.com": "warning" for service in useful},
        "downloads.example": "FAILED",
    }


def test_a_machine_joins_without_the_way_to_what_its_role_may_not_call_or_can_do_without(
    machine: Machine,
) -> None:
    # Given a site whose firewall lets out what is required, and no more
    names = ("ec2messages", "ecs-t-1", "ssmmessages", "sts", "kms", "ec2")
    machine.note("refused", "\n".join(f"{name}.eu-west-1.amazonaws.com" for name in names))
    done = machine.join()
    assert done.returncode == 0, done.stdout
    assert "warning  no way out to ssmmessages.eu-west-1.amazonaws.com:443" in done.stdout
    assert "no Session Manager and no Run Command without it" in done.stdout
    assert "ec2messages" not in done.stdout + machine.log


def test_a_number_of_an_endpoint_that_nobody_knows_is_no_reason_to_refuse(machine: Machine) -> None:
    # Given a Region whose endpoints of the agent have other numbers
    machine.note("unknown", "ecs-a-1.eu-west-1.amazonaws.com")
    done = machine.join()
    assert done.returncode == 0, done.stdout
    assert "warning  the name ecs-a-1.eu-west-1.amazonaws.com was not found" in done.stdout
    # but a name without a number has to be known
    machine.note("unknown", "ecs.eu-west-1.amazonaws.com")
    assert machine.join().returncode == 2


@pytest.mark.parametrize(
    ("system", "source", "asked"),
    [
        ("ID=ubuntu\nVERSION_ID=24.04", "all", True),
        ("ID=ubuntu\nVERSION_ID=24.04", "distro", False),
        ("ID=ubuntu\nVERSION_ID=24.04", "none", False),
        ("ID=amzn\nVERSION_ID=2023", "all", False),
    ],
)
def test_docker_s_repositories_are_asked_for_only_where_docker_comes_from_there(
    machine: Machine, system: str, source: str, asked: bool
) -> None:
    machine.settle(docker_source=DockerSource(source))
    machine.run(f"printf '{system}\n' >/etc/os-release; rm /machine/bin/docker")
    done = machine.host("plan")
    assert ("way out to download.docker.com" in done.stdout) == asked


@pytest.mark.parametrize("system", ["debian 13", "ubuntu 25.04", "ubuntu 24.04"])
def test_where_apt_key_is_gone_docker_comes_from_the_distribution_or_join_is_refused(
    machine: Machine, system: str
) -> None:
    # Given a Debian or Ubuntu without Docker, where the installer's `apt-key add` could only fail
    name, version = system.split()
    machine.run(f"printf 'ID={name}\nVERSION_ID={version}\n' >/etc/os-release; rm /machine/bin/docker")
    machine.run("rm -f /usr/bin/apt-key; mv /machine/bin/sudo /machine/sudo.away")
    machine.note("refused", "download.docker.com\n")

    # When it joins and nobody chose, then the distribution's Docker is asked for, and nothing of Docker's own
    done = machine.join()
    assert done.returncode == 0, done.stdout
    assert "Docker comes from the distribution" in done.stdout
    assert "region=eu-west-1 docker=distro\n" in machine.log
    assert "download.docker.com" not in done.stdout

    # And where Docker's repository was chosen, it is refused before the activation is used
    machine.run("rm -rf /usr/libexec/amazon-ecs-init /etc/ecs; rm -f /machine/log")
    machine.settle(docker_source=DockerSource.DOCKER)
    done = machine.join()
    assert done.returncode == 2, done.stdout
    assert f"with apt-key, which {system} does not have" in done.stdout
    assert "installer proxy" not in machine.log


def test_what_may_work_is_warned_of_and_joined(machine: Machine) -> None:
    # Given an operating system that AWS does not list, little room, and a clock that nothing sets
    machine.stand_in("df", "printf 'h\\nd 9 9 5242880 9%% /var\\n'")
    machine.stand_in("timedatectl", "echo no")
    done = machine.join()
    assert done.returncode == 0, done.stdout + done.stderr
    for says in ("AWS does not list debian 12", "5 GiB free", "the clock is not synchronised"):
        assert f"warning  {says}" in done.stdout


@pytest.mark.parametrize(("docker_there", "code"), [(True, 0), (False, 2)])
def test_red_hat_needs_a_docker_of_its_own(machine: Machine, docker_there: bool, code: int) -> None:
    machine.run("printf 'ID=rhel\\nVERSION_ID=9.4\\n' >/etc/os-release")
    if not docker_there:
        machine.run("rm /machine/bin/docker")
    done = machine.join()
    assert done.returncode == code, done.stdout
    assert ("with Docker" if docker_there else "the installer does not install Docker") in done.stdout


def test_the_plan_says_what_would_be_done_and_does_nothing(machine: Machine) -> None:
    done = machine.host("plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It would write: /etc/ecs/ecs.config" in done.stdout
    assert machine.run("test ! -e /etc/ecs && test ! -e /usr/local/sbin/hybrid-host").returncode == 0


ALL_FILES = "find / -xdev \\( -path /proc -o -path /sys -o -path /machine \\) -prune -o -print | sort"


def test_leaving_undoes_everything_but_docker(machine: Machine) -> None:
    # Given a machine with a proxy that joined
    machine.run("touch /etc/machine-id")
    before = machine.run(ALL_FILES).stdout
    machine.settle(proxy="http://proxy.example:3128")
    machine.join()
    # which cloud-init made, and on which Session Manager was used
    machine.run(
        "mkdir -p /etc/hybrid /etc/sudoers.d; cat >/etc/hybrid/activation.json; touch "
        "/etc/sudoers.d/ssm-agent-users /etc/systemd/system/hybrid-join.path "
        "/etc/systemd/system/hybrid-join.service",
        given=ACTIVATION,
    )

    # When it leaves
    done = machine.run("/usr/local/sbin/hybrid-host leave")

    # Then no file is there that was not there before, the rules are gone and so are the packages
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(machine.run(ALL_FILES).stdout.splitlines()) - set(before.splitlines()) <= {"/etc/sudoers.d"}
    assert machine.read("/machine/rules") == ""
    assert "apt-get purge -y -q amazon-ecs-init amazon-ssm-agent" in machine.log
    # and it could join again
    assert machine.join().returncode == 0


def test_leaving_takes_the_host_s_keys_from_root_s_file_and_nothing_of_others(machine: Machine) -> None:
    # Given a person's own profile in the file that the SSM agent writes to, and another program's log
    theirs = "[backup]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = theirs\n"
    machine.run("mkdir -p /root/.aws; umask 077; cat >/root/.aws/credentials", given=theirs)
    machine.run("mkdir -p /var/log/amazon/amazon-cloudwatch-agent")
    machine.join()
    assert "planted-key-of-the-host" in machine.read("/root/.aws/credentials")

    # When the machine leaves
    done = machine.host("leave")

    # Then their keys are there, for root only, and the host's are nowhere
    assert machine.read("/root/.aws/credentials").strip() == theirs.strip()
    assert machine.run("stat -c %a /root/.aws/credentials").stdout.strip() == "600"
    assert machine.run("test -d /var/log/amazon/amazon-cloudwatch-agent").returncode == 0
    found = machine.run("grep -rlF planted-key-of-the-host / --exclude-dir=proc --exclude-dir=sys").stdout
    assert found.split() == ["/machine/bin/amazon-ssm-agent"]
    assert "planted" not in done.stdout + done.stderr


def test_a_machine_with_tasks_does_not_leave_unless_forced(machine: Machine) -> None:
    machine.join()
    machine.note("tasks", "0a1b2c\n")
    refused = machine.host("leave")
    assert refused.returncode == 2
    assert "1 task(s) run here" in refused.stderr
    assert machine.host("leave --force").returncode == 0


def test_the_doctor_finds_a_healthy_host_healthy(machine: Machine) -> None:
    machine.join()
    done = machine.host("doctor")
    assert done.returncode == 0, done.stdout
    assert "0 failure(s)" in done.stdout


ANOTHER_SITE = {
    "sed -i s/acme-depot/acme-shop/ /machine/agent": (
        "not a member of hybrid-acme-depot",
        "hybrid-host leave",
    ),
    "rm -r /var/lib/amazon": ("not registered with Systems Manager", "hybrid-host join"),
    "sed -i s/acme-depot/acme-shop/ /etc/ecs/ecs.config": (
        "does not name hybrid-acme-depot",
        "hybrid-host join",
    ),
    "rm /machine/route-localnet": ("route_localnet is not 1", "hybrid-host task-network"),
    "rm /etc/systemd/system/ecs.service.d/*": ("service ecs does not know the proxy", "hybrid-host join"),
}
OUT_OF_ORDER = {
    "sed -i /ecs/d /machine/running": ("service ecs does not run", "systemctl restart ecs"),
    "rm /machine/rules": ("a firewall took away the rules", "hybrid-host task-network"),
    "rm /machine/agent": ("the ECS agent does not answer", "/var/log/ecs/ecs-agent.log"),
    "echo ECS_CLUSTER=default >>/etc/ecs/ecs.config": ("the last ECS_CLUSTER", "hybrid-host join"),
    "echo ssm.eu-west-1.amazonaws.com >/machine/refused": ("no way out to ssm.eu-west-1", "443"),
}  # fmt: skip


@pytest.mark.parametrize("spoiled", [ANOTHER_SITE, OUT_OF_ORDER])
def test_the_doctor_finds_what_is_wrong_and_what_to_do(
    machine: Machine, spoiled: dict[str, tuple[str, str]]
) -> None:
    machine.settle(proxy="http://proxy.example:3128")
    machine.join()
    machine.run("\n".join(spoiled))
    done = machine.host("doctor")
    assert done.returncode == 1, done.stdout
    assert f"{len(spoiled)} failure(s)" in done.stdout
    lines = done.stdout.splitlines()
    for says, remedy in spoiled.values():
        (found,) = [number for number, text in enumerate(lines) if says in text]
        assert lines[found].startswith("FAILED")
        assert remedy in lines[found + 1]


def test_the_doctor_warns_of_an_activation_that_was_left(machine: Machine) -> None:
    machine.join()
    machine.run("mkdir -p /etc/hybrid; cat >/etc/hybrid/activation.json", given=ACTIVATION)
    done = machine.host("doctor")
    assert done.returncode == 0
    assert "warning  an activation is left in /etc/hybrid/activation.json" in done.stdout
    assert CODE not in done.stdout


def test_the_doctor_warns_of_a_host_that_joined_with_fewer_settings(machine: Machine) -> None:
    # Given a host that an earlier release joined
    machine.join()
    machine.run("sed -i /APPARMOR/d /etc/ecs/ecs.config")

    # When the doctor looks, then it names the setting, and joining again brings it
    done = machine.host("doctor")
    assert "lacks what this script sets: ECS_APPARMOR_CAPABLE" in done.stdout
    assert machine.join().returncode == 0
    assert "ECS_APPARMOR_CAPABLE=true" in machine.read("/etc/ecs/ecs.config").splitlines()


def test_cloud_init_takes_the_user_data(downloads: tuple[Path, str], tmp_path: Path) -> None:
    (file,) = files(HostSettings("eu-west-1", "hybrid-acme-depot"), KitFormat.CLOUD_INIT)
    file.write(tmp_path)
    checked = docker(
        "run", "--rm", "-v", f"{tmp_path}:/kit:ro", IMAGE,
        "cloud-init", "schema", "--config-file", "/kit/user-data.yaml", check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Valid" in checked.stdout


def test_systemd_takes_the_units(downloads: tuple[Path, str], tmp_path: Path) -> None:
    for file in files(HostSettings("eu-west-1", "hybrid-acme-depot"), KitFormat.SYSTEMD):
        file.write(tmp_path)
    checked: subprocess.CompletedProcess[str] = docker(
        "run", "--rm", "-v", f"{tmp_path}:/kit:ro", IMAGE, "sh", "-c",
        "install -m 755 /kit/hybrid-host.sh /usr/local/sbin/hybrid-host; cp /kit/hybrid-join.* "
        "/etc/systemd/system; "
        "systemd-analyze verify hybrid-join.service hybrid-join.path", check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr.strip() == ""
