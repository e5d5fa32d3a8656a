"""Every example of the documentation, and of each command's help, runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from ecr_stand_in import Ecr
from fleet_estate import DeployedEstate, LocalAws, empty, site_template
from typer.testing import CliRunner, Result

from hybrid.artifacts.image import image_tag
from hybrid.cli import hosts, main, sites, sources
from hybrid.estate import load_estate
from hybrid.estate.naming import Names
from hybrid.fleet.host_kit.kit import HostSettings, script
from workspace.paths import ESTATE, ROOT

pytestmark = pytest.mark.slow

#: Of the fleet's commands the one that asks a database, by the container's own code: tests/trial has it.
READS_A_DATABASE = {"inspect"}
FLEET, HOW_TO = ROOT / "docs/reference/fleet.md", ROOT / "docs/how-to/hosts.md"
IMAGES = ROOT / "docs/how-to/images.md"
_REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/hybrid/etl"


def examples(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    return [line.removeprefix("$ bin/hybrid ") for block in blocks for line in block.strip().splitlines()]


def example_of_help(command: Callable[..., Any]) -> str:
    found = re.search(r"Example: bin/hybrid (.+)", command.__doc__ or "")
    assert found, f"{command.__name__} has no example"
    return found.group(1)


@pytest.fixture
def acme(
    aws_environment: LocalAws, ecr: type[Ecr], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DeployedEstate:
    """The estate of the clone, deployed, with one host called rack-1, no activation, and a site that left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sites, "STATE", tmp_path / "state")
    names, stacks = Names("acme"), aws_environment.client("cloudformation")
    # Beside the site of the file one that left it.
    for site, of_site in (("on-premises", ["regional"]), ("warehouse", [])):
        name = names.site_stack(site)
        stacks.create_stack(
            StackName=name,
            TemplateBody=site_template(names, site, of_site),
            Tags=[{"Key": "hybrid:estate", "Value": names.estate}],
        )
        stacks.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
    empty(aws_environment, [names.activation_secret("on-premises"), names.source_secret("regional")])
    credentials = {"host": "h", "port": 5432, "username": "u", "password": "p", "dbname": "d"}
    (tmp_path / "regional.json").write_text(json.dumps(credentials))

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main.app, [*arguments], **options)

    estate = DeployedEstate(tmp_path / "estate", load_estate(ESTATE), aws_environment, run)
    estate.joined = [estate.host("rack-1", site="on-premises")]
    estate.deploy_storage(repository=_REPOSITORY)
    ecr.images = {image_tag(): (f"sha256:{'a' * 64}", 60_000_000)}
    shutil.copy(ESTATE, tmp_path / "hybrid.yaml")
    yield estate
    stacks.delete_stack(StackName=names.stack("storage"))
    for host in json.loads(run("hosts", "list", "--json").stdout):
        run("hosts", "deregister", host["node"])
    run("sites", "revoke", "--site", "on-premises")
    for site in ("on-premises", "warehouse"):
        stacks.delete_stack(StackName=names.site_stack(site))


def play(estate: DeployedEstate, line: str) -> None:
    if "ACTIVATION" in line:
        line = line.replace("ACTIVATION", estate.secret_value("on-premises")["activation_id"])
    words = shlex.split(line)
    if words[:2] in (["image", "use"], ["image", "promote"]):
        # They write the estate file: a copy, and not the clone's own.
        words += ["--estate", str(estate.file.with_name("hybrid.yaml"))]
    if words[:2] == ["hosts", "pull"] and "--dry-run" not in words:
        estate.pulls(estate.joined[-1], site="on-premises", digest=f"sha256:{'a' * 64}")
    done = estate.run(*words)
    assert done.exit_code == 0, f"bin/hybrid {line}: {done.output}"


@pytest.mark.parametrize("page", [FLEET, HOW_TO, IMAGES], ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_in_their_order(acme: DeployedEstate, page: Path) -> None:
    lines = examples(page)
    assert len(lines) > 5
    for line in lines:
        play(acme, line)


def test_the_examples_in_the_help_of_each_command_run(
    acme: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**9, 3000))
    monkeypatch.setattr("hybrid.cli.hosts.monotonic", lambda: next(clock))
    for app in (sites.app, hosts.app, sources.app):
        for command in app.registered_commands:
            assert command.callback is not None
            if command.name in READS_A_DATABASE:
                continue
            example = example_of_help(command.callback)
            play(acme, example)
            if "deregister" in example:
                acme.joined.append(acme.host("rack-1", site="on-premises"))


def commands() -> Iterator[tuple[str, set[str]]]:
    """Each command of the fleet with its options."""
    for name, app in (("sites", sites.app), ("hosts", hosts.app), ("sources", sources.app)):
        group = typer.main.get_command(app)
        for command, described in group.commands.items():  # type: ignore[attr-defined]
            if command in READS_A_DATABASE:
                continue
            yield f"{name} {command}", {option for one in described.params for option in one.opts}


def test_every_command_is_in_the_reference() -> None:
    text = FLEET.read_text()
    assert [command for command, _ in commands() if f"bin/hybrid {command}" not in text] == []


def test_the_common_options_are_on_every_command() -> None:
    changing = {
        "sites activate", "sites rotate", "sites revoke", "sites retire", "hosts drain", "hosts undrain",
        "hosts deregister", "hosts label", "hosts pull", "sources secret",
    }  # fmt: skip
    known = dict(commands())
    assert changing <= set(known)
    for command, options in known.items():
        # host-kit writes files and does not speak to AWS
        wanted = {"--estate", "--region", "--json"} | (
            {"--profile"} if command != "sites host-kit" else set()
        )
        assert wanted <= options, command
        assert ("--dry-run" in options) == (command in changing), command


def test_the_how_to_names_only_commands_that_the_script_has() -> None:
    text = script(HostSettings("eu-west-1", "c"))
    for page in (FLEET, HOW_TO, IMAGES):
        for command in re.findall(r"hybrid-host(?:\.sh)? ([a-z-]+)", page.read_text()):
            assert re.search(rf"^        {command}\) [a-z_]+ ;;", text, re.MULTILINE), command
