"""`hybrid deploy`: what the plan lists, in order, each step visible; run again, it goes on where it ended."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hybrid.artifacts import image_build
from hybrid.artifacts.image import image_tag
from hybrid.cli import plan as planning
from hybrid.cli import terminal
from hybrid.cli.aws_options import Json, Profile, fleet_errors
from hybrid.cli.cdk import refuse_the_emulator
from hybrid.cli.estate_file import read_estate
from hybrid.cli.estate_option import EstateFile
from hybrid.cli.image import Base, Native, push_image
from hybrid.cli.synthesis import cdk_environment, review_errors, synthesize
from hybrid.estate import Estate
from hybrid.estate.naming import Names
from hybrid.fleet.errors import FleetError
from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.plan import left_stacks, total_minutes
from hybrid.review.plan import plan as plan_of
from hybrid.review.states import PAUSED, unsettled
from hybrid.review.verdict import Outcome, Verdict
from workspace.files import private_directory
from workspace.node import cdk as cdk_command
from workspace.paths import ESTATE, ROOT, STATE

if TYPE_CHECKING:
    from hybrid.deployment.kept import Kept
    from hybrid.fleet.client import AwsClient

State = Literal["done", "nothing to do", "left to you", "failed"]


@dataclass
class Step:
    """A step, and what came of it.

    Attributes:
        step: what it is.
        state: what came of it.
        details: a sentence each.
    """

    step: str
    state: State = "failed"
    details: list[str] = field(default_factory=list)


def deploy(
    estate: EstateFile = ESTATE,
    assembly: Annotated[
        Path | None,
        typer.Option(help="A cdk.out directory to deploy; left out, the estate is synthesized."),
    ] = None,
    image: Annotated[
        bool, typer.Option(help="Push the image of the container where the registry lacks it.")
    ] = True,
    base: Base = None,
    native: Native = image_build.Decoder.REQUIRED,
    concurrency: Annotated[int, typer.Option(min=1, max=16, help="Stacks at once.")] = 4,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    profile: Profile = None,
    json_output: Json = False,
) -> None:
    """Deploy the estate: print the plan, ask, and take its steps in order.

    Bootstrap, image, secrets that were kept, stacks, Airflow. Run again, it goes on where it ended. What only
    people can do is listed at the end. Exit code 0: deployed. 2: CloudFormation cannot do it, or something
    that you correct; nothing was touched. 1: a step failed.

    Example: bin/hybrid deploy

    Example: bin/hybrid deploy --yes --json --no-image
    """
    with terminal.exit_codes(), review_errors(), fleet_errors():
        described = read_estate(estate)
        aws = _client(described, profile)
        if assembly is None:
            refuse_the_emulator(["deploy"])
        account = _account(aws, described)
        before = planning.deployed(Names(described.environment.name), aws)
        _refuse_unsettled(before)
        directory = assembly or _synthesized(estate, described)
        after = read_assembly(directory, account=account, region=aws.region)
        deployment = _Deployment(
            estate=described,
            aws=aws,
            account=account,
            before=before,
            after=after,
            directory=directory,
            profile=profile,
            concurrency=concurrency,
            image=(base, native) if image else None,
            json_output=json_output,
        )
        try:
            deployment.run(yes=yes)
        finally:
            if json_output:
                terminal.result_json(
                    {
                        "version": 1,
                        "account": account,
                        "plan": deployment.plan,
                        "steps": [asdict(one) for one in deployment.steps],
                    }
                )


def _client(estate: Estate, profile: str | None) -> AwsClient:
    # Not above: boto3 takes a third of a second, and help does without.
    from hybrid.fleet.client import AwsClient, require_credentials

    region = estate.environment.region
    require_credentials(profile=profile, region=region)
    return AwsClient(region=region, profile=profile)


def _account(aws: AwsClient, estate: Estate) -> str:
    account, wanted = aws.account(), estate.environment.account
    if wanted and wanted != account:
        raise terminal.UserError(
            f"the estate is of account {wanted} (environment.account), and these credentials are of "
            f"{account}: sign in to the other one, or name a profile with --profile"
        )
    return account


def _refuse_unsettled(before: Sequence[Stack]) -> None:
    for one in unsettled(before):
        if one.moves:
            raise terminal.Failure(f"{one}; nothing was touched")
        if one.status not in PAUSED:
            raise terminal.UserError(f"{one}; nothing was touched")


def _synthesized(file: Path, estate: Estate) -> Path:
    """What is judged is what is deployed: the assembly stays, also for a look at it afterwards."""
    directory = STATE / "deploy" / estate.environment.name / "cdk.out"
    shutil.rmtree(directory, ignore_errors=True)
    private_directory(directory.parent)
    synthesize(file, directory)
    return directory


@dataclass
class _Deployment:
    estate: Estate
    aws: AwsClient
    account: str
    before: Sequence[Stack]
    after: Sequence[Stack]
    directory: Path
    profile: str | None
    concurrency: int
    image: tuple[str | None, image_build.Decoder] | None
    json_output: bool
    steps: list[Step] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    _imports: bool = False

    def run(self, *, yes: bool) -> None:
        from hybrid.deployment import kept

        found = plan_of(self.before, self.after)
        minutes = total_minutes(found.stacks, self.after)
        self.plan = planning.document(found, minutes)
        if found.verdict.outcome is Outcome.REFUSED:
            reasons = "".join(f"\n- {reason}." for reason in found.verdict.reasons)
            raise terminal.UserError(
                f"CloudFormation cannot do this edit, and nothing was touched:{reasons}\n"
                "docs/how-to/change-an-estate.md has the ways round"
            )
        in_the_way = kept.in_the_way(self.aws, self.before, self.after)
        bootstrapped, pushed = self._is_bootstrapped(), self._is_pushed()
        paused = {one.name for one in self.before if one.status in PAUSED}
        is_due = found.verdict.outcome is not Outcome.NOTHING or bool(paused)
        if is_due or not bootstrapped or not pushed or in_the_way:
            if not self.json_output:
                planning.tell(found, minutes, is_first=not self.before)
            self._tell(in_the_way, bootstrapped=bootstrapped, pushed=pushed)
            self._confirm(yes=yes)
        self._bootstrap(is_there=bootstrapped)
        self._imports = any(one.kind == kept.LOGS for one in in_the_way)
        self._push(is_there=pushed)
        self._make_room(in_the_way)
        self._deploy(is_due=is_due)
        self._bring_back()
        self._list_what_is_left(found.verdict)

    def _tell(self, in_the_way: Sequence[Kept], *, bootstrapped: bool, pushed: bool) -> None:
        if not bootstrapped:
            terminal.say(f"account {self.account} has no bootstrap of the AWS CDK in {self.aws.region} yet")
        if not pushed:
            terminal.say(f"the registry has no image {' or '.join(self._images())} yet")
        for one in in_the_way:
            what = "its content goes into the new one" if "Secret" in one.kind else "it is taken over"
            terminal.say(f"{one.name} was kept and {one.stack} makes it anew: {what}")

    def _confirm(self, *, yes: bool) -> None:
        if yes:
            return
        if self.json_output or not sys.stdin.isatty():
            raise terminal.UserError("nobody can be asked here, so nothing was touched: add --yes")
        typer.confirm("Deploy this?", abort=True, err=True)

    @contextmanager
    def _step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        self.steps.append(step)
        terminal.say(f"{len(self.steps)}. {name}")
        try:
            yield step
        except (FleetError, terminal.UserError) as error:
            step.details.append(str(error))
            # What only the user can put right is the exit code of a refusal, before anything is touched.
            raise terminal.Failure(str(error)) from error
        except Exception as error:
            step.details.append(str(error))
            raise
        terminal.say(f"   {step.state}{': ' if step.details else ''}{'; '.join(step.details)}")

    def _bootstrap(self, *, is_there: bool) -> None:
        with self._step("bootstrap of the account") as step:
            if not is_there:
                self._cdk("bootstrap", f"aws://{self.account}/{self.aws.region}")
            step.state = "nothing to do" if is_there else "done"

    def _push(self, *, is_there: bool) -> None:
        with self._step("image of the container") as step:
            if self.image is None:
                step.state = "left to you"
                step.details.append("--no-image: bin/hybrid image push")
                return
            if not is_there:
                storage = self._names.stack("storage")
                if not (self.aws.stack_outputs(storage) or {}).get("RepositoryUri"):
                    step.details.append(f"deployed {storage}, which makes the registry")
                    self._cdk("deploy", storage, *self._deploying())
                base, native = self.image
                for tag in self._images():
                    push_image(self.aws, self.estate, tag=tag, base=base, native=native)
            step.state = "nothing to do" if is_there else "done"

    def _make_room(self, in_the_way: Sequence[Kept]) -> None:
        from hybrid.deployment import kept

        secrets = [one.name for one in in_the_way if one.kind == kept.SECRET]
        with self._step("secrets that were kept") as step:
            for name in secrets:
                kept.set_aside(self.aws, name)
                step.details.append(f"content of {name} is in {kept.aside(name)} meanwhile")
            step.state = "done" if secrets else "nothing to do"

    def _deploy(self, *, is_due: bool) -> None:
        airflow = self._names.stack("airflow")
        status = next((one.status for one in self.before if one.name == airflow), None)
        # A first environment that fails keeps what it logged, and is gone on with: nothing is rolled back.
        first = status is None or status in PAUSED
        others = [one.name for one in self.after if one.name != airflow]
        with self._step("stacks") as step:
            if is_due:
                names = others if first else [one.name for one in self.after]
                self._cdk("deploy", *names, *self._deploying(), "--concurrency", str(self.concurrency))
            step.state = "done" if is_due else "nothing to do"
        if not first or airflow not in {one.name for one in self.after}:
            return
        with self._step("Airflow, for the first time") as step:
            step.details.append(
                "what is there stays where it fails: docs/deploy/README.md says where the reason is"
            )
            self._cdk("deploy", airflow, "--exclusively", *self._deploying(), "--no-rollback")
            step.state, step.details = "done", []

    def _bring_back(self) -> None:
        from hybrid.deployment import kept

        with self._step("content of secrets") as step:
            made = [kept.bring_back(self.aws, name) for name in kept.set_aside_before(self.aws, self.estate)]
            step.details += [str(one) for one in made]
            step.state = "done" if made else "nothing to do"

    def _list_what_is_left(self, verdict: Verdict) -> None:
        from hybrid.deployment.outstanding import empty_secrets, empty_sites

        with self._step("what only people can do") as step:
            for asked in (empty_secrets, empty_sites):
                try:
                    step.details += asked(self.aws, self.estate)
                except FleetError as error:
                    # All is deployed by now.
                    step.details.append(f"nobody could look further: {error}")
            step.details += left_stacks(verdict)
            step.state = "left to you" if step.details else "nothing to do"

    @property
    def _names(self) -> Names:
        return Names(self.estate.environment.name)

    def _is_bootstrapped(self) -> bool:
        """Whether the bootstrap that the assembly asks for is there, in its version or a later one."""
        manifest = json.loads((self.directory / "manifest.json").read_text())["artifacts"].values()
        for properties in (one.get("properties", {}) for one in manifest):
            if parameter := properties.get("bootstrapStackVersionSsmParameter"):
                version = self.aws.parameter(parameter)
                if version is None or int(version) < properties.get("requiresBootstrapStackVersion", 0):
                    return False
        return True

    def _is_pushed(self) -> bool:
        if self.image is None:
            return True
        outputs = self.aws.stack_outputs(self._names.stack("storage")) or {}
        repository = outputs.get("RepositoryUri")
        if repository is None:
            return False
        return all(self.aws.image(repository.partition("/")[2], tag) for tag in self._images())

    def _images(self) -> list[str]:
        """Tags of the images that the task definitions name."""
        return sorted({self.estate.image_of(site) or image_tag() for site in self.estate.sites})

    def _deploying(self) -> list[str]:
        return ["--require-approval", "never", *(["--import-existing-resources"] if self._imports else [])]

    def _cdk(self, *arguments: str) -> None:
        """Run the CDK command line; what it writes is shown as it comes, beside the result."""
        command = [*cdk_command(), "--no-notices", *arguments, "--app", str(self.directory.resolve())]
        command += ["--profile", self.profile] if self.profile else []
        done = subprocess.run(
            command, cwd=ROOT, env=cdk_environment(), stdin=subprocess.DEVNULL, stdout=2, check=False
        )
        if done.returncode:
            raise terminal.Failure(
                f"`cdk {arguments[0]}` ended with exit code {done.returncode}; above is why. "
                "Put it right and run the same again: it goes on from here"
            )
