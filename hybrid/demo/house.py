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
from hybrid.demo.engine import Mode
from hybrid.demo.ports import ports
from hybrid.environments import AIRFLOW, EMULATOR
from hybrid.estate import load_estate
from hybrid.estate.model import AnywhereSite
from hybrid.image import image_tag
from hybrid.local.airflow import SERVICE as AIRFLOW_SERVICE
from hybrid.local.airflow import AirflowServer
from hybrid.local.databases import DatabaseError, DatabaseServer, MariaDbServer, PostgresServer
from hybrid.local.emulator import ACCOUNT, Emulator
from hybrid.local.services import Services
from hybrid.naming import Names
from hybrid.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AIRFLOW_DATABASE = "airflow"
_EMULATOR, _SITE = "emulator", "site"


class HouseError(Exception):
    """A part of the demo did not do what it was asked to; the message says which and why."""


class House:
    """Emulator, stacks, databases, sites and Airflow of one demo.

    Args:
        directory: holds everything that the demo makes.
        estate: the estate file.
    """

    def __init__(self, directory: Path, *, estate: Path) -> None:
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

    @property
    def aws(self) -> dict[str, str]:
        """Variables that point AWS clients to the emulator, and to the local site for ECS and SSM."""
        site = f"http://127.0.0.1:{self.ports['site']}"
        return {
            **self.emulator.client_environment(),
            "AWS_ENDPOINT_URL_ECS": site,
            "AWS_ENDPOINT_URL_SSM": site,
        }

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

    def database(self, engine: str, *, address: str) -> DatabaseServer:
        """The database server of an engine, listening on an address."""
        kind: type[DatabaseServer] = PostgresServer if engine == "postgresql" else MariaDbServer
        name = "postgresql" if engine == "postgresql" else "mariadb"
        return kind(
            name,
            services=self.services,
            directory=self.directory / name,
            address=address,
            port=self.ports[name],
        )

    def start_databases(self, *, address: str) -> None:
        """Start a server for each engine of the estate, and give each source its database and its secret."""
        for engine in sorted({"postgresql", *(source.engine for source in self.estate.sources.values())}):
            self.database(engine, address=address).start()
        for name, source in self.estate.sources.items():
            server = self.database(source.engine, address=address)
            server.ensure_customers(name)
            login = json.dumps(asdict(server.login(name)))
            self.hybrid("sources", "secret", name, "--file", "-", given=login)
        postgres = self.database("postgresql", address=address)
        if not (self.directory / "airflow.database").exists():
            postgres.execute(f"create database {_AIRFLOW_DATABASE}")
            (self.directory / "airflow.database").touch()

    def start_site(self) -> None:
        """Start the local ECS and SSM endpoint."""
        url = f"http://127.0.0.1:{self.ports['site']}/_site/hosts"
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

    def airflow(self, *, address: str) -> AirflowServer:
        """The local Airflow, whose metadata database is at an address."""
        login = self.database("postgresql", address=address).login(_AIRFLOW_DATABASE)
        url = f"postgresql+psycopg2://postgres:{login.password}@{login.host}:{login.port}/{login.dbname}"
        return AirflowServer(
            services=self.services,
            home=self.directory / "airflow",
            python=AIRFLOW.python,
            port=self.ports["airflow"],
            database_url=url,
            dag_bucket=self.dag_bucket,
            plugins=self.directory / "plugins",
            aws=self.aws,
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

    def anywhere_sites(self) -> list[str]:
        """Sites that a host has to join."""
        return [name for name, site in sorted(self.estate.sites.items()) if isinstance(site, AnywhereSite)]

    def stop(self) -> None:
        """Stop everything, Airflow first and what it talks to last; the data stays."""
        first = [AIRFLOW_SERVICE]
        hosts = [name for name in self.services.names() if name.startswith("host-")]
        last = [_SITE, "mariadb", "postgresql", _EMULATOR]
        for name in [*first, *hosts, *last]:
            self.services.stop(name)

    def purge(self) -> None:
        """Delete everything that the demo made; it must be stopped."""
        server = self.database("postgresql", address="127.0.0.1")
        if isinstance(server, PostgresServer):
            server.remove()
        shutil.rmtree(self.directory, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


__all__ = ["DatabaseError", "House", "HouseError", "Mode"]
