"""The whole demo on this machine: its services, each started where it is not running, and stopped again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid.artifacts.image import image_tag
from hybrid.estate.composing import compose
from hybrid.estate.loading import checked
from hybrid.estate.naming import Names
from sandbox.demo.deployment import Deployment
from sandbox.demo.directory import write_modes
from sandbox.demo.mode import Mode
from sandbox.demo.ports import ports
from sandbox.demo.task_mode import host_address
from sandbox.demo.user_databases import is_made_up, kept_secrets
from sandbox.launching import DockerContainers, Processes, agent_command, endpoint_command
from sandbox.services.airflow import AirflowServer
from sandbox.services.dag_folder import is_equal
from sandbox.services.databases import SERVERS, DatabaseServer, remove_postgres, stand_in
from sandbox.services.emulator import ACCOUNT, Emulator
from sandbox.services.listening import Address
from sandbox.services.supervisor import Services
from workspace import digest
from workspace.environments import AIRFLOW, EMULATOR, ETL_PROCESS, PythonEnvironment
from workspace.files import private_directory, write_whole
from workspace.paths import ETL, ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AIRFLOW_DATABASE = "airflow"
_EMULATOR, _SITE, _DAG_FOLDER = "emulator", "site", "dag-folder"


class DemoError(Exception):
    """A part of the demo did not do what it was asked to; the message says which and why."""


class DemoEnvironment:
    """Emulator, stacks, databases, sites and Airflow of one demo.

    Args:
        directory: holds everything that the demo makes.
        estate: the estate file.
        mode: how tasks run.
        databases_for: how the tasks run that the databases' addresses are for; None for `mode`. Tasks that
            go over to processes leave the databases where containers reached them.
    """

    def __init__(
        self, directory: Path, *, estate: Path, mode: Mode, databases_for: Mode | None = None
    ) -> None:
        self.mode = mode
        self._databases_for = databases_for or mode
        self.directory = private_directory(directory.resolve())
        # Read once: an editor may save the file while the demo comes up, and what is deployed, run and shown
        # is to be of one estate. `demo apply` takes the newer one.
        composed = compose(estate)
        self._estate_text = composed.text
        self.estate, _ = checked(composed)
        self.names = Names(self.estate.environment.name)
        self.services = Services(self.directory / "services")
        self.ports = ports(self.directory / "ports.json")
        self.region = self.estate.environment.region
        #: Where hosts and their containers find AWS; None for the emulator itself.
        self.way_to_aws: str | None = None
        #: Secrets of the user's own databases, by source: given, or kept from before (`keep_databases`).
        self.user_secrets: dict[str, dict[str, Any]] = {}
        self._secrets: dict[str, dict[str, Any]] = {}
        #: Whether this command has deployed: what Airflow has read of its DAGs may be older.
        self.is_deployed_anew = False
        #: When the files of Airflow's DAGs changed in a running Airflow; None where it read them as they are.
        self.dags_changed_at: datetime | None = None

    @property
    def emulator(self) -> Emulator:
        """The embedded AWS, on the port that is its own now."""
        return Emulator(
            self.directory / "emulator",
            port=self.ports["emulator"],
            python=EMULATOR.python,
            region=self.region,
        )

    def claim_port(self, service: str) -> str | None:
        """Claim the port of a service that does not run yet; what to tell, where it had to be another one."""
        return None if self.services.process(service) is not None else self.ports.claim(service)

    @property
    def aws(self) -> dict[str, str]:
        """Variables that point AWS clients to the emulator, and to the local site for ECS and SSM."""
        return {
            **self.emulator.client_environment(),
            "AWS_ENDPOINT_URL_ECS": self.site_url,
            "AWS_ENDPOINT_URL_SSM": self.site_url,
        }

    @property
    def site_url(self) -> str:
        """Where ECS and SSM are; what is neither is passed on to the emulator."""
        return f"http://127.0.0.1:{self.ports['site']}"

    @cached_property
    def s3(self) -> S3Client:
        """Client of the emulator's S3."""
        client: S3Client = self.client("s3")
        return client

    def client(self, service: str) -> Any:
        """A client of one of the demo's services: the local site for ECS and SSM, else the emulator."""
        import boto3  # noqa: PLC0415 - it takes a tenth of a second to load

        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.site_url if service in {"ecs", "ssm"} else self.emulator.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.aws["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.aws["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def deployment(self) -> Deployment:
        """The estate's stacks in the emulator."""
        return Deployment(
            estate=self._estate_as_read(),
            directory=self.directory / "deployment",
            environment=self.emulator.client_environment(),
            s3=self.s3,
            account=ACCOUNT,
            region=self.region,
        )

    def _estate_as_read(self) -> Path:
        """A file with the estate as it was read, for processes of their own."""
        file = self.directory / "estate.yaml"
        if not file.is_file() or file.read_text(encoding="utf-8") != self._estate_text:
            write_whole(file, self._estate_text)
        return file

    @property
    def lake_bucket(self) -> str:
        """Name of the lake bucket."""
        return self.deployment.output(self.names.stack("storage"), "LakeBucketName")

    @property
    def dag_bucket(self) -> str:
        """Name of the DAG bucket."""
        return self.deployment.output(self.names.stack("storage"), "DagBucketName")

    @property
    def image(self) -> str:
        """The image of the task definitions: registry, repository and tag."""
        return f"{self.deployment.output(self.names.stack('storage'), 'RepositoryUri')}:{image_tag()}"

    def start_emulator(self) -> None:
        """Start the embedded AWS."""
        emulator = self.emulator
        health = f"{emulator.endpoint_url}/_ministack/health"
        self.services.start(
            _EMULATOR,
            emulator.command(),
            environment=emulator.server_environment(),
            ready=lambda: _answers(health),
            timeout=60,
            cwd=emulator.state_dir,
            listens=[Address("127.0.0.1", emulator.port)],
            made_from=digest.of_values(emulator.settings(), _lock(EMULATOR)),
        )

    def database(self, engine: str) -> DatabaseServer:
        """The database server of an engine."""
        name = stand_in(engine)
        return SERVERS[name](
            name,
            services=self.services,
            directory=self.directory / name,
            address=host_address(self._databases_for),
            port=self.ports[name],
        )

    def keep_databases(self, given: Mapping[str, dict[str, Any]]) -> None:
        """Take the databases that the user gave, and those whose secrets are there and are no made-up ones.

        Raises:
            ClientError, BotoCoreError: the emulator could not be asked.
        """
        self._secrets = kept_secrets(self.client("secretsmanager"), self.estate)
        kept = {
            source: secret for source, secret in self._secrets.items() if not self._is_made_up(source, secret)
        }
        self.user_secrets = {**kept, **given}

    def _is_made_up(self, source: str, secret: Mapping[str, Any]) -> bool:
        # Of either server: the source may have had another engine.
        passwords = (self.directory / name / "password" for name in SERVERS)
        return any(
            is_made_up(secret, source=source, username=DatabaseServer.user, password=path.read_text())
            for path in passwords
            if path.is_file()
        )

    def remember_modes(self) -> None:
        """Note how tasks run, for a later command."""
        write_modes(self.directory, tasks=self.mode, databases=self._databases_for)

    @property
    def engines(self) -> list[str]:
        """Engines that need a server: Airflow's own, and one of each kind that a source has."""
        wanted = {"postgresql": "postgresql"}
        for name, source in self.estate.sources.items():
            if name not in self.user_secrets:
                wanted[stand_in(source.engine)] = source.engine
        return [wanted[name] for name in sorted(wanted)]

    def database_start(self, engine: str) -> Callable[[], None]:
        """What starts the server of an engine, on the port that is its own when it is called."""
        return lambda: self.database(engine).start()

    def fill_databases(self) -> None:
        """Give each source its database and its secret, and Airflow its own. To a database of the user's,
        only its secret is put. A secret that is right already is left alone."""
        for name, source in self.estate.sources.items():
            secret = self.user_secrets.get(name)
            if secret is None:
                server = self.database(source.engine)
                server.ensure_customers(name)
                secret = asdict(server.login(name))
            there = self._secrets.get(name, {})
            if {**there, **secret} != there:
                self.hybrid("sources", "secret", name, "--file", "-", given=json.dumps(secret))
        self.database("postgresql").ensure(_AIRFLOW_DATABASE)

    def start_site(self) -> None:
        """Start the local ECS and SSM endpoint."""
        emulator = self.emulator
        url = f"{self.site_url}/_site/hosts"
        self.services.start(
            _SITE,
            endpoint_command(
                port=self.ports[_SITE],
                state=self.directory / "site.json",
                emulator_url=emulator.endpoint_url,
                region=self.region,
            ),
            environment={**os.environ, **emulator.client_environment()},
            ready=lambda: _answers(url),
            timeout=60,
            cwd=ROOT,
            listens=[Address("127.0.0.1", self.ports[_SITE])],
            made_from=_local_code(),
        )

    def airflow(self) -> AirflowServer:
        """The local Airflow."""
        login = self.database("postgresql").login(_AIRFLOW_DATABASE)
        url = f"postgresql+psycopg2://postgres:{login.password}@{login.host}:{login.port}/{login.dbname}"
        return AirflowServer(
            services=self.services,
            home=self.directory / "airflow",
            python=AIRFLOW.python,
            port=self.ports["airflow"],
            database_url=url,
            dags=self.dags,
            plugins=self.directory / "plugins",
            aws=self.aws,
        )

    @property
    def dags(self) -> Path:
        """The folder of DAG files that Airflow reads."""
        return self.directory / "dags"

    def start_dag_folder(self) -> None:
        """Start what copies the DAG bucket to Airflow's DAG folder, and wait until both are equal: a run that
        starts before would be of what was there before."""
        command = [sys.executable, "-m", "sandbox.services.dag_folder", "--bucket", self.dag_bucket]
        equal = partial(is_equal, self.s3, bucket=self.dag_bucket, prefix="dags", folder=self.dags)
        private_directory(self.dags)
        self.services.start(
            _DAG_FOLDER,
            [*command, "--folder", str(self.dags)],
            environment={**os.environ, **self.emulator.client_environment()},
            ready=equal,
            timeout=60,
            cwd=ROOT,
            made_from=digest.of_values(_local_code(), self.emulator.client_environment()),
        )
        if self.is_deployed_anew and self.airflow().is_running:
            self.dags_changed_at = datetime.now(UTC)

    def start_airflow(self, plugins: str) -> None:
        """Start Airflow, anew where it runs with other plugins, of another version or with other settings.

        Args:
            plugins: digest of the plugins that are unpacked.
        """
        if self.airflow().start(made_from=digest.of_values(plugins, _lock(AIRFLOW))):
            self.dags_changed_at = None

    def unpack_plugins(self) -> str:
        """Unpack the newest plugins.zip of the DAG bucket, as MWAA does when an environment starts.

        Returns:
            A digest of what is unpacked.
        """
        listed = self.s3.list_objects_v2(Bucket=self.dag_bucket, Prefix="airflow/").get("Contents", [])
        zips = [entry for entry in listed if entry["Key"].endswith("/plugins.zip")]
        if not zips:
            raise DemoError(f"bucket {self.dag_bucket} has no plugins.zip below airflow/")
        newest = max(zips, key=lambda entry: entry["LastModified"])["Key"]
        body = self.s3.get_object(Bucket=self.dag_bucket, Key=newest)["Body"].read()
        target, mark = self.directory / "plugins", self.directory / "plugins.digest"
        fresh = hashlib.sha256(body).hexdigest()
        if not mark.is_file() or mark.read_text() != fresh:
            mark.unlink(missing_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            with zipfile.ZipFile(BytesIO(body)) as archive:
                archive.extractall(target)
            write_whole(mark, fresh)
        return fresh

    def hybrid(self, *arguments: str, given: str | None = None) -> str:
        """Run a command of this command line against the emulator and return what it printed.

        Raises:
            DemoError: it failed; the message is its own.
        """
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, "-m", "hybrid", *arguments, "--estate", str(self._estate_as_read())],
            cwd=ROOT,
            env={**clean, **self.aws},
            input=given or "",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"`hybrid {' '.join(arguments[:2])}` failed: {done.stderr.strip()}")
        return done.stdout

    def start_host(self, site: str) -> None:
        """Start a host that joins an anywhere site, with an activation where it has not joined before."""
        state = private_directory(self.directory / "hosts" / site)
        activation = state / "activation.json"
        if not (state / "identity.json").exists():
            activation.unlink(missing_ok=True)
            self.hybrid(
                "sites", "activate", site, "--count", "1", "--ttl", "1h", "--to-file", str(activation)
            )
        self._start_agent(
            f"host-{site}",
            "--cluster",
            self.names.cluster(site),
            "--activation-file",
            str(activation),
            state=state,
        )
        activation.unlink(missing_ok=True)

    def start_fargate(self) -> None:
        """Start what stands for Fargate: a host for the tasks of every cloud site."""
        self._start_agent("host-fargate", "--fargate", state=self.directory / "hosts" / "fargate")

    def run_tasks(self, mode: Mode) -> None:
        """Start the hosts anew, so that they run tasks in another way; the databases stay where they are,
        which is where both ways reach them if it was containers at first."""
        self.mode = mode
        self.remember_modes()
        for name in [name for name in self.services.names() if name.startswith("host-")]:
            self.services.stop(name)
            if name == "host-fargate":
                self.start_fargate()
            else:
                self.start_host(name.removeprefix("host-"))

    def _start_agent(self, name: str, *arguments: str, state: Path) -> None:
        hosts = f"{self.site_url}/_site/hosts"
        command = agent_command(
            name=name,
            endpoint_url=self.site_url,
            emulator_url=self.way_to_aws or self.emulator.endpoint_url,
            region=self.region,
            state=state,
            runner=DockerContainers() if self.mode is Mode.CONTAINER else _processes(),
        )
        self.services.start(
            name,
            [*command, *arguments],
            environment={**os.environ, **self.emulator.client_environment()},
            ready=lambda: _is_connected(hosts, name),
            timeout=60,
            cwd=ROOT,
            made_from=digest.of_values(_local_code(), self.emulator.client_environment()),
        )

    def purge(self) -> None:
        """Delete everything that the demo made; it must be stopped."""
        purge(self.directory)


def purge(directory: Path) -> None:
    """Delete everything that the demo of a directory made; it must be stopped. Needs no estate.

    Raises:
        OSError: something could not be deleted.
    """
    directory = directory.resolve()
    remove_postgres(directory / "postgresql")
    if directory.exists():
        shutil.rmtree(directory)


def _processes() -> Processes:
    """The container's code as a process."""
    variables = {"PYTHONPATH": str(ETL), "PATH": os.environ.get("PATH", "")}
    return Processes((str(ETL_PROCESS.python), "-m", "hybrid_etl"), variables)


def _local_code() -> str:
    """Digest of the code of endpoint, agent and DAG folder: a running one does not change with it."""
    return digest.of_tree(ROOT / "sandbox", "*.py")


def _lock(environment: PythonEnvironment) -> str:
    return digest.of_files(environment.requirements, base=ROOT)


def _answers(url: str) -> bool:
    import urllib3  # noqa: PLC0415 - help does not wait for it

    try:
        return urllib3.request("GET", url, timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _is_connected(url: str, name: str) -> bool:
    import urllib3  # noqa: PLC0415 - help does not wait for it

    try:
        hosts = urllib3.request("GET", url, timeout=2, retries=False).json()
    except urllib3.exceptions.HTTPError:
        return False
    return any(host["name"] == name and host["connected"] for host in hosts["hosts"])
