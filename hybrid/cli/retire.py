"""`hybrid sites retire`: a site that left the estate file leaves the account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from hybrid.cli import terminal
from hybrid.cli.aws_options import DryRun, Fleet
from hybrid.deployment import retiring
from hybrid.deployment.retiring import Retirement

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def retire(
    fleet: Fleet,
    site: Annotated[str, typer.Argument(help="Name of a site that is in the estate file no more.")],
    force: Annotated[
        bool, typer.Option("--force", help="Even while tasks run on its hosts; they are left behind.")
    ] = False,
    with_secrets: Annotated[
        bool,
        typer.Option("--with-secrets", help="The secrets that its stack keeps too, at once and for good."),
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Deregister the hosts of a site that left the estate, revoke its activations and delete its stack.

    It names all of it first, and asks. Logs stay, and secrets too unless --with-secrets is given.

    Example: bin/hybrid sites retire warehouse --dry-run
    """
    aws = fleet.aws()
    with terminal.working("asking AWS"):
        planned = retiring.retirement(aws, fleet.estate, site)
    for line in _names(planned, with_secrets=with_secrets):
        (terminal.say if fleet.json_output else terminal.result)(line)
    if not dry_run:
        _confirm(planned, yes=yes)
    done: list[str] = []
    for sentence in (
        () if dry_run else retiring.retire(aws, fleet.estate, planned, force=force, with_secrets=with_secrets)
    ):
        done.append(sentence)
        terminal.say(sentence)
    if fleet.json_output:
        terminal.result_json(_document(planned, done, dry_run=dry_run))


def _names(planned: Retirement, *, with_secrets: bool) -> Iterator[str]:
    for host in planned.hosts:
        yield f"deregisters {host.name} ({host.node}, {host.state})"
    for activation in planned.activations:
        yield f"revokes activation {activation}"
    yield f"deletes stack {planned.stack}, with"
    for one in planned.deleted:
        yield f"- {one.kind} {one.name}"
    for one in planned.kept:
        goes = with_secrets and one.kind == retiring.SECRET
        yield f"{'deletes for good' if goes else 'keeps'} {one.kind} {one.name}"


def _confirm(planned: Retirement, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise terminal.UserError("nobody can be asked here, so nothing was changed: add --yes")
    typer.confirm(f"Retire site {planned.site}?", abort=True, err=True)


def _document(planned: Retirement, done: list[str], *, dry_run: bool) -> dict[str, object]:
    return {
        "version": 1,
        "site": planned.site,
        "dry_run": dry_run,
        "hosts": [host.node for host in planned.hosts],
        "activations": list(planned.activations),
        "stack": planned.stack,
        "deleted": [{"type": one.kind, "name": one.name} for one in planned.deleted],
        "kept": [{"type": one.kind, "name": one.name} for one in planned.kept],
        "done": done,
    }
