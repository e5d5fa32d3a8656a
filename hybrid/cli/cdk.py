"""`hybrid cdk …`: the CDK command line, pinned, with the project's node and environment."""

from __future__ import annotations

import difflib
import itertools
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from hybrid.cli import terminal
from workspace.environments import EnvironmentFailure
from workspace.node import cdk as cdk_command
from workspace.node import node
from workspace.paths import DEMO, ROOT

#: Commands of the CDK command line that can do nothing without an account (AWS CDK Developer Guide, "CDK CLI
#: reference").
_OF_AN_ACCOUNT = {"bootstrap", "deploy", "destroy", "drift", "gc", "import", "rollback", "watch"}

#: All of its commands and their other names; one that is not here, and near none, is passed on.
_COMMANDS = {
    "list", "ls", "synth", "synthesize", "diff", "doctor", "docs", "doc", "init", "metadata", "acknowledge",
    "ack", "notices", "context", "migrate", "refactor", "flags", "validate", "diagnose", "publish-assets",
    *_OF_AN_ACCOUNT,
}  # fmt: skip

#: Option by which CloudFormation takes over what is there already.
_IMPORT = "--import-existing-resources"


def cdk(context: typer.Context) -> None:
    """Run the CDK command line: synth, diff, deploy, destroy, …

    Example: bin/hybrid cdk synth -c estate=hybrid.yaml
    """
    with terminal.exit_codes():
        _refuse_a_misspelled_command(context.args)
        if _asks_aws(context.args):
            _require_credentials(context.args)
            refuse_the_emulator(context.args)
        try:
            with terminal.working("preparing the CDK command line"):
                command = cdk_command()
        except EnvironmentFailure as error:
            raise terminal.Failure(f"the CDK command line could not be installed: {error}") from error
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), str(node().parent), os.environ.get("PATH", "")])
    os.chdir(ROOT)
    # The CDK command line takes the place of this process, so that it has its terminal and its signals.
    environment = {**os.environ, "PATH": path, **_look_before(context.args)}
    os.execve(command[0], [*command, *context.args], environment)  # noqa: S606


def _look_before(arguments: Sequence[str]) -> dict[str, str]:
    """Variables that have app.py look at what is deployed, before the CDK deploys (stacks/guard.py)."""
    if arguments[:1] != ["deploy"]:
        return {}
    profile = _profile(arguments)
    return {
        "HYBRID_BEFORE_DEPLOYMENT": "1",
        **({"HYBRID_BEFORE_DEPLOYMENT_PROFILE": profile} if profile else {}),
        **({"HYBRID_BEFORE_DEPLOYMENT_IMPORTS": "1"} if _IMPORT in arguments else {}),
    }


def _refuse_a_misspelled_command(arguments: Sequence[str]) -> None:
    """The CDK command line answers a command that it does not know with its whole help."""
    word = arguments[0] if arguments else ""
    if word.startswith("-") or word in _COMMANDS:
        return
    if near := difflib.get_close_matches(word, _COMMANDS, n=1, cutoff=0.7):
        raise terminal.UserError(f"the CDK has no command `{word}`; did you mean `bin/hybrid cdk {near[0]}`?")


def _asks_aws(arguments: Sequence[str]) -> bool:
    """Whether it needs credentials; without them the CDK synthesizes first, and then does not say so."""
    wants_help = {"--help", "-h", "--version"} & set(arguments)
    return not wants_help and any(argument in _OF_AN_ACCOUNT for argument in arguments[:1])


def _require_credentials(arguments: Sequence[str]) -> None:
    # Not above: boto3 takes a third of a second, and most commands of the CDK do without an account.
    from hybrid.cli.aws_options import fleet_errors
    from hybrid.fleet.client import require_credentials

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    with fleet_errors():
        require_credentials(profile=_profile(arguments), region=region)


def refuse_the_emulator(arguments: Sequence[str]) -> None:
    """Refuse to deploy templates to the demo's emulator that it cannot take: they would roll back."""
    from hybrid.fleet.bare_emulator import is_emulator

    url = os.environ.get("AWS_ENDPOINT_URL_CLOUDFORMATION") or os.environ.get("AWS_ENDPOINT_URL")
    fitted = any(word in {"--app", "-a"} or word.startswith(("--app=", "-a=")) for word in arguments)
    if fitted or not url or not {"deploy", "watch"} & set(arguments[:1]) or not is_emulator(url):
        return
    directory = Path(os.environ.get("CDK_HOME", DEMO / "emulator" / "cdk-home")).parent.parent
    raise terminal.UserError(
        f"{url} is the demo's emulator, which cannot make all that the templates hold (`bin/hybrid demo "
        "differences`) and would roll back. `bin/hybrid demo` deploys what has changed, in a copy that fits; "
        "one stack of that copy: `bin/hybrid cdk deploy --app "
        f"{shlex.quote(str(directory / 'deployment' / 'cdk.local.out'))} STACK`"
    )


def _profile(arguments: Sequence[str]) -> str | None:
    """The value of `--profile`, in both of its spellings."""
    for argument, following in itertools.zip_longest(arguments, arguments[1:]):
        if argument == "--profile":
            return following
        if argument.startswith("--profile="):
            return argument.partition("=")[2]
    return None
