"""The whole house on this machine: its services, each started where it is not running, and stopped again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import asdict
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import urllib3

from hybrid.demo.deployment import Deployment
from hybrid.demo.engine import Mode, host_address
from hybrid.demo.ports import ports
from hybrid.environments import AIRFLOW, EMULATOR, ETL_PROCESS
from hybrid.estate import load_estate
from hybrid.image import image_tag
from hybrid.local.airflow import AirflowServer
from hybrid.local.databases import DatabaseServer, MariaDbServer, PostgresServer
from hybrid.local.emulator import ACCOUNT, Emulator
from hybrid.local.services import Services
from hybrid.naming import Names
from hybrid.paths import ETL, ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AIRFLOW_DATABASE = "airflow"
_EMULATOR, _SITE, _DAG_FOLDER = "emulator", "site", "dag-folder"


class HouseError(Exception):
    """A part of the demo did not do what it was asked to; the message says which and why."""


class House:
    """Emulator, stacks, databases, sites and Airflow of one demo.

    Args:
        directory: holds everything that the demo makes.
        estate: the estate file.
        mode: how tasks run.
    """

    def __init__(self, directory: Path, *, estate: Path, mode: Mode) -> None:
        self.mode = mode
        self._databases_for = mode
        self.directory = directory.resolve()
        self.estate_file = estate.resolve()
        self.estate = load_estate(estate)
        self.names = Names(self.estate.environment.name)
        self.services = Services(self.directory / "services")
        self.ports = ports(self.directory / "ports.json")
        self.region = self.estate.environment.region
        self.emulator = Emulator(
            self.directory / "emulator",
            port=self.ports["emulator"],
            python=EMULATOR.python,
            region=self.region,
        )
        #: Where hosts and their containers find AWS.
        self.way_to_aws = self.emulator.endpoint_url

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
        return boto3.client(
            "s3",
            endpoint_url=self.emulator.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.aws["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.aws["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def deployment(self) -> Deployment:
        """The estate's stacks in the emulator."""
        return Deployment(
            estate=self.estate_file,
            directory=self.directory / "deployment",
            environment=self.emulator.client_environment(),
            s3=self.s3,
            account=ACCOUNT,
            region=self.region,
        )

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
        health = f"{self.emulator.endpoint_url}/_ministack/health"
        self.services.start(
            _EMULATOR,
            self.emulator.command(),
            environment=self.emulator.server_environment(),
            ready=lambda: _answers(health),
            timeout=30,
            cwd=self.emulator.state_dir,
        )

    def database(self, engine: str) -> DatabaseServer:
        """The database server of an engine."""
        kind: type[DatabaseServer] = PostgresServer if engine == "postgresql" else MariaDbServer
        name = "postgresql" if engine == "postgresql" else "mariadb"
        return kind(
            name,
            services=self.services,
            directory=self.directory / name,
            address=host_address(self._databases_for),
            port=self.ports[name],
        )

    def start_databases(self) -> None:
        """Start a server for each engine of the estate, and give each source its database and its secret."""
        for engine in sorted({"postgresql", *(source.engine for source in self.estate.sources.values())}):
            self.database(engine).start()
        for name, source in self.estate.sources.items():
            server = self.database(source.engine)
            server.ensure_customers(name)
            login = json.dumps(asdict(server.login(name)))
            self.hybrid("sources", "secret", name, "--file", "-", given=login)
        postgres = self.database("postgresql")
        if not (self.directory / "airflow.database").exists():
            postgres.execute(f"create database {_AIRFLOW_DATABASE}")
            (self.directory / "airflow.database").touch()

    def start_site(self) -> None:
        """Start the local ECS and SSM endpoint."""
        url = f"{self.site_url}/_site/hosts"
        self.services.start(
            _SITE,
            [
                *(sys.executable, "-m", "hybrid.local.endpoint", "--port", str(self.ports["site"])),
                *("--state", str(self.directory / "site.json"), "--emulator", self.emulator.endpoint_url),
                *("--region", self.region),
            ],
            environment={**os.environ, **self.emulator.client_environment()},
            ready=lambda: _answers(url),
            timeout=30,
            cwd=ROOT,
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
            log_ports=(self.ports["airflow-worker-logs"], self.ports["airflow-trigger-logs"]),
            database_url=url,
            dags=self._dags,
            plugins=self.directory / "plugins",
            aws=self.aws,
        )

    @property
    def _dags(self) -> Path:
        return self.directory / "dags"

    def start_dag_folder(self) -> None:
        """Start what copies the DAG bucket to Airflow's DAG folder."""
        command = [sys.executable, "-m", "hybrid.local.dag_folder", "--bucket", self.dag_bucket]
        self.services.start(
            _DAG_FOLDER,
            [*command, "--folder", str(self._dags)],
            environment={**os.environ, **self.emulator.client_environment()},
            ready=(self._dags / "manifest.json").is_file,
            timeout=30,
            cwd=ROOT,
        )

    def unpack_plugins(self) -> None:
        """Unpack the newest plugins.zip of the DAG bucket, as MWAA does when an environment starts."""
        listed = self.s3.list_objects_v2(Bucket=self.dag_bucket, Prefix="airflow/").get("Contents", [])
        zips = [entry for entry in listed if entry["Key"].endswith("/plugins.zip")]
        if not zips:
            raise HouseError(f"bucket {self.dag_bucket} has no plugins.zip below airflow/")
        newest = max(zips, key=lambda entry: entry["LastModified"])["Key"]
        body = self.s3.get_object(Bucket=self.dag_bucket, Key=newest)["Body"].read()
        target = self.directory / "plugins"
        shutil.rmtree(target, ignore_errors=True)
        with zipfile.ZipFile(BytesIO(body)) as archive:
            archive.extractall(target)

    def hybrid(self, *arguments: str, given: str | None = None) -> str:
        """Run a command of this command line against the emulator and return what it printed.

        Raises:
            HouseError: it failed; the message is its own.
        """
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, "-m", "hybrid", *arguments, "--estate", str(self.estate_file)],
            cwd=ROOT,
            env={**clean, **self.aws},
            input=given or "",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise HouseError(f"`hybrid {' '.join(arguments[:2])}` failed: {done.stderr.strip()}")
        return done.stdout

    def start_host(self, site: str) -> None:
        """Start a host that joins an anywhere site, with an activation where it has not joined before."""
        state = self.directory / "hosts" / site
        state.mkdir(parents=True, exist_ok=True)
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
        for name in [name for name in self.services.names() if name.startswith("host-")]:
            self.services.stop(name)
            if name == "host-fargate":
                self.start_fargate()
            else:
                self.start_host(name.removeprefix("host-"))

    def _start_agent(self, name: str, *arguments: str, state: Path) -> None:
        hosts = f"{self.site_url}/_site/hosts"
        process = (
            *("--entry", f"{ETL_PROCESS.python} -m hybrid_etl", "--env", f"PYTHONPATH={ETL}"),
            *("--env", f"PATH={os.environ.get('PATH', '')}"),
        )
        self.services.start(
            name,
            [
                *(sys.executable, "-m", "hybrid.local.agent", "--endpoint", self.site_url),
                *("--emulator", self.way_to_aws, "--state", str(state), "--name", name),
                *("--region", self.region, "--mode", "docker" if self.mode is Mode.CONTAINER else "process"),
                *(process if self.mode is Mode.PROCESS else ()),
                *arguments,
            ],
            environment={**os.environ, **self.emulator.client_environment()},
            ready=lambda: _is_connected(hosts, name),
            timeout=60,
            cwd=ROOT,
        )

    def purge(self) -> None:
        """Delete everything that the demo made; it must be stopped."""
        server = self.database("postgresql")
        if isinstance(server, PostgresServer):
            server.remove()
        shutil.rmtree(self.directory, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _is_connected(url: str, name: str) -> bool:
    try:
        hosts = urllib3.request("GET", url, timeout=2, retries=False).json()
    except urllib3.exceptions.HTTPError:
        return False
    return any(host["name"] == name and host["connected"] for host in hosts["hosts"])
