"""Airflow on this machine, as near to MWAA's as can be: same version, DAGs from the bucket, plugins unpacked.

Scheduler, DAG processor, triggerer and API server run as one service; its database is PostgreSQL, its DAG
folder follows the DAG bucket of the emulator (sandbox/services/dag_folder.py), and its plugins folder is the
unpacked plugins.zip.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.services import airflow_services
from sandbox.services.airflow_api import AirflowClient, AirflowError, request
from sandbox.services.listening import Address
from sandbox.services.supervisor import Services
from workspace import digest
from workspace.files import private_directory, write_whole

SERVICE = "airflow"
#: Who may log in.
USER = "admin"


@dataclass(frozen=True)
class AirflowServer:
    """One local Airflow.

    Attributes:
        services: where it runs.
        home: its AIRFLOW_HOME.
        python: interpreter of the environment that has Airflow.
        port: of the web page and the REST API, on 127.0.0.1.
        database_url: SQLAlchemy URL of its metadata database.
        dags: folder of the DAG files.
        plugins: folder of the unpacked plugins.zip.
        aws: environment variables for AWS clients.
    """

    services: Services
    home: Path
    python: Path
    port: int
    database_url: str
    dags: Path
    plugins: Path
    aws: Mapping[str, str]

    @property
    def url(self) -> str:
        """Address of the web page."""
        return f"http://localhost:{self.port}"

    @property
    def password_file(self) -> Path:
        """File with the password of the user `admin`."""
        return password_file(self.home)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.services.process(SERVICE) is not None

    def start(self, *, timeout: float = 240, made_from: str = "") -> bool:
        """Start Airflow and wait until its API answers; True where it had to be started.

        Args:
            timeout: seconds to wait for that.
            made_from: digest of what it reads only when it starts, such as its plugins; another one than it
                runs with starts it anew.

        Raises:
            PortTaken: somebody else listens on its port.
            ServiceError: it did not come up.
        """
        private_directory(self.home)
        if not self._password():
            write_whole(self.password_file, json.dumps({USER: secrets.token_urlsafe(12)}))
        return self.services.start(
            SERVICE,
            # -P: beside the file lies one that is called airflow.
            [str(self.python), "-P", str(Path(airflow_services.__file__))],
            environment=self.environment(),
            ready=self._is_healthy,
            timeout=timeout,
            cwd=self.home,
            listens=[Address("127.0.0.1", self.port)],
            made_from=digest.of_values(self._settings(), made_from),
        )

    def environment(self) -> dict[str, str]:
        """Environment variables of this Airflow; for its command line too."""
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "AWS_"))
        }
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        return {**inherited, **self._settings(), "PATH": path}

    def _settings(self) -> dict[str, str]:
        bundle = {
            "name": "dags",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(self.dags), "refresh_interval": 3},
        }
        return {
            **self.aws,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws"}),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # A DAG that changed twice in half a minute is the second one, not the first.
            "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database_url,
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            # A DAG that left its file leaves the list in seconds, not in two minutes.
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "10",
            "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "3",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
            # A busy machine takes half a minute for the first request of a task. With Airflow's 5 s the task
            # is killed for it, and stays `running` until it is missed, which takes Airflow's 300 s.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
            "PYTHONUNBUFFERED": "1",
        }

    def client(self) -> AirflowClient:
        """A client of its REST API, logged in."""
        return AirflowClient(self.url, user=USER, password=self._password())

    def _password(self) -> str:
        """The password; empty where the file is missing or half."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self.password_file.read_text())[USER])
        return ""

    def _is_healthy(self) -> bool:
        try:
            health = request("GET", f"{self.url}/api/v2/monitor/health")
        except AirflowError:
            return False
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        with suppress(KeyError, TypeError):
            return all(health[part]["status"] == "healthy" for part in parts)
        return False


def password_file(home: Path) -> Path:
    """File below an AIRFLOW_HOME with the password of the user `admin`."""
    return home / "simple_auth_manager_passwords.json"
