"""Extraction side by side: `python bench/extract/run.py --rows 300000 --rounds 3`.

Starts private PostgreSQL and MariaDB servers, makes the same table in both, runs every contender in turn (so
that a change of the machine's mood meets them all), and prints medians: CPU seconds (user and system) of the
client per million rows, peak resident memory, wall time, bytes written, and the ratio of CPU to ours.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "etl"), str(HERE)]

import lineitem  # noqa: E402
import servers  # noqa: E402

OURS = "hybrid-etl"
OURS_PYTHON = "hybrid-etl, plain Python"
FLOOR = "floor (the server's own client)"
PEERS = ("SqlToS3Operator's way", "fetchall", "connectorx", "duckdb", "polars", "adbc")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One run: seconds of CPU and of wall time, peak resident memory in MiB, bytes written."""

    cpu: float
    wall: float
    peak: float
    bytes: int
    version: str


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the contenders share. `python` runs ours, `peers` runs the peers."""

    python: Path
    peers: Path
    directory: Path

    def run(self, contender: str, server: servers.Server) -> Measure | str:
        """Run one contender; a text says why there is no measure."""
        with tempfile.TemporaryDirectory(dir=self.directory) as made:
            output = Path(made)
            secret = output / "secret.json"
            secret.write_text(json.dumps(server.secret))
            command, variables = self._command(contender, server, secret, output)
            if not command:
                return "not available"
            return _measure(command, variables, output)

    def _command(
        self, contender: str, server: servers.Server, secret: Path, output: Path
    ) -> tuple[list[str], dict[str, str]]:
        if contender in (OURS, OURS_PYTHON):
            return self._ours(contender, server, secret, output)
        if contender == FLOOR:
            return _floor(server)
        if contender == "adbc" and server.engine != "postgresql":
            return [], {}
        script = [str(self.peers), str(HERE / "peers.py"), contender, server.engine, str(secret), str(output)]
        return script, {}

    def _ours(
        self, contender: str, server: servers.Server, secret: Path, output: Path
    ) -> tuple[list[str], dict[str, str]]:
        document = {
            "version": 1,
            "estate": "bench",
            "site": "bench",
            "source": "bench",
            "pipeline": "bench",
            "engine": server.engine,
            "query": "select * from lineitem",
            "prefix": "bench",
        }
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(content).hexdigest()
        (output / f"{digest}.json").write_bytes(content)
        variables = {
            "PYTHONPATH": str(ROOT / "etl"),
            "HYBRID_SPECIFICATIONS": f"file://{output}",
            "HYBRID_LAKE": f"file://{output}/lake",
            "HYBRID_SECRET": f"file://{secret}",
            "HYBRID_DECODER": "native" if contender == OURS else "python",
            "MALLOC_ARENA_MAX": "2",
        }
        return [str(self.python), "-m", "hybrid_etl", "run", digest], variables


def _floor(server: servers.Server) -> tuple[list[str], dict[str, str]]:
    connection = ["-h", server.host]
    if server.engine == "postgresql":
        copy = "copy lineitem to stdout (format csv)"
        psql = str(servers.program("psql"))
        command = [
            psql,
            *connection,
            "-p",
            str(server.port),
            "-U",
            server.username,
            "-d",
            server.dbname,
            "-c",
            copy,
        ]
        return command, {"PGPASSWORD": server.password}
    client = servers.program("mariadb")
    query = ["--quick", "--batch", "-e", "select * from lineitem", server.dbname]
    command = [str(client), *connection, "-P", str(server.port), "-u", server.username, *query]
    return command, {"MYSQL_PWD": server.password}


def _measure(command: list[str], variables: dict[str, str], output: Path) -> Measure | str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(output)} | variables
    log = output / "stdout"
    quiet = os.devnull if "hybrid_etl" not in command and "peers.py" not in " ".join(command) else str(log)
    started = time.monotonic()
    with Path(quiet).open("wb") as stdout, (output / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=output
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return f"failed with code {process.returncode}: {(output / 'stderr').read_text()[-300:].strip()}"
    size = sum(path.stat().st_size for path in output.rglob("*") if path.suffix in (".parquet", ".csv"))
    version = (
        log.read_text().strip().splitlines()[-1] if log.exists() and "peers.py" in " ".join(command) else ""
    )
    return Measure(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        peak=usage.ru_maxrss / 1024,
        bytes=size,
        version=version,
    )


@contextlib.contextmanager
def _server(engine: str, rows: int) -> Iterator[servers.Server]:
    start = servers.postgresql if engine == "postgresql" else servers.mariadb
    with tempfile.TemporaryDirectory(prefix="bench-extract-", ignore_cleanup_errors=True) as directory:
        made = start(Path(directory))
        with made as server:
            _fill(server, rows)
            yield server


def _fill(server: servers.Server, rows: int) -> None:
    script = ";\n".join(lineitem.create_statements(server.engine, rows)) + ";\n"
    command, variables = _floor(server)
    command = (
        command[: command.index("-c")]
        if "-c" in command
        else [*command[: command.index("--quick")], server.dbname]
    )
    subprocess.run(
        command,
        input=script,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        env=dict(os.environ) | variables,
    )


def _report(engine: str, rows: int, found: dict[str, list[Measure | str]]) -> None:
    ours = [measure for measure in found[OURS] if isinstance(measure, Measure)]
    base = statistics.median(measure.cpu for measure in ours) if ours else float("nan")
    sys.stdout.write(f"\n{engine}, {rows:,} rows\n")
    head = f"{'contender':<32}{'CPU s/M':>9}{'x ours':>8}{'peak MiB':>10}{'wall s':>8}{'MB':>8}  version\n"
    sys.stdout.write(head)
    for contender, measures in found.items():
        good = [measure for measure in measures if isinstance(measure, Measure)]
        if not good:
            sys.stdout.write(f"{contender:<32}  {measures[0] if measures else 'not run'}\n")
            continue
        cpu = statistics.median(measure.cpu for measure in good)
        sys.stdout.write(
            f"{contender:<32}{cpu / rows * 1e6:>9.2f}{cpu / base:>8.2f}"
            f"{statistics.median(m.peak for m in good):>10.0f}{statistics.median(m.wall for m in good):>8.1f}"
            f"{good[0].bytes / 1e6:>8.1f}  {good[0].version}\n"
        )


def main() -> int:
    """Measure and print; 1 when ours failed on an engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default="postgresql,mariadb")
    parser.add_argument("--only", help="contenders, comma-separated; ours always runs")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="has etl/requirements.txt")
    parser.add_argument("--peers-python", type=Path, help="has requirements-peers.txt; made when absent")
    options = parser.parse_args()
    contenders = [OURS, OURS_PYTHON, FLOOR, *PEERS]
    if options.only:
        contenders = [OURS, *(name for name in contenders[1:] if name in options.only.split(","))]
    sys.stdout.write(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    failed = False
    with tempfile.TemporaryDirectory(prefix="bench-extract-") as made:
        peers = options.peers_python or _peers(Path(made))
        bench = Bench(python=options.python.absolute(), peers=peers.absolute(), directory=Path(made))
        for engine in options.engines.split(","):
            found: dict[str, list[Measure | str]] = {contender: [] for contender in contenders}
            with _server(engine, options.rows) as server:
                for _ in range(options.rounds):
                    for contender in contenders:
                        found[contender].append(bench.run(contender, server))
            _report(engine, options.rows, found)
            failed |= not all(isinstance(measure, Measure) for measure in found[OURS])
    return int(failed)


def _peers(directory: Path) -> Path:
    python = directory / "peers" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(directory / "peers")], check=True)
    requirements = HERE / "requirements-peers.txt"
    subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(requirements)], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
