"""The container in a small box: `python bench/box/run.py --rows 30000000 --memory 256,512`.

Starts private servers and runs the image (not root, read-only root file system, no capability) under a
hard memory limit without swap, for each engine, format and limit. Every file is read back: its SHA-256 and
its rows must be those of the receipt. Prints the peak of the box (the cgroup's own count, page cache
included), the peak of the process, CPU seconds per million rows, and bytes; 1 when a run failed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(path) for path in (ROOT, ROOT / "tests" / "etl", ROOT / "bench" / "extract", HERE)]


import psycopg  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import pymysql  # noqa: E402
import servers  # noqa: E402
import tables  # noqa: E402
from disk_store import disk_store  # noqa: E402

REPEATS = 10
"""The table has a tenth of the rows, and the query reads it ten times: half the disk, the same work."""
QUERY = " union all ".join(["select * from lineitem"] * REPEATS)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One run: MiB of box and process at their peaks, CPU and wall seconds, bytes left in the lake."""

    box: float
    process: float
    cpu: float
    wall: float
    bytes: int


@dataclass(frozen=True)
class Box:
    """What the runs of one engine share."""

    image: str
    directory: Path
    server: servers.Server


class Refused(Exception):
    """A run failed, or what it left is not what it says."""


def main() -> int:
    """Measure and print; 1 when a run failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--memory", default="256,512", help="MiB, comma-separated (default 256,512)")
    parser.add_argument("--formats", default="parquet,csv")
    parser.add_argument("--engines", default="postgresql,mariadb")
    parser.add_argument("--image", default="hybrid-etl", help="made by `docker build -t hybrid-etl etl`")
    options = parser.parse_args()
    sys.stdout.write(f"{platform.platform()}, {os.cpu_count()} CPUs\n")
    head = f"{'engine':<12}{'format':<9}{'limit':>6}{'box MiB':>9}{'process MiB':>13}{'CPU s/M':>9}"
    sys.stdout.write(f"{head}{'wall s':>8}{'MB':>8}\n")
    failed = False
    with tempfile.TemporaryDirectory(prefix="bench-box-", ignore_cleanup_errors=True) as made:
        directory = Path(made)
        for engine in options.engines.split(","):
            with _filled(engine, options.rows // REPEATS) as server:
                for kind in options.formats.split(","):
                    for limit in map(int, options.memory.split(",")):
                        failed |= not _report(
                            Box(options.image, directory, server), kind=kind, limit=limit, rows=options.rows
                        )
    return int(failed)


def _report(box: Box, *, kind: str, limit: int, rows: int) -> bool:
    sys.stdout.write(f"{box.server.engine:<12}{kind:<9}{limit:>6}")
    sys.stdout.flush()
    try:
        found = _run(box, kind=kind, limit=limit, rows=rows)
    except Refused as reason:
        sys.stdout.write(f"  {reason}\n")
        return False
    line = f"{found.box:>9.0f}{found.process:>13.0f}{found.cpu / rows * 1e6:>9.2f}{found.wall:>8.0f}"
    sys.stdout.write(f"{line}{found.bytes / 1e6:>8.0f}\n")
    sys.stdout.flush()
    return True


@contextlib.contextmanager
def _filled(engine: str, rows: int) -> Iterator[servers.Server]:
    start = servers.postgresql if engine == "postgresql" else servers.mariadb
    with (
        tempfile.TemporaryDirectory(prefix="bench-box-", ignore_cleanup_errors=True) as directory,
        start(Path(directory)) as server,
    ):
        login: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.username}
        login["password"] = server.password
        statements = [*tables.create_lineitem(engine), *tables.add_lineitem(engine, 1, rows)]
        if engine == "postgresql":
            with psycopg.connect(**login, dbname=server.dbname, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
        else:
            with pymysql.connect(**login, database=server.dbname, autocommit=True) as connection:
                for statement in statements:
                    connection.cursor().execute(statement)
        yield server


def _run(box: Box, *, kind: str, limit: int, rows: int) -> Measure:
    directory, server = box.directory, box.server
    inputs, lake = directory / "inputs", directory / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    inputs.mkdir(exist_ok=True)
    document = {
        "version": 1,
        **dict.fromkeys(("estate", "site", "source", "pipeline", "prefix"), "bench"),
        "engine": server.engine,
        "query": QUERY,
        "format": {"type": kind, "compression": "zstd"},
    }
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()
    (inputs / f"{digest}.json").write_bytes(content)
    (inputs / "secret.json").write_text(json.dumps(server.secret))
    directory.chmod(0o755)
    with disk_store(lake) as endpoint:
        started = time.monotonic()
        container = _start(box.image, inputs, endpoint, digest=digest, limit=limit)
        try:
            measured = _watch(container)
            code, log = _ended(container)
        finally:
            subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)
    wall = time.monotonic() - started
    if code:
        raise Refused(f"ended with code {code}: {log.splitlines()[-1][-300:] if log else 'no line'}")
    return Measure(**measured, wall=wall, bytes=_verify(lake / "lake", rows=rows))


def _start(image: str, inputs: Path, endpoint: str, *, digest: str, limit: int) -> str:
    variables = {
        "HYBRID_SPECIFICATIONS": "file:///inputs",
        "HYBRID_SECRET": "file:///inputs/secret.json",
        "HYBRID_LAKE": "s3://lake",
        "HYBRID_DECODER": "native",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }
    command = ["docker", "run", "--detach", "--network", "host", "--read-only", "--cap-drop", "ALL"]
    command += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=16m", "--init"]  # noqa: S108
    command += ["--memory", f"{limit}m", "--memory-swap", f"{limit}m", "--volume", f"{inputs}:/inputs:ro"]
    command += [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    done = subprocess.run([*command, image, "run", digest], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"did not start: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def _watch(container: str) -> dict[str, float]:
    """Peaks of the box and of the process and its CPU seconds, read until it ends."""
    box = process = cpu = 0.0
    first = Path("/sys/fs/cgroup/memory/docker") / container / "memory.max_usage_in_bytes"
    second = Path("/sys/fs/cgroup/system.slice") / f"docker-{container}.scope" / "memory.peak"
    pid = int(_inspect(container, "{{.State.Pid}}"))
    while Path(f"/proc/{pid}").exists() and pid:
        for path in (first, second):
            with contextlib.suppress(OSError):
                box = max(box, int(path.read_text()) / 2**20)
        for child in _family(pid):
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = Path(f"/proc/{child}/status").read_text()
                process = max(process, int(status.split("VmHWM:")[1].split()[0]) / 1024)
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                cpu = max(cpu, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
        time.sleep(0.1)
    return {"box": box, "process": process, "cpu": cpu}


def _family(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return [str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _ended(container: str) -> tuple[int, str]:
    code = subprocess.run(["docker", "wait", container], capture_output=True, text=True, check=True).stdout
    log = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False).stdout
    if _inspect(container, "{{.State.OOMKilled}}") == "true":
        log += "the kernel ended it: out of memory"
    return int(code), log


def _inspect(container: str, template: str) -> str:
    command = ["docker", "inspect", "--format", template, container]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _verify(lake: Path, *, rows: int) -> int:
    """Read back every file that the receipt names; gives their bytes together."""
    manifest = json.loads((lake / "bench" / "interval=full" / "_manifest.json").read_text())
    for file in manifest["files"]:
        path = lake / file["key"]
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file["sha256"]:
                raise Refused(f"{file['key']} is not what its receipt says")
        if _rows(path) != file["rows"]:
            raise Refused(f"{file['key']} has not the rows that its receipt says")
    if manifest["rows"] != rows or manifest["decoder"] != "native":
        raise Refused(f"the receipt says {manifest['rows']} rows, decoded by {manifest['decoder']}")
    return int(manifest["bytes"])


def _rows(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    lines = 0
    with pa.input_stream(str(path), compression="zstd") as stream:
        while block := stream.read(1 << 22):
            lines += block.count(b"\n")
    return lines - 1


if __name__ == "__main__":
    sys.exit(main())
