"""The container's command in a process of its own, and the databases that it is pointed at."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import servers
from botocore.session import get_session

ROOT = Path(__file__).resolve().parents[2]
#: Another interpreter for the command, with a path of its own: on_aarch64.sh runs it for another processor.
_INTERPRETER = shlex.split(os.environ.get("HYBRID_TEST_INTERPRETER") or sys.executable)
_PYTHON_PATH = os.environ.get("HYBRID_TEST_PYTHON_PATH") or str(ROOT / "etl")


_RECEIPT = jsonschema.Draft202012Validator(
    json.loads((ROOT / "contracts" / "schemas" / "receipt.schema.json").read_text())
)


@dataclass(frozen=True, kw_only=True)
class Database:
    """A running server, with a short way to say SQL to it."""

    server: servers.Server
    say: Callable[..., list[tuple[Any, ...]]]

    @property
    def engine(self) -> str:
        return self.server.engine

    @property
    def secret(self) -> dict[str, object]:
        return dict(self.server.secret)


@dataclass
class Outcome:
    """What one run of the command left."""

    code: int
    lines: list[dict[str, Any]]
    errors: str
    lake: Path
    seconds: float

    @property
    def message(self) -> str:
        return str(self.lines[-1]["message"])

    @property
    def manifests(self) -> list[Path]:
        return sorted(self.lake.rglob("_manifest.json"))

    @property
    def manifest(self) -> dict[str, Any]:
        (path,) = self.manifests
        return dict(json.loads(path.read_text()))

    @property
    def files(self) -> list[Path]:
        return [self.lake / file["key"] for file in self.manifest["files"]]


@dataclass
class Etl:
    """The container's command in a process of its own, with directories for S3."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: dict[int, float] = field(default_factory=dict)

    @property
    def lake(self) -> Path:
        return self.directory / "lake"

    def specify(self, database: Database | None = None, **changes: Any) -> str:
        document: dict[str, Any] = {
            "version": 1,
            "estate": "acme",
            "site": "here",
            "source": "shop",
            "pipeline": "orders",
            "engine": database.engine if database else "postgresql",
            "query": "select 1 as one",
            "parameters": {},
            "incremental_column": None,
            "prefix": "shop/orders",
            "format": {"type": "parquet", "compression": "zstd"},
            "partition_by": [],
            "target_file_bytes": 268435456,
            "unrepresentable": "fail",
            "masks": {},
            "limits": {"statement_timeout_seconds": 600, "lock_timeout_seconds": 5, "bytes_per_second": None},
        } | changes
        content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        digest = hashlib.sha256(content).hexdigest()
        folder = self.directory / "specifications"
        folder.mkdir(exist_ok=True, parents=True)
        (folder / f"{digest}.json").write_bytes(content)
        return digest

    def settings(self, secret: dict[str, object]) -> dict[str, str]:
        file = self.directory / "secret.json"
        file.write_text(json.dumps(secret))
        return {
            "HYBRID_SPECIFICATIONS": f"file://{self.directory}/specifications",
            "HYBRID_LAKE": f"file://{self.lake}",
            "HYBRID_SECRET": f"file://{file}",
        }

    def start(
        self, *arguments: str, secret: dict[str, object], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        variables |= {"PYTHONPATH": _PYTHON_PATH, "AWS_EC2_METADATA_DISABLED": "true"}
        variables |= self.settings(secret) | self.environment | (environment or {})
        began = time.time()
        process = subprocess.Popen(
            [*_INTERPRETER, "-m", "hybrid_etl", *arguments],
            env=variables,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started[process.pid] = began
        return process

    def finish(self, process: subprocess.Popen[bytes], *, timeout: float = 300) -> Outcome:
        started = time.monotonic()
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        lines = [json.loads(line) for line in output.decode().splitlines()]
        self._check_receipts(since=self.started[process.pid])
        return Outcome(process.returncode, lines, errors.decode(), self.lake, time.monotonic() - started)

    def _check_receipts(self, *, since: float) -> None:
        """Hold every receipt that a run has written against its schema."""
        for path in [*self.lake.rglob("_manifest.json"), *self.lake.rglob("_part.json")]:
            if path.stat().st_mtime >= since:
                _RECEIPT.validate(json.loads(path.read_bytes()))

    def run(
        self,
        database: Database,
        *arguments: str,
        secret: dict[str, object] | None = None,
        environment: dict[str, str] | None = None,
        **changes: Any,
    ) -> Outcome:
        digest = self.specify(database, **changes)
        process = self.start(
            "run", digest, *arguments, secret=secret or database.secret, environment=environment
        )
        return self.finish(process)


def client(service: str, environment: dict[str, str]) -> Any:
    """A client of the embedded AWS, for what a test looks up itself."""
    return get_session().create_client(
        service,
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
