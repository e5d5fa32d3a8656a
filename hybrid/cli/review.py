"""`hybrid review`: what a person signs before it is deployed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.estate_option import EstateFile
from hybrid.cli.synthesis import review_errors, synthesized
from hybrid.review.against import read_policy_file
from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.comparison import PermissionChange, compare
from hybrid.review.permissions import EXCEPT, GrantedPermission, permissions_of
from hybrid.review.policies import EstatePolicies, read_policies
from hybrid.review.verdict import Outcome, Verdict, judge
from workspace.paths import ESTATE

app = typer.Typer(help="What a person signs before it is deployed.", no_args_is_help=True)

_COLUMNS = ("who", "may", "on", "if", "why")
_CHANGE_COLUMNS = ("change", "who", "may", "on", "if", "written in")


@app.command()
def roles(
    estate: EstateFile = ESTATE,
    assembly: Annotated[
        Path | None, typer.Option(help="A cdk.out directory; left out, the estate is synthesized.")
    ] = None,
    role: Annotated[str | None, typer.Option(help="Only this role.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Show what the estate adds and takes, compared with a policy document, with the output of "
            "`aws iam get-role-policy` or `get-account-authorization-details`, or with an earlier --json.",
        ),
    ] = None,
    diff: Annotated[
        Path | None,
        typer.Option(metavar="OLD_CDK_OUT", help="Show what the estate adds and takes since another synth."),
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 1 where somebody may do more.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON, with full ARNs.")] = False,
) -> None:
    """Print who may do what on which resource, under which condition, and why.

    Example: bin/hybrid review roles --role hybrid-acme-airflow

    Example: bin/hybrid review roles --diff cdk.out.before --fail
    """
    with terminal.exit_codes(), review_errors():
        if against and diff:
            raise terminal.UserError("--against and --diff are two questions: ask one at a time")
        stacks = read_assembly(assembly) if assembly else synthesized(estate)
        policies = read_policies(stacks)
        found = _only(permissions_of(policies), policies, role)
        if against is None and diff is None:
            _show(found, stacks[0], json_output=json_output)
            return
        changes = _changes(found, policies, role=role, against=against, diff=diff)
    _show_changes(changes, stacks[0], json_output=json_output)
    if fail and any(change.widens for change in changes):
        raise typer.Exit(1)


@app.command()
def changes(
    before: Annotated[Path, typer.Argument(help="The cdk.out directory of what is deployed.")],
    after: Annotated[
        Path | None, typer.Argument(help="That of the edit; left out, the estate is synthesized.")
    ] = None,
    estate: EstateFile = ESTATE,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print what an edit does to what is deployed; exit with 2 where CloudFormation cannot do it.

    Example: bin/hybrid review changes cdk.out.before cdk.out
    """
    with terminal.exit_codes(), review_errors():
        verdict = judge(read_assembly(before), read_assembly(after) if after else synthesized(estate))
    if json_output:
        print(json.dumps(dataclasses.asdict(verdict), indent=2))
    else:
        _tell(verdict)
    if verdict.outcome is Outcome.REFUSED:
        raise typer.Exit(2)


def _tell(verdict: Verdict) -> None:
    terminal.result(f"The edit: {verdict.outcome}")
    for reason in verdict.reasons:
        terminal.result(f"refused: {reason}.")
    if verdict.order:
        terminal.result(f"Stacks that change, in this order: {', '.join(verdict.order)}")
    for stack, name, kind in verdict.replaced:
        terminal.result(f"{stack}: {name} is replaced or goes ({kind})")
    for stack in verdict.left:
        terminal.result(f"{stack} is in the estate no more and stays as it is, until you delete it")


def _only(
    found: list[GrantedPermission], policies: EstatePolicies, role: str | None
) -> list[GrantedPermission]:
    if role is None:
        return found
    names = [one.name for one in policies.roles]
    if role not in names:
        raise terminal.UserError(f"the estate has no role {role}; it has {', '.join(names)}")
    return [one for one in found if one.policy in {f"role {role}", f"trust of {role}"}]


def _changes(
    found: list[GrantedPermission],
    policies: EstatePolicies,
    *,
    role: str | None,
    against: Path | None,
    diff: Path | None,
) -> list[PermissionChange]:
    if diff is not None:
        before = permissions_of(read_policies(read_assembly(diff)))
        if role is not None:
            before = [one for one in before if one.policy in {f"role {role}", f"trust of {role}"}]
        return compare(before, found)
    assert against is not None  # noqa: S101 - the caller asks one of the two questions
    others = read_policy_file(against, estate=policies, role=role)
    concerned = [one for one in found if others.policies is None or one.policy in others.policies]
    return compare(others.permissions, concerned)


def _show(found: Sequence[GrantedPermission], place: Stack, *, json_output: bool) -> None:
    if json_output:
        terminal.result_json({"version": 1, "permissions": [one.as_json() for one in found]})
        return
    terminal.result_table(
        _COLUMNS,
        [
            (
                one.who,
                ("not " if one.effect == "Deny" else "") + _listed(one.actions),
                _listed([_short(arn, place) for arn in one.resources]),
                _conditions(one, place),
                one.why or one.policy,
            )
            for one in found
        ],
    )


def _show_changes(changes: Sequence[PermissionChange], place: Stack, *, json_output: bool) -> None:
    if json_output:
        terminal.result_json(
            {
                "version": 1,
                "changes": [
                    {"change": change.kind, "widens": change.widens, **change.permission.as_json()}
                    for change in changes
                ],
            }
        )
        return
    if not changes:
        terminal.result("no permission is added or taken")
        return
    terminal.result_table(
        _CHANGE_COLUMNS,
        [
            (
                change.kind,
                change.permission.who,
                ("not " if change.permission.effect == "Deny" else "") + change.permission.actions[0],
                _short(change.permission.resources[0], place),
                _conditions(change.permission, place),
                change.permission.policy,
            )
            for change in changes
        ],
    )


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values)


def _short(arn: str, place: Stack) -> str:
    """An ARN without what is the same everywhere: `ecs cluster/hybrid-acme-on-premises`."""
    if arn.startswith(EXCEPT):
        spared = arn.removeprefix(EXCEPT).split(", ")
        return f"all but {', '.join(_short(one, place) for one in spared)}"
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[1] != place.partition:
        return arn
    if parts[3] not in {"", place.region} or parts[4] not in {"", place.account}:
        return arn
    return f"{parts[2]} {parts[5]}"


def _conditions(one: GrantedPermission, place: Stack) -> str:
    return " and ".join(
        f"{key} {operator} {' or '.join(_short(value, place) for value in values)}"
        for operator, keys in one.conditions.items()
        for key, values in keys.items()
    )
