"""Deploys the estate to the emulator with the CDK command line: synth, fit, bootstrap, deploy, upload."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.demo.assembly import Upload, localize_assembly
from sandbox.demo.uploads import upload
from workspace import digest
from workspace.files import private_directory, write_whole
from workspace.node import LOCK, cdk, node
from workspace.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

#: Where the emulator keeps what was deployed to it last: a mark beside its state would outlive that.
_DEPLOYED = "/hybrid-local/deployed"

#: What `cdk bootstrap` leaves (AWS CDK, bootstrap template, CdkBootstrapVersion).
_BOOTSTRAPPED = "/cdk-bootstrap/hnb659fds/version"

#: What decides what becomes of an assembly, beside the assembly: our own code, the CDK, the emulator.
_TRANSFORMS = (
    Path(__file__),
    ROOT / "sandbox" / "demo" / "assembly.py",
    ROOT / "sandbox" / "differences.py",
    ROOT / "sandbox" / "demo" / "uploads.py",
    ROOT / "sandbox" / "requirements-emulator.txt",
    LOCK,
)


class DeploymentError(Exception):
    """The CDK command line failed; the message holds the end of what it wrote."""


class Deployment:
    """The estate's stacks in the emulator.

    Args:
        estate: the estate file.
        directory: holds the assemblies, the outputs and the log `deployment.log`.
        environment: variables that point AWS clients to the emulator.
        s3: client of the emulator's S3.
        account: the emulator's account number.
        region: the estate's Region.
    """

    def __init__(
        self,
        *,
        estate: Path,
        directory: Path,
        environment: Mapping[str, str],
        s3: S3Client,
        account: str,
        region: str,
    ) -> None:
        self.estate = estate
        self.directory = directory
        self.environment = environment
        self._s3 = s3
        self.account = account
        self.region = region
        self.log = directory / "deployment.log"
        self.assembly = directory / "cdk.out"
        self.local_assembly = directory / "cdk.local.out"
        self._outputs = directory / "outputs.json"
        self._bootstrapped = directory / "bootstrapped"
        self._uploads: list[Upload] = []

    def synthesize(self) -> None:
        """Run `cdk synth`, and make the copy of the assembly that fits the emulator.

        Raises:
            DeploymentError: the app or one of its checks failed.
        """
        private_directory(self.directory)
        shutil.rmtree(self.assembly, ignore_errors=True)
        self.cdk("synth", "--quiet", "--output", str(self.assembly), "-c", f"estate={self.estate}")
        self._uploads = localize_assembly(self.assembly, self.local_assembly)

    @property
    def is_deployed(self) -> bool:
        """Whether just this was deployed last, to this emulator, whose state is still there."""
        return self._outputs.is_file() and self._parameter(_DEPLOYED) == self._digest()

    def bootstrap(self) -> None:
        """Run `cdk bootstrap`, once for each emulator and version of the CDK."""
        wanted = digest.of_files([LOCK], base=LOCK.parent)
        by = self._bootstrapped.read_text() if self._bootstrapped.is_file() else ""
        if by != wanted or self._parameter(_BOOTSTRAPPED) is None:
            # With an app that is synthesized already: else the command line would do that again, for nothing.
            app = ("--app", str(self.local_assembly))
            self.cdk("bootstrap", *app, f"aws://{self.account}/{self.region}")
            write_whole(self._bootstrapped, wanted)

    def deploy(self) -> None:
        """Run `cdk deploy --all`, then copy what the bucket deployments would.

        Raises:
            DeploymentError: a stack could not be deployed.
        """
        app = ("--app", str(self.local_assembly))
        arguments = (
            "--require-approval",
            "never",
            "--outputs-file",
            str(self._outputs),
            "--concurrency",
            "4",
        )
        self.cdk("deploy", *app, "--all", *arguments)
        for item in self._uploads:
            upload(self._s3, item, outputs=self._stack_outputs(item.stack))
        self.remember()

    def remember(self) -> None:
        """Note in the emulator that just this was deployed."""
        self._ssm.put_parameter(Name=_DEPLOYED, Value=self._digest(), Type="String", Overwrite=True)

    @property
    def templates(self) -> dict[str, Any]:
        """Template of each stack, as it is or is to be deployed to the emulator."""
        return {
            path.name.removesuffix(".template.json"): json.loads(path.read_bytes())
            for path in sorted(self.local_assembly.glob("*.template.json"))
        }

    def diff(self) -> int:
        """Exit code of `cdk diff --fail` against what is deployed: 0 where nothing differs."""
        return self._run("diff", "--app", str(self.local_assembly), "--fail")

    def output(self, stack: str, name: str) -> str:
        """An output of a deployed stack.

        Raises:
            DeploymentError: the stack has no such output.
        """
        outputs = self._stack_outputs(stack)
        if name not in outputs:
            raise DeploymentError(f"stack {stack} has no output {name}; it has {', '.join(sorted(outputs))}")
        return outputs[name]

    def cdk(self, *arguments: str) -> None:
        """Run the CDK command line against the emulator; what it writes goes to the log.

        Raises:
            DeploymentError: it failed.
        """
        if code := self._run(*arguments):
            end = "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])
            raise DeploymentError(f"`cdk {arguments[0]}` ended with exit code {code}:\n{end}")

    def _run(self, *arguments: str) -> int:
        path = os.pathsep.join([str(ROOT / ".venv" / "bin"), str(node().parent), os.environ.get("PATH", "")])
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*cdk(), "--ci", "--no-color", "--no-notices", *arguments],
                cwd=ROOT,
                env={
                    **clean,
                    **self.environment,
                    "PATH": path,
                    "NO_COLOR": "1",
                    # A fifth of a synthesis is Node compiling the CDK.
                    "NODE_COMPILE_CACHE": str(self.directory / "compiled"),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0o077,
                check=False,
            )
        return done.returncode

    def _stack_outputs(self, stack: str) -> dict[str, str]:
        outputs: dict[str, dict[str, str]] = json.loads(self._outputs.read_text())
        return outputs.get(stack, {})

    def _digest(self) -> str:
        """Of everything that a deployment takes: templates, assets (specifications, manifests, DAG files,
        plugins), and what transforms them. `cdk synth` gives the same bytes for the same input."""
        return digest.of_values(
            digest.of_tree(self.local_assembly), digest.of_files(_TRANSFORMS, base=ROOT), self.region
        )

    def _parameter(self, name: str) -> str | None:
        try:
            return self._ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise

    @cached_property
    def _ssm(self) -> SSMClient:
        import boto3  # noqa: PLC0415 - it takes a tenth of a second to load

        return boto3.client(
            "ssm",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.region,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )
