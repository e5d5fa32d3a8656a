"""Who is measured: the command and the environment of each, and whether it can be run at all."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import servers
from endpoint import BUCKET, Endpoint

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

OURS = "hybrid-etl"
OURS_CSV = "hybrid-etl, CSV"
OURS_PYTHON = "hybrid-etl, plain Python"
FLOOR = "floor: the server's own client"
OPERATOR = "SqlToS3Operator"
BEFORE = "hybrid-etl, earlier commit"
BEFORE_CSV = "hybrid-etl, earlier commit, CSV"
PEERS = (OPERATOR, "fetchall", "connectorx", "duckdb", "polars", "adbc")
ALL = (OURS, OURS_CSV, OURS_PYTHON, FLOOR, *PEERS)
ONCE = (OURS_PYTHON,)
"""Run in one round of the smallest size only: ten times slower, and held to equal results elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Interpreters:
    """Python of ours, of the peers, and of the peer that brings Airflow along."""

    ours: Path
    peers: Path
    airflow: Path
    etl: Path = ROOT / "etl"
    """The folder that holds the package hybrid_etl of this commit."""
    before: Path | None = None
    """The same folder of an earlier commit, where one is compared."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """One table of one server, to be read by everyone."""

    server: servers.Server
    endpoint: Endpoint
    interpreters: Interpreters
    table: str

    def command(self, contender: str, directory: Path) -> tuple[list[str], dict[str, str]]:
        """The command line and environment that make `contender` extract the table, files in `directory`."""
        variables = {"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory)}
        variables |= self.endpoint.variables
        if contender == FLOOR:
            command, password = client(self.server)
            return [*command, *_read_all(self.server, self.table)], variables | password
        secret = directory / "secret.json"
        secret.write_text(json.dumps(self.server.secret))
        if contender not in PEERS:
            return self._ours(contender, directory, variables)
        python = self.interpreters.airflow if contender == OPERATOR else self.interpreters.peers
        script = [str(python), str(HERE / "peers.py"), contender, self.server.engine, self.table]
        return [*script, str(secret), BUCKET], variables | _airflow(directory)

    def _ours(
        self, contender: str, directory: Path, variables: dict[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        document = {
            "version": 1,
            "estate": "bench",
            "site": "bench",
            "source": "bench",
            "pipeline": "bench",
            "engine": self.server.engine,
            "query": f"select * from {self.table}",
            "prefix": "bench",
            "format": {
                "type": "csv" if contender in (OURS_CSV, BEFORE_CSV) else "parquet",
                "compression": "zstd",
            },
        }
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(content).hexdigest()
        (directory / f"{digest}.json").write_bytes(content)
        variables |= {
            "PYTHONPATH": str(self._package(contender)),
            "HYBRID_SPECIFICATIONS": f"file://{directory}",
            "HYBRID_LAKE": f"s3://{BUCKET}",
            "HYBRID_SECRET": f"file://{directory}/secret.json",
            "HYBRID_DECODER": "python" if contender == OURS_PYTHON else "native",
        } | IMAGE_VARIABLES
        return [str(self.interpreters.ours), "-m", "hybrid_etl", "run", digest], variables

    def _package(self, contender: str) -> Path:
        before = self.interpreters.before if contender in (BEFORE, BEFORE_CSV) else None
        return before or self.interpreters.etl


IMAGE_VARIABLES = {
    name: value
    for line in (ROOT / "etl" / "Dockerfile").read_text().splitlines()
    if line.startswith("ENV ")
    for name, _, value in (word.partition("=") for word in line.split()[1:])
    if name.startswith(("MALLOC_", "ARROW_"))
}
"""What the image sets for the allocator is part of what is measured."""


def client(server: servers.Server) -> tuple[list[str], dict[str, str]]:
    """The server's own client, connected, and the variable with its password."""
    if server.engine == "postgresql":
        command = [str(servers.program("psql")), "-q", "-h", server.host, "-p", str(server.port)]
        return [*command, "-U", server.username, "-d", server.dbname], {"PGPASSWORD": server.password}
    command = [str(servers.program("mariadb")), "-h", server.host, "-P", str(server.port)]
    return [*command, "-u", server.username, server.dbname], {"MYSQL_PWD": server.password}


def _read_all(server: servers.Server, table: str) -> list[str]:
    if server.engine == "postgresql":
        return ["-c", f"copy {table} to stdout (format csv)"]
    return ["--quick", "--batch", "-e", f"select * from {table}"]


def _airflow(directory: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(directory / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
