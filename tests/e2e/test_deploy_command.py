"""`bin/hybrid deploy` step by step: asks, fails, goes on where it ended, and says what is left to people."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.account import Account, account, steps
from tests.synth.conftest import ESTATE, artifacts, merged, synthesize
from workspace.paths import ROOT

__all__ = ["artifacts", "synthesize"]

pytestmark = pytest.mark.e2e

SECRET = "hybrid/acme/sources/erp"
CONTENT = json.dumps({"host": "db", "password": "geheim"})


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path) as where:
        yield where


def test_a_deployment_that_fails_is_gone_on_with_and_no_secret_is_lost(
    empty: Account, synthesize: Any
) -> None:
    # Given a secret that was kept, and templates of which one fails
    file, made = empty.estate("first", {}), synthesize().directory
    local, failing = empty.localized(made, "first"), empty.localized(_with_a_fault(made), "failing")
    empty.client("secretsmanager").create_secret(Name=SECRET, SecretString=CONTENT)

    # When nobody can be asked, nothing is touched, and what would be done is told
    asked = empty.hybrid("deploy", "-e", str(file), "--assembly", str(local), "--no-image")
    assert asked.returncode == 2
    assert "nobody can be asked here, so nothing was touched: add --yes" in asked.stderr
    assert "Nothing is deployed yet." in asked.stdout
    assert f"{SECRET} was kept and hybrid-acme-site-on-premises makes it anew" in asked.stderr
    assert empty.stacks() == {}
    assert empty.secret(SECRET) == CONTENT

    # And when it is deployed, the step that fails is named, and the content of the secret is in safety
    failed = empty.deploy(file, failing)
    assert failed.returncode == 1
    assert steps(failed)["bootstrap of the account"] == "done"
    assert steps(failed)["secrets that were kept"] == "done"
    assert steps(failed)["stacks"] == "failed"
    assert "run the same again: it goes on from here" in failed.stderr
    assert empty.secret("hybrid/acme/set-aside/sources/erp") == CONTENT
    assert "geheim" not in failed.stdout + failed.stderr

    # And once it is put right, the same goes on from there
    done = empty.deploy(file, local)
    assert done.returncode == 0, done.stderr
    assert steps(done)["bootstrap of the account"] == "nothing to do"
    assert steps(done)["stacks"] == "done"
    assert steps(done)["content of secrets"] == "done"
    assert steps(done)["what only people can do"] == "left to you"
    assert "no host has joined site on-premises: bin/hybrid sites activate on-premises" in done.stdout
    assert empty.secret(SECRET) == CONTENT
    assert empty.secret("hybrid/acme/set-aside/sources/erp") is None

    # And once more there is nothing to do, and nobody is asked
    again = empty.hybrid("deploy", "-e", str(file), "--assembly", str(local), "--no-image", "--json")
    assert again.returncode == 0, again.stderr
    assert steps(again)["stacks"] == "nothing to do"


def _with_a_fault(made: Path) -> Path:
    """A copy of an assembly in which the stack of a site has what the emulator cannot make."""
    copy = made.with_name(f"{made.name}-with-a-fault")
    shutil.copytree(made, copy)
    file = copy / "hybrid-acme-site-on-premises.template.json"
    template = json.loads(file.read_text())
    template["Resources"]["Document"] = {"Type": "AWS::SSM::Document", "Properties": {"Content": {}}}
    file.write_text(json.dumps(template))
    # By the key of the whole one, the AWS CDK would take the one for the other.
    files = json.loads((copy / "hybrid-acme-site-on-premises.assets.json").read_text())["files"]
    (key,) = [key for key, one in files.items() if one["source"]["path"] == file.name]
    for name in ("hybrid-acme-site-on-premises.assets.json", "manifest.json"):
        text = (copy / name).read_text()
        (copy / name).write_text(text.replace(key, "f" * 64))
    return copy


def test_the_account_that_the_file_names_is_the_one_or_nothing_is_touched(empty: Account) -> None:
    file = empty.estate("other", {"environment": {"account": "111122223333"}})

    refused = empty.hybrid("deploy", "-e", str(file), "--assembly", str(file.parent), "--yes")

    assert refused.returncode == 2
    assert "the estate is of account 111122223333" in refused.stderr
    assert "credentials are of 000000000000" in refused.stderr


def test_templates_that_the_emulator_cannot_take_do_not_go_there(empty: Account) -> None:
    refused = empty.hybrid("deploy", "-e", str(empty.estate("first", {})), "--yes")

    assert refused.returncode == 2
    assert "is the demo's emulator, which cannot make all that the templates hold" in refused.stderr


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_without_credentials_it_takes_one_line_and_two_seconds(command: str, tmp_path: Path) -> None:
    file = tmp_path / "hybrid.yaml"
    file.write_text(yaml.safe_dump(merged(ESTATE, {})))
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= {
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    began = _seconds_of_children()
    done = subprocess.run(
        [ROOT / "bin" / "hybrid", command, "-e", file],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    # Time of the processor: on a machine that is busy otherwise the clock says nothing of the command.
    assert _seconds_of_children() - began < 2
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert "no AWS credentials; sign in" in done.stderr


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
