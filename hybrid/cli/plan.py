"""`hybrid plan`: what an edit of the estate does, before it is done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import Json, Profile, Region, fleet_errors
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.cli.synthesis import review_errors, synthesized
from hybrid.estate.naming import Names
from hybrid.fleet.errors import FleetError
from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.plan import Plan, StackChange, total_minutes
from hybrid.review.plan import plan as plan_of
from hybrid.review.verdict import Outcome
from workspace.paths import ESTATE

if TYPE_CHECKING:
    from hybrid.fleet.client import AwsClient

_STACK_COLUMNS = ("stack", "new", "changed", "replaced", "deleted", "minutes")
_PERMISSION_COLUMNS = ("change", "who", "may", "on")

#: Attempts of a call: who asks for a plan waits for it.
_ATTEMPTS = 3

#: Exit codes beside 0, for nothing to do: CloudFormation cannot do it, and there is something to do.
REFUSED, CHANGES = 2, 3


def plan(
    estate: EstateFile = ESTATE,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OLD_CDK_OUT", help="Compare with an assembly that was kept, not with AWS."),
    ] = None,
    assembly: Annotated[
        Path | None,
        typer.Option(help="A cdk.out directory of the edit; left out, the estate is synthesized."),
    ] = None,
    profile: Profile = None,
    region: Region = None,
    json_output: Json = False,
) -> None:
    """Print what an edit does to what is deployed: stacks, minutes, permissions, what people have to do.

    Exit code 0: nothing changes. 2: CloudFormation cannot do it. 3: there are changes. 1: it failed.

    Example: bin/hybrid plan

    Example: bin/hybrid plan --against cdk.out.before --json
    """
    with terminal.exit_codes(), review_errors(), fleet_errors():
        described = read_estate(estate)
        aws = None if against else _client(profile, region or described.environment.region)
        before = deployed(Names(described.environment.name), aws) if aws else read_assembly(against or Path())
        place = {"account": before[0].account, "region": before[0].region} if before else {}
        after = read_assembly(assembly, **place) if assembly else synthesized(estate, **place)
        found = plan_of(before, after)
        if aws and found.verdict.outcome is not Outcome.REFUSED:
            found = dataclasses.replace(found, before=(*found.before, *_in_the_way(aws, before, after)))
        minutes = total_minutes(found.stacks, after)
    if json_output:
        terminal.result_json(document(found, minutes))
    else:
        tell(found, minutes, is_first=not before)
    if found.verdict.outcome is Outcome.REFUSED:
        raise typer.Exit(REFUSED)
    if found.verdict.outcome is not Outcome.NOTHING or found.unsettled:
        raise typer.Exit(CHANGES)


def _client(profile: str | None, region: str) -> AwsClient:
    # Not above: boto3 takes a third of a second, and a plan against an assembly does without.
    from hybrid.fleet.client import AwsClient, require_credentials

    require_credentials(profile=profile, region=region)
    return AwsClient(region=region, profile=profile, attempts=_ATTEMPTS)


def _in_the_way(aws: AwsClient, before: Sequence[Stack], after: Sequence[Stack]) -> Iterator[str]:
    """What was kept and has the name of what is to be made, a sentence each."""
    from hybrid.deployment import kept

    try:
        found = kept.in_the_way(aws, before, after)
    except FleetError as error:
        terminal.say(f"nobody looked whether a secret or a log group was kept and is in the way: {error}")
        return
    for one in found:
        by = "the content goes into the new one" if one.kind == kept.SECRET else "it is taken over"
        yield (
            f"{one.name} was kept, and {one.stack} is to make it: deploy with `bin/hybrid deploy`, so that "
            f"{by}; `bin/hybrid cdk deploy` fails"
        )


def deployed(names: Names, aws: AwsClient) -> list[Stack]:
    """The stacks of an estate that are deployed.

    Raises:
        terminal.Failure: CloudFormation did not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from hybrid.review.deployed import deployed_stacks

    try:
        with terminal.working("reading what is deployed"):
            return deployed_stacks(aws.cloudformation, prefix=names.stack(""), region=aws.region)
    except (BotoCoreError, ClientError) as error:
        raise terminal.Failure(
            f"what is deployed could not be read: {error}; compare with an assembly that was kept: "
            "bin/hybrid plan --against OLD_CDK_OUT"
        ) from error


def document(found: Plan, minutes: tuple[int, int]) -> dict[str, Any]:
    """A plan as JSON."""
    verdict = found.verdict
    return {
        "version": 1,
        "outcome": verdict.outcome.value,
        "reasons": list(verdict.reasons),
        "minutes": list(minutes),
        "unsettled": [dataclasses.asdict(one) for one in found.unsettled],
        "stacks": [dataclasses.asdict(one) | {"minutes": list(one.minutes)} for one in found.stacks],
        "replaced": [
            {"stack": stack, "resource": name, "type": kind} for stack, name, kind in verdict.replaced
        ],
        "left": list(verdict.left),
        "touched": list(found.touched),
        "permissions": [
            {"change": one.kind, "widens": one.widens, **one.permission.as_json()}
            for one in found.permissions
        ],
        "before": list(found.before),
        "after": list(found.after),
    }


def tell(found: Plan, minutes: tuple[int, int], *, is_first: bool) -> None:
    """Print a plan for people."""
    verdict = found.verdict
    terminal.result("Nothing is deployed yet." if is_first else f"The edit: {verdict.outcome}")
    for reason in verdict.reasons:
        terminal.result(f"refused: {reason}.")
    for one in found.unsettled:
        terminal.result(f"{one}.")
    _listed("Before it is deployed:", found.before)
    if found.stacks:
        terminal.result(f"Stacks, in the order of their deployment; all together {_span(minutes)} minutes:")
        terminal.result_table(_STACK_COLUMNS, [_row(one) for one in found.stacks])
    for stack, name, kind in verdict.replaced:
        terminal.result(f"{stack}: {name} is replaced or goes ({kind})")
    _listed("Data and running work:", found.touched)
    if found.permissions and not is_first:
        wider = sum(one.widens for one in found.permissions)
        terminal.result(
            f"Permissions: {len(found.permissions)} change, and by {wider} somebody may do more "
            "(conditions and reasons: bin/hybrid review roles):"
        )
        terminal.result_table(
            _PERMISSION_COLUMNS,
            [
                (
                    one.kind,
                    one.permission.who,
                    ("not " if one.permission.effect == "Deny" else "") + one.permission.actions[0],
                    one.permission.resources[0],
                )
                for one in found.permissions
            ],
        )
    _listed("Afterwards:", found.after)


def _listed(title: str, lines: Sequence[str]) -> None:
    if lines:
        terminal.result(title)
        for line in lines:
            terminal.result(f"- {line}")


def _row(one: StackChange) -> tuple[object, ...]:
    name = f"{one.name} (new)" if one.is_new else one.name
    return (name, one.created, one.changed, one.replaced, one.deleted, _span(one.minutes))


def _span(minutes: tuple[int, int]) -> str:
    low, high = minutes
    return str(low) if low == high else f"{low} to {high}"
