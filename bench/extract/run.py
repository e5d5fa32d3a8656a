"""Extraction side by side, with real servers and an upload over HTTPS.

Makes the environments of all contenders, starts PostgreSQL and MariaDB, makes the same tables in both, and
runs every contender in turn. Prints medians: CPU seconds of the client for a million rows, peak memory, bytes
out, wall time, CPU of the server, and the ratio of CPU to ours. A contender that would need more memory than
the machine can spare is not run; its growth says what it would need.

Example: .venv/bin/python bench/extract/run.py
Example: .venv/bin/python bench/extract/run.py --rows 100000 --rounds 1 --tables lineitem --only duckdb
Example: .venv/bin/python bench/extract/run.py --rows 3000000 --only ours --before HEAD~20
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "etl"), str(HERE)]

import contenders  # noqa: E402
import endpoint  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
import tables  # noqa: E402
from contenders import Contest, Interpreters  # noqa: E402
from measure import Failed, Measure, available_mib, measure  # noqa: E402
from report import Case  # noqa: E402

from workspace import environments  # noqa: E402
from workspace.environments import PythonEnvironment  # noqa: E402
from workspace.paths import ETL  # noqa: E402

MANY_ROWS = 6_000_000
"""From here on one round of a table is run: a run is long enough to be its own average."""
MEMORY_SHARE = 0.7
LIMIT_SECONDS = 3600.0
PEERS = PythonEnvironment("bench-peers", (HERE / "requirements-peers.txt",))
AIRFLOW = PythonEnvironment("bench-airflow", (HERE / "requirements-airflow.txt",))


@dataclass
class Bench:
    """One run of the command: what is asked, and what was found so far."""

    names: tuple[str, ...]
    rounds: int
    interpreters: Interpreters
    endpoint: endpoint.Endpoint
    directory: Path
    cases: list[Case] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def measure_engine(self, engine: str, sizes: list[int], chosen: list[str]) -> None:
        """Start a server of this engine, and measure the chosen tables, `lineitem` in growing sizes."""
        with _server(engine) as server:
            self.versions[engine] = _server_version(server)
            _say(server, tables.create_lineitem(engine))
            self._warm_up(server)
            there = 0
            for rows in sizes if "lineitem" in chosen else []:
                _tell(f"{engine}: filling lineitem to {rows:,} rows")
                _say(server, tables.add_lineitem(engine, there + 1, rows))
                there = rows
                self._measure(
                    server, Case(engine, f"{rows:,} rows", "lineitem", rows), first=rows == sizes[0]
                )
            if "heavy" in chosen:
                _say(server, tables.create_heavy(engine))
                title = f"{tables.HEAVY_ROWS:,} rows of 300 KB"
                self._measure(server, Case(engine, title, "heavy", tables.HEAVY_ROWS))
            if "wide" in chosen:
                _say(server, tables.create_wide(engine))
                title = f"{tables.WIDE_ROWS:,} rows of 1,500 columns"
                self._measure(server, Case(engine, title, "wide", tables.WIDE_ROWS))

    def _warm_up(self, server: servers.Server) -> None:
        """One run of everyone over the empty table: compiles what Python imports, and is not measured."""
        _tell(f"{server.engine}: warming up")
        case = Case(server.engine, "warming up", "lineitem", 1)
        for name in self.names:
            self._run_one(server, case, name)

    def _measure(self, server: servers.Server, case: Case, *, first: bool = False) -> None:
        rounds = self.rounds if case.rows < MANY_ROWS else 1
        for number in range(rounds):
            for name in self.names:
                if name in contenders.ONCE and (number or not first):
                    case.reasons[name] = "run once, over the smallest table"
                elif name not in case.reasons:
                    self._run_one(server, case, name)
        self.cases.append(case)
        sys.stdout.write(report.terminal(case, self.names))
        sys.stdout.flush()

    def _run_one(self, server: servers.Server, case: Case, name: str) -> None:
        if name == "adbc" and server.engine != "postgresql":
            case.reasons[name] = "has no MySQL driver on PyPI"
            return
        needed, free = self._expected_peak(case, name), available_mib() * MEMORY_SHARE
        if needed > free:
            case.reasons[name] = f"not run: would need {needed / 1024:,.0f} GiB"
            return
        contest = Contest(
            server=server, endpoint=self.endpoint, interpreters=self.interpreters, table=case.table
        )
        with tempfile.TemporaryDirectory(dir=self.directory) as made:
            command, variables = contest.command(name, Path(made))
            try:
                found, said = measure(
                    command,
                    variables,
                    Path(made),
                    server=server.running[-1].pid,
                    limit=LIMIT_SECONDS,
                    discard=name == contenders.FLOOR,
                )
            except Failed as reason:
                case.reasons[name] = str(reason)
                self.endpoint.take()
                _tell(f"  {name}: {reason}")
                return
        found = replace(self._attributed(name, found, said), bytes=self.endpoint.take())
        case.found.setdefault(name, []).append(found)
        _tell(f"  {case.engine}, {case.title}: {name} {found.cpu:.2f} CPU s, {found.peak:.0f} MiB")

    def _attributed(self, name: str, found: Measure, said: str) -> Measure:
        """A measure with the version that a peer printed, less the CPU that it need not answer for."""
        if name not in contenders.PEERS:
            return found
        last = json.loads(said.strip().splitlines()[-1])
        self.versions[last["package"]] = last["version"]
        version = f"{last['package']} {last['version']}"
        return replace(found, cpu=found.cpu - last["not_counted"], version=version)

    def _expected_peak(self, case: Case, name: str) -> float:
        """MiB by a straight line through the smaller sizes of the same table; 0 where nothing is known."""
        known = [
            (other.rows, peak)
            for other in self.cases
            if (other.engine, other.table) == (case.engine, case.table)
            and (peak := other.median(name, lambda measure: measure.peak)) is not None
        ]
        if not known:
            return 0.0
        (rows, peak), (before, before_peak) = known[-1], known[-2] if len(known) > 1 else (0, 60.0)
        return peak + (peak - before_peak) / (rows - before) * (case.rows - rows)


@contextlib.contextmanager
def _server(engine: str) -> Iterator[servers.Server]:
    start = servers.postgresql if engine == "postgresql" else servers.mariadb
    with (
        tempfile.TemporaryDirectory(prefix="bench-extract-", ignore_cleanup_errors=True) as directory,
        start(Path(directory)) as server,
    ):
        yield server


def _say(server: servers.Server, statements: list[str]) -> str:
    command, password = contenders.client(server)
    script = ";\n".join(statements) + ";\n"
    done = subprocess.run(
        command,
        input=script,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        env=dict(os.environ) | password,
    )
    return done.stdout


def _server_version(server: servers.Server) -> str:
    query = "show server_version" if server.engine == "postgresql" else "select version()"
    for line in _say(server, [query]).splitlines():
        if line.strip()[:1].isdigit():
            return line.split()[0]
    return "?"


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _build_native(etl: Path) -> None:
    build = [str(environments.ETL_PROCESS.python), "-m", "hybrid_etl.native.build"]
    subprocess.run(build, cwd=etl, check=True, stdout=subprocess.DEVNULL)


def _earlier(commit: str, directory: Path) -> Path:
    """The folder etl/ of a commit, with its own native decoder."""
    directory.mkdir()
    archive = subprocess.run(["git", "archive", commit, "etl"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x"], cwd=directory, input=archive.stdout, check=True)
    _build_native(directory / "etl")
    return directory / "etl"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="3000000,6000000,30000000", help="sizes of lineitem, ascending")
    parser.add_argument(
        "--rounds", type=int, default=3, help=f"rounds of tables below {MANY_ROWS:,} rows (default 3)"
    )
    parser.add_argument("--engines", default="postgresql,mariadb")
    parser.add_argument("--tables", default="lineitem,heavy,wide", help="of these three")
    parser.add_argument("--only", help=f"contenders, of: {', '.join(contenders.PEERS)}; ours always runs")
    parser.add_argument("--before", metavar="COMMIT", help="measure the engine of this commit as well")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="write the report as Markdown too")
    return parser.parse_args()


def main() -> int:
    """Measure and print; 1 when ours failed anywhere."""
    options = _options()
    names = contenders.ALL
    if options.only is not None:
        wanted = {contenders.OURS, *options.only.split(",")}
        names = tuple(name for name in contenders.ALL if name in wanted)
    if options.before:
        names = (contenders.OURS, contenders.BEFORE, contenders.OURS_CSV, contenders.BEFORE_CSV, *names[1:])
        names = tuple(dict.fromkeys(names))
    _tell("making the environments of the contenders")
    for environment in (environments.EMULATOR, environments.ETL_PROCESS, PEERS, AIRFLOW):
        environment.ensure()
    _build_native(ETL)
    interpreters = Interpreters(
        ours=environments.ETL_PROCESS.python, peers=PEERS.python, airflow=AIRFLOW.python
    )
    with tempfile.TemporaryDirectory(prefix="bench-extract-") as made:
        directory = Path(made)
        if options.before:
            interpreters = replace(interpreters, before=_earlier(options.before, directory / "earlier"))
        with endpoint.https(directory / "endpoint") as running:
            bench = Bench(names, options.rounds, interpreters, running, directory)
            bench.versions["python"] = platform.python_version()
            for engine in options.engines.split(","):
                sizes = sorted(int(size) for size in options.rows.split(","))
                bench.measure_engine(engine, sizes, options.tables.split(","))
    if options.write:
        command = " ".join(["bench/extract/run.py", *sys.argv[1:]])
        text = report.markdown(bench.cases, names, command=command, versions=bench.versions)
        options.write.write_text(text)
    return int(any(contenders.OURS in case.reasons for case in bench.cases))


if __name__ == "__main__":
    sys.exit(main())
