"""`bin/hybrid plan`: what an edit does, in words, before it is done."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from hybrid.cli.main import app
from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.plan import Plan, plan, total_minutes
from hybrid.review.verdict import Outcome
from tests.synth.conftest import ESTATE, merged
from tests.synth.stacks.test_guard import cloudformation, deployed
from workspace.paths import ROOT

__all__ = ["cloudformation"]


@pytest.fixture(scope="module")
def planned(synthesize: Any, estate_assembly: Any) -> Any:
    """What a change of the tests' estate does to it."""

    def planned(changes: dict[str, Any]) -> tuple[Plan, list[Stack]]:
        after = read_assembly(synthesize(changes).directory)
        return plan(read_assembly(estate_assembly.directory), after), after

    return planned


def _new_source(site: str = "on-premises") -> dict[str, Any]:
    return {
        "sources": {"hr": {"site": site, "engine": "mariadb", "memory": 512, "cpu": 256}},
        "pipelines": {"people": {"source": "hr", "query": "select 1 as one"}},
    }


def test_nothing_changes(planned: Any) -> None:
    found, _ = planned({})
    assert found.verdict.outcome is Outcome.NOTHING
    assert (found.stacks, found.touched, found.permissions, found.before, found.after) == ((), (), (), (), ())


def test_a_new_source_has_a_role_and_a_secret_that_somebody_fills(planned: Any) -> None:
    found, _ = planned(_new_source())
    # Then its stack comes before the DAGs, and Airflow may run it
    assert [one.name.removeprefix("hybrid-acme-") for one in found.stacks] == [
        "site-on-premises", "dags", "airflow",
    ]  # fmt: skip
    site, dags, airflow = found.stacks
    assert (site.is_new, site.created, site.replaced, site.deleted) == (False, 3, 0, 0)
    assert dags.changed >= 1
    assert airflow.minutes == (1, 2), "Airflow's role changes, and the environment does not"
    assert found.after == ("fill the secret of source hr: bin/hybrid sources secret hr",)
    # And what it may do is what is added
    added = {(one.permission.who, one.permission.actions[0]) for one in found.permissions}
    assert ("hybrid-acme-hr-task", "secretsmanager:GetSecretValue") in added
    assert {one.kind for one in found.permissions} == {"added"}


def test_a_new_site_waits_for_hosts(planned: Any) -> None:
    found, after = planned(
        merged({"sites": {"lab": {"kind": "anywhere"}}}, _new_source("lab")),
    )
    new = next(one for one in found.stacks if one.name == "hybrid-acme-site-lab")
    assert new.is_new
    assert "let hosts join site lab: bin/hybrid sites activate lab" in found.after
    assert "fill the secret of source hr: bin/hybrid sources secret hr" in found.after
    # And the whole takes no longer than its stacks one after another
    low, high = total_minutes(found.stacks, after)
    assert low <= sum(one.minutes[0] for one in found.stacks)
    assert max(one.minutes[1] for one in found.stacks) <= high <= sum(one.minutes[1] for one in found.stacks)


def test_a_larger_environment_is_updated_while_containers_run_on(planned: Any) -> None:
    found, _ = planned({"airflow": {"environment_class": "mw1.medium"}})
    (airflow,) = found.stacks
    assert airflow.minutes == (10, 31)
    (told,) = found.touched
    assert "GRACEFUL" in told
    assert "containers at the sites run on" in told
    assert found.before == found.after == ()


def test_another_version_of_airflow_has_no_way_back(planned: Any) -> None:
    found, _ = planned({"airflow": {"version": "3.0.6"}})
    assert found.stacks[-1].minutes == (30, 121)
    assert any("to 3.0.6" in told and "no way back" in told for told in found.touched)


def test_a_larger_source_leaves_runs_under_way_alone(planned: Any) -> None:
    found, _ = planned({"sources": {"erp": {"memory": 1024}}})
    assert found.touched == (
        "hybrid-acme-erp: runs under way end as they began; those that start later have another task "
        "definition",
    )
    assert found.before == ()


def test_another_image_is_pushed_first(estate_assembly: Any) -> None:
    # Given the same estate, whose image is of other files
    before = read_assembly(estate_assembly.directory)
    text = json.dumps([dict(one.template) for one in before]).replace("0123456789abcdef", "fedcba9876543210")
    after = [replace(one, template=template) for one, template in zip(before, json.loads(text), strict=True)]
    # When
    found = plan(before, after)
    # Then it is in the registry before a task definition names it
    (said,) = found.before
    assert "push the image" in said
    assert "bin/hybrid image push" in said
    assert all("another image" in told for told in found.touched)
    assert len(found.touched) == 2


def test_a_source_that_goes_keeps_its_secret_and_is_let_end_first(planned: Any) -> None:
    found, _ = planned({"sources": {"erp": None}, "pipelines": {"orders": None}})
    assert "secret hybrid/acme/sources/erp leaves the estate, and is kept with what is in it" in found.touched
    assert any(told.startswith("hybrid-acme-erp: no run starts any more") for told in found.touched)
    assert {one.kind for one in found.permissions} == {"taken"}


def test_a_site_that_goes_is_named_with_what_to_do(planned: Any) -> None:
    found, _ = planned(
        {"sites": {"on-premises": None}, "sources": {"erp": None}, "pipelines": {"orders": None}}
    )
    assert found.verdict.left == ("hybrid-acme-site-on-premises",)
    assert any(one.endswith("bin/hybrid sites retire on-premises") for one in found.after)
    # And its roles stay as they are: only what Airflow may do there is taken
    assert {one.permission.who for one in found.permissions} == {"hybrid-acme-airflow"}
    assert {one.kind for one in found.permissions} == {"taken"}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("CREATE_FAILED", "was not rolled back; `bin/hybrid deploy` goes on with it"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name hybrid-acme-airflow"),
        ("DELETE_FAILED", "delete-stack --stack-name hybrid-acme-airflow"),
        ("UPDATE_IN_PROGRESS", "wait until that has ended"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "wait until that has ended"),
    ],
)
def test_a_stack_whose_last_deployment_did_not_end_is_told(
    status: str, told: str, estate_assembly: Any
) -> None:
    # Given nothing to change, and a stack that did not get as far as its template
    after = read_assembly(estate_assembly.directory)
    before = [
        replace(one, status=status if one.name == "hybrid-acme-airflow" else "UPDATE_COMPLETE")
        for one in after
    ]

    found = plan(before, after)

    assert found.verdict.outcome is Outcome.NOTHING
    (one,) = found.unsettled
    assert str(one).startswith(f"hybrid-acme-airflow is in state {status}: ")
    assert told in str(one)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""]
)
def test_a_stack_that_has_settled_is_not_told(status: str, estate_assembly: Any) -> None:
    after = read_assembly(estate_assembly.directory)

    assert plan([replace(one, status=status) for one in after], after).unsettled == ()


def test_before_the_first_deployment_all_is_new(estate_assembly: Any) -> None:
    after = read_assembly(estate_assembly.directory)
    found = plan([], after)
    assert all(one.is_new and not one.changed for one in found.stacks)
    assert {one.name for one in found.stacks} == {one.name for one in after}
    low, high = total_minutes(found.stacks, after)
    assert 20 < low < high < 60
    assert found.touched == ()
    # And the image can be pushed only once there is a registry
    assert found.before == ()
    assert any("push the image" in one for one in found.after)
    assert "let hosts join site on-premises: bin/hybrid sites activate on-premises" in found.after


@pytest.fixture
def estate_file(tmp_path: Path) -> Path:
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(ESTATE))
    return file


def _plan(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def test_the_command_compares_with_what_is_deployed(
    cloudformation: Stubber,
    estate_assembly: Any,
    synthesize: Any,
    estate_file: Path,
) -> None:
    # Given what is deployed, and a stack of a site that left the estate
    deployed(cloudformation, estate_assembly.directory, left="hybrid-acme-site-gone")
    edited = synthesize(_new_source())
    # When
    told = _plan("-e", estate_file, "--assembly", edited.directory)
    # Then
    assert told.exit_code == 3, told.output
    assert "Afterwards:" in told.stdout
    assert "- fill the secret of source hr: bin/hybrid sources secret hr" in told.stdout
    assert "hybrid-acme-site-gone is in the estate no more" in told.stdout
    assert "hybrid-acme-test" not in told.stdout, "another estate's stack"


def test_the_exit_code_says_whether_there_is_something_to_do(
    estate_assembly: Any, synthesize: Any, estate_file: Path
) -> None:
    old = estate_assembly.directory
    refused = synthesize({"network": {"cidr": "10.30.0.0/16"}}).directory

    nothing = _plan("-e", estate_file, "--against", old, "--assembly", old)
    impossible = _plan("-e", estate_file, "--against", old, "--assembly", refused, "--json")
    wrong = _plan("-e", estate_file, "--against", estate_file.parent)

    assert (nothing.exit_code, nothing.stdout.strip()) == (0, "The edit: nothing")
    assert impossible.exit_code == 2
    document = json.loads(impossible.stdout)
    assert document["outcome"] == "refused"
    assert any("CidrBlock" in reason for reason in document["reasons"])
    assert (wrong.exit_code, "is not a cloud assembly" in wrong.output) == (2, True)


def test_another_region_is_one_reason_and_no_list_of_what_would_be_replaced(planned: Any) -> None:
    found, _ = planned(
        {
            "environment": {"region": "eu-west-2"},
            "network": {"availability_zones": ["eu-west-2a", "eu-west-2b"]},
        }
    )

    (reason,) = found.verdict.reasons
    assert reason.startswith("the estate is deployed to eu-west-1, and this one is of eu-west-2: nothing")
    assert found.stacks == ()


def test_an_account_that_is_written_down_is_an_edit_and_another_one_is_not(
    estate_assembly: Any, synthesize: Any
) -> None:
    # Given an assembly that fits any account, and one of an account
    any_account = read_assembly(estate_assembly.directory)
    named = read_assembly(synthesize({"environment": {"account": "222233334444"}}).directory)
    other = [replace(one, account="333344445555") for one in named]

    assert plan(any_account, named).verdict.outcome is not Outcome.REFUSED
    (reason,) = plan(other, named).verdict.reasons
    assert "eu-west-1 of account 333344445555, and this one is of eu-west-1 of account 222233334444" in reason


def test_a_name_that_a_site_which_left_still_has_is_told_with_the_way_round(planned: Any) -> None:
    found, _ = planned(
        {
            "sites": {"on-premises": None, "cellar": {"kind": "anywhere"}},
            "sources": {"erp": {"site": "cellar"}},
        }
    )

    assert found.verdict.outcome is Outcome.REFUSED
    assert all("(bin/hybrid sites retire on-premises)" in reason for reason in found.verdict.reasons)


@pytest.mark.parametrize(
    "manifest",
    ["[]", '"x"', "{", '{"artifacts": []}', '{"artifacts": {"a": 1}}', '{"artifacts": {}}', "{}"],
)
def test_what_is_no_assembly_is_told_in_one_line(
    manifest: str, tmp_path: Path, estate_assembly: Any, estate_file: Path
) -> None:
    (tmp_path / "manifest.json").write_text(manifest)

    told = _plan("-e", estate_file, "--against", tmp_path, "--assembly", estate_assembly.directory)

    assert told.exit_code == 2, told.output
    assert told.stderr.count("\n") == 1
    assert "cloud assembly" in told.stderr


def test_stacks_of_others_are_not_taken_for_the_estates(
    cloudformation: Stubber, estate_assembly: Any, estate_file: Path
) -> None:
    # Given a stack that somebody named after the estate
    deployed(cloudformation, estate_assembly.directory, beside="hybrid-acme-bastion")

    told = _plan("-e", estate_file, "--assembly", estate_assembly.directory)

    assert told.exit_code == 0, told.output
    assert "bastion" not in told.stdout


def test_without_credentials_it_says_so_at_once(estate_file: Path, tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= {
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    began = time.monotonic()
    done = subprocess.run(
        [ROOT / "bin" / "hybrid", "plan", "-e", estate_file],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    # Nothing was synthesized before, which takes much longer than this.
    assert time.monotonic() - began < 15
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no AWS credentials" in done.stderr
