"""The estate deployed to the embedded AWS, which then enforces IAM, over TLS.

The templates of the storage stack and of one site, as synthesized (less what sandbox/differences.py
leaves out), are deployed while nothing is enforced; then the emulator is started again with AUTH=true, and
all that is left to the container is a session of its task role.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
import urllib3

from hybrid.artifacts.compile import CompiledSpecification, specification
from hybrid.estate import load_estate
from sandbox.demo.assembly import localize_assembly
from sandbox.services.databases import Login
from sandbox.services.emulator import Emulator
from tests.policy.recordings import RECORDER
from tests.policy.synthesis import ESTATES, assembly_of
from workspace.environments import ETL_PROCESS
from workspace.paths import ROOT

ESTATE = ESTATES / "enforced.yaml"
SOURCE, OTHER_SOURCE = "regional", "regional-archive"
PIPELINE, OTHER_PIPELINE = "customers-regional", "customers-archive"
#: Of the same source, read in two key ranges.
PARTS_PIPELINE = "orders-regional"
TASK_ROLE = f"arn:aws:iam::000000000000:role/hybrid/acme/task/hybrid-acme-{SOURCE}-task"
_STACKS = ("hybrid-acme-storage", "hybrid-acme-site-on-premises")


class TlsEmulator(Emulator):
    """The emulator behind TLS, so that the buckets' own policies hold as well."""

    @property
    def endpoint_url(self) -> str:
        """Address of every service."""
        return f"https://localhost:{self.port}"

    @property
    def calls(self) -> Path:
        """File of the recorded calls."""
        return self.state_dir / "calls.jsonl"

    @property
    def certificate(self) -> Path:
        """The certificate that it made for itself."""
        return self.state_dir / "tmp" / "ministack-tls" / "server.crt"

    def healthy(self) -> bool:
        """Whether the server answers its health check."""
        if not self.certificate.is_file():
            return False
        pool = urllib3.PoolManager(ca_certs=str(self.certificate))
        try:
            answer = pool.request("GET", f"{self.endpoint_url}/_ministack/health", timeout=2, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def command(self) -> list[str]:
        """Command of the server, which knows the conditions of conditional writes."""
        return [str(self.python), str(Path(__file__).with_name("ministack_with_conditional_writes.py"))]

    def server_environment(self) -> dict[str, str]:
        """The environment of the server, which records what is signed with a role's session."""
        recorder = {"PYTHONPATH": str(RECORDER), "HYBRID_RECORD_CALLS": str(self.calls)}
        return {**super().server_environment(), "USE_SSL": "1", **recorder}

    def __enter__(self) -> Self:
        self.start()
        return self


@dataclass(frozen=True)
class Deployed:
    """What was deployed.

    Attributes:
        dags: name of the DAG bucket.
        lake: name of the lake bucket.
    """

    dags: str
    lake: str


class EnforcedEstate:
    """The estate in the emulator.

    Args:
        emulator: not started.
        directory: for assemblies.
    """

    def __init__(self, emulator: TlsEmulator, directory: Path) -> None:
        self.emulator = emulator
        self._directory = directory
        self._estate = load_estate(ESTATE)

    def client(self, service: str) -> Any:
        """A client of the administrator's."""
        session: Any = boto3.session.Session()
        return session.client(
            service,
            endpoint_url=self.emulator.endpoint_url,
            region_name=self.emulator.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            verify=str(self.emulator.certificate),
        )

    def specification(self, pipeline: str) -> CompiledSpecification:
        """The specification of a pipeline."""
        return specification(self._estate, pipeline)

    def deploy(self, login: Login) -> Deployed:
        """Deploy the stacks, fill the secrets, upload the specifications, and let another source have run."""
        local = self._directory / "local"
        localize_assembly(assembly_of("enforced"), local)
        # What `cdk bootstrap` leaves, which every template asks for.
        self.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="28", Type="String")
        outputs: dict[str, str] = {}
        for name in _STACKS:
            outputs |= self._create(name, (local / f"{name}.template.json").read_text())
        deployed = Deployed(outputs["DagBucketName"], outputs["LakeBucketName"])
        secrets, s3 = self.client("secretsmanager"), self.client("s3")
        for source in (SOURCE, OTHER_SOURCE):
            secrets.put_secret_value(
                SecretId=f"hybrid/acme/sources/{source}", SecretString=json.dumps(vars(login))
            )
        for pipeline in (PIPELINE, PARTS_PIPELINE, OTHER_PIPELINE):
            one = self.specification(pipeline)
            s3.put_object(Bucket=deployed.dags, Key=f"pipelines/{one.key}", Body=one.content.encode())
        s3.put_object(
            Bucket=deployed.lake,
            Key=f"{OTHER_SOURCE}/{OTHER_PIPELINE}/interval=full/_manifest.json",
            Body=b"{}",
        )
        return deployed

    def container_environment(self, deployed: Deployed) -> dict[str, str]:
        """What the container gets: the variables of its task definition, and its task role's session."""
        session = self._session_of_ecs()
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "etl"),
            "HYBRID_SPECIFICATIONS": f"s3://{deployed.dags}/pipelines/{SOURCE}",
            "HYBRID_LAKE": f"s3://{deployed.lake}",
            "HYBRID_SECRET": f"hybrid/acme/sources/{SOURCE}",
            "AWS_REGION": self.emulator.region,
            "AWS_DEFAULT_REGION": self.emulator.region,
            "AWS_ENDPOINT_URL": self.emulator.endpoint_url,
            "AWS_CA_BUNDLE": str(self.emulator.certificate),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    def take_task_role(self) -> dict[str, str]:
        """A session of the task role in the administrator's name, which the trust refuses."""
        sts = self.client("sts")
        session: dict[str, str] = sts.assume_role(RoleArn=TASK_ROLE, RoleSessionName="task")["Credentials"]
        return session

    def _session_of_ecs(self) -> dict[str, str]:
        """A session as ECS would fetch it: the emulator has no service, so the trust opens for a moment."""
        iam, name = self.client("iam"), TASK_ROLE.rpartition("/")[2]
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        door = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
        opened = {**trust, "Statement": [*trust["Statement"], door]}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
        try:
            return self.take_task_role()
        finally:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    def _create(self, name: str, template: str) -> dict[str, str]:
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        deadline = time.monotonic() + 60
        while True:
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            if stack["StackStatus"] == "CREATE_COMPLETE":
                return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
            if time.monotonic() > deadline or not stack["StackStatus"].endswith("IN_PROGRESS"):
                raise RuntimeError(f"{name}: {stack['StackStatus']}: {stack.get('StackStatusReason')}")
            time.sleep(0.2)


def run_container(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the container's entry point as a process."""
    return subprocess.run(
        [str(ETL_PROCESS.python), "-m", "hybrid_etl", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def attack(environment: dict[str, str], attacks: list[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """Run attacks with the container's Python and environment; what AWS answered to each."""
    done = subprocess.run(
        [str(ETL_PROCESS.python), str(Path(__file__).with_name("attacks.py"))],
        env=environment,
        input=json.dumps(attacks),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answers: list[str] = json.loads(done.stdout)
    return answers
