"""`bin/hybrid sites host-kit`: what it writes is well-formed by the judgement of each tool that reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fleet_estate import estate_text
from host_machine import ACTIVATION, CODE, ENVIRONMENT, HERE, IMAGE, build_image, docker, signed_downloads
from typer.testing import CliRunner, Result

from hybrid.cli import main
from hybrid.fleet.host_kit import kit as kit_module
from hybrid.fleet.host_kit.kit import HostSettings, KitFormat, SettingRefused, files, script
from workspace.environments import PythonEnvironment

SETTINGS = HostSettings("eu-west-1", "hybrid-acme-depot", attributes={"name": 'it\'s "here"'})


def kit(tmp_path: Path, *arguments: str, site: str = "depot") -> Result:
    estate = tmp_path / "estate.yaml"
    estate.write_text(estate_text("acme", ["depot"]))
    command = [
        "sites",
        "host-kit",
        site,
        "--estate",
        str(estate),
        "--output",
        str(tmp_path / "kit"),
        *arguments,
    ]
    return CliRunner().invoke(main.app, command)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("script", {"hybrid-host.sh"}),
        ("systemd", {"hybrid-host.sh", "hybrid-join.path", "hybrid-join.service"}),
        ("cloud-init", {"user-data.yaml"}),
        ("ansible", {"join.yml", "main.yml", "leave.yml", "hybrid-host.sh"}),
    ],
)
def test_each_form_has_its_files_and_needs_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, expected: set[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    done = kit(tmp_path, "--format", form)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "kit").rglob("*") if path.is_file()} == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--proxy", "proxy.example"], "http://proxy.example:3128"),
        (["--proxy", "http://localhost:3128"], "loopback"),
        (["--proxy", "http://127.0.0.9:3128"], "loopback"),
        (["--proxy", "http://127.1:3128"], "loopback"),
        (["--proxy", "http://0.0.0.0:3128"], "loopback"),
        (["--proxy", "http://0:3128"], "loopback"),
        (["--proxy", "http://2130706433:3128"], "loopback"),
        (["--proxy", "http://0x7f.1:3128"], "loopback"),
        (["--proxy", "http://localhost.:3128"], "loopback"),
        (["--proxy", "http://me.localhost:3128"], "loopback"),
        (["--proxy", "http://[::]:3128"], "loopback"),
        (["--proxy", "http://[::ffff:127.0.0.1]:3128"], "loopback"),
        (["--proxy", "http://proxy.example:3128?x"], "http://host:port"),
        (["--proxy", "http://proxy.example:3128/#x"], "http://host:port"),
        (["--proxy", "https://proxy.example:3128"], "http://host:port"),
        (["--proxy", "http://a b:1"], "http://host:port"),
        (["--proxy", "http://proxy.example:3128/path"], "http://host:port"),
        (["--docker-source", "snap"], "'snap' is not one of"),
        (["--reserved-memory", "-1"], "0 to 65536"),
        (["--reserved-memory", "65537"], "0 to 65536"),
        (["--attribute", "rack"], "key=value"),
        (["--attribute", "rack-"], "key=value"),
    ],
)
def test_what_a_host_could_not_use_is_refused(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = kit(tmp_path, *arguments)
    assert done.exit_code == 2, done.output
    assert says in done.output
    assert not (tmp_path / "kit").exists()


def test_a_cloud_site_has_no_kit(tmp_path: Path) -> None:
    assert kit(tmp_path, site="cloudy").exit_code == 2


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shellcheck_finds_nothing_in_the_script(tmp_path: Path, shell: str) -> None:
    file = tmp_path / "hybrid-host.sh"
    file.write_text(script(SETTINGS))
    done = subprocess.run(
        ["shellcheck", "-s", shell, str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout


def test_settings_reach_the_script_whatever_characters_they_have(tmp_path: Path) -> None:
    odd = {"name": 'it\'s "here" $HOME `id` \\'}
    settings = HostSettings("eu-west-1", "c", attributes=odd).shell()
    done = subprocess.run(
        ["sh", "-c", f'{settings}\nprintf %s "$ATTRIBUTES"'],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert yaml.safe_load(done.stdout) == odd


def test_the_account_adds_its_registry_to_the_checks() -> None:
    settings = HostSettings("eu-west-1", "c", account="123456789012")
    assert "required 123456789012.dkr.ecr.eu-west-1.amazonaws.com " in settings.shell()
    assert ".dkr." not in HostSettings("eu-west-1", "c").shell()
    assert "DOMAIN=amazonaws.com.cn" in HostSettings("cn-north-1", "c").shell()


def test_a_kit_with_a_proxy_is_for_its_owner_only(tmp_path: Path) -> None:
    for form in KitFormat:
        for file in files(HostSettings("eu-west-1", "c", proxy="http://me:secret@proxy.example:3128"), form):
            if "secret@" in file.text:
                assert file.write(tmp_path / form).stat().st_mode & 0o077 == 0


def test_a_kit_with_a_password_is_at_no_moment_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a kit that is there already, readable by everybody
    (tmp_path / "hybrid-host.sh").write_text("an older one")
    (tmp_path / "hybrid-host.sh").chmod(0o644)
    # When a file with a password is written, and nothing changes its mode afterwards
    monkeypatch.setattr(Path, "chmod", lambda *_, **__: None)
    (file, *_) = files(HostSettings("eu-west-1", "c", proxy="http://me:secret@proxy:3128"), KitFormat.SCRIPT)
    written = file.write(tmp_path)
    # Then it was its owner's from the start
    assert "secret@" in written.read_text()
    assert written.stat().st_mode & 0o077 == 0


def test_no_argument_of_a_program_has_the_password_of_the_proxy(tmp_path: Path) -> None:
    # Given the script's functions, and a password
    part = Path(kit_module.__file__).parent / "script" / "30-network.sh"
    say = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >" + str(tmp_path / "seen")
    script = tmp_path / "try.sh"
    script.write_text(
        f". {part}\nPROXY=http://me:pass-word@proxy:3128 NOT_THROUGH_PROXY=none\n"
        f"""through_proxy sh -c "{say}; echo through \\$https_proxy, not \\$no_proxy"\n"""
    )
    # When a program runs with it
    done = subprocess.run(["sh", script], capture_output=True, text=True, check=True)
    # Then it has it in its environment, and nobody's arguments have it
    assert done.stdout == "through http://me:pass-word@proxy:3128, not none\n"
    assert "try.sh" in (tmp_path / "seen").read_text()
    assert "pass-word" not in (tmp_path / "seen").read_text()


def test_cloud_init_puts_the_same_script_and_units_in_place_and_starts_them() -> None:
    (file,) = files(SETTINGS, KitFormat.CLOUD_INIT)
    document = yaml.safe_load(file.text)
    written = {one["path"]: one["content"] for one in document["write_files"]}
    units = {one.path.name: one.text for one in files(SETTINGS, KitFormat.SYSTEMD)}
    assert written.pop("/usr/local/sbin/hybrid-host") == units.pop("hybrid-host.sh")
    assert written == {f"/etc/systemd/system/{name}": text for name, text in units.items()}
    started = {unit for line in document["runcmd"] if line[:2] == ["systemctl", "enable"] for unit in line}
    assert set(units) <= started


def test_a_loopback_proxy_is_refused_by_the_settings_themselves() -> None:
    with pytest.raises(SettingRefused, match="loopback"):
        HostSettings("eu-west-1", "c", proxy="http://[::1]:3128")


@pytest.fixture(scope="module")
def ansible() -> PythonEnvironment:
    environment = PythonEnvironment("ansible", (Path(__file__).with_name("requirements-ansible.txt"),))
    return environment.ensure()


@pytest.mark.slow
def test_ansible_lint_finds_nothing_in_the_role(ansible: PythonEnvironment, tmp_path: Path) -> None:
    for file in files(SETTINGS, KitFormat.ANSIBLE):
        file.write(tmp_path)
    tools = ansible.python.parent
    environment = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }
    lint = [str(tools / "ansible-lint"), "--offline", "--profile", "production", "."]
    linted = subprocess.run(
        lint, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    syntax = [str(tools / "ansible-playbook"), "-i", "localhost,", "--syntax-check", "join.yml"]
    checked = subprocess.run(
        syntax, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.containers
def test_the_role_joins_a_machine_is_idempotent_and_never_shows_the_code(
    ansible: PythonEnvironment, tmp_path: Path
) -> None:
    # Given a machine that Ansible runs on (its interpreter and environment are lent by this one)
    build_image()
    shared = tmp_path / "machine"
    fingerprint = signed_downloads(shared / "www")
    docker(
        "run",
        "--rm",
        "-v",
        f"{HERE}/bin:/from:ro",
        "-v",
        f"{shared}:/to",
        IMAGE,
        "cp",
        "-r",
        "/from",
        "/to/bin",
    )
    (shared / "valid-code").write_text(CODE)
    (tmp_path / "vars.yml").write_text(yaml.safe_dump({"hybrid_host_activation": yaml.safe_load(ACTIVATION)}))
    settings = HostSettings("eu-west-1", "hybrid-acme-depot", key_fingerprint=fingerprint)
    for file in files(settings, KitFormat.ANSIBLE):
        file.write(tmp_path / "kit")
    lent = [
        f"-v{path}:{path}:ro"
        for path in (sys.base_prefix, ansible.directory, tmp_path / "kit", tmp_path / "vars.yml")
    ]
    machine = docker("run", "-d", "--rm", "-v", f"{shared}:/machine", *lent, IMAGE).stdout.strip()

    def play(*arguments: str) -> subprocess.CompletedProcess[str]:
        return docker(
            "exec", *ENVIRONMENT, "-e", "LC_ALL=C.UTF-8", "-e", "ANSIBLE_PIPELINING=1",
            "-w", str(tmp_path / "kit"), machine, str(ansible.python), "-m", "ansible", "playbook", "-vvv",
            "-i", "localhost,", "-c", "local", "-e", "ansible_become=false",
            "-e", "ansible_python_interpreter=/usr/bin/python3", *arguments, "join.yml", check=False,
        )  # fmt: skip

    try:
        # When the role runs, and runs again
        first = play("-e", f"@{tmp_path / 'vars.yml'}")
        assert first.returncode == 0, first.stdout[-3000:] + first.stderr
        again = play()
        # Then the machine is a host; the second run changes nothing, and no output holds the code
        assert again.returncode == 0, again.stdout[-3000:]
        assert "changed=0" in again.stdout
        assert CODE not in first.stdout + first.stderr
        assert (
            docker("exec", machine, "test", "-e", "/etc/hybrid/activation.json", check=False).returncode == 1
        )
        assert "ECS_CLUSTER=hybrid-acme-depot" in docker("exec", machine, "cat", "/etc/ecs/ecs.config").stdout
        # and leaves when it is told to
        left = play("-e", "hybrid_host_state=absent")
        assert left.returncode == 0, left.stdout[-3000:]
        assert docker("exec", machine, "test", "-e", "/etc/ecs", check=False).returncode == 1
    finally:
        docker("rm", "-f", machine)
