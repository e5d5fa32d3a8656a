"""What is mutated, and the tests that are to see it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from workspace.environments import AIRFLOW, ETL_PROCESS, ensure_development
from workspace.paths import ROOT

#: What needs no server and no seconds, as in `bin/hybrid test --fast`.
QUICK = "not containers and not servers and not e2e and not slow"
#: The others that a machine without Docker runs.
THOROUGH = "(servers or slow) and not containers and not e2e"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Sources and their tests.

    Attributes:
        sources: folder of the clone.
        tests: folder of the clone; its quick tests are run over every mutant.
        python: interpreter with the part's packages.
        ensure: makes the environment of `python` where it is missing or out of date.
        nearest: pattern of a path below `sources` → names of the test files that are run first, and that a
            mutant that is left meets with servers; those of all patterns that fit. `FOLDER/NAME` is one of
            another folder of tests.
        first: pattern of a path below `sources` → pytest's expression (`-k`) of the tests with servers that
            cost least and see most; they run before the others of the nearest.
        left_out: patterns of sources that no test here can judge.
        left_out_tests: files of `tests` that are about other sources.
        environment: variables of the tests.
    """

    name: str
    sources: str
    tests: str
    python: Path
    ensure: Callable[[], object]
    nearest: Mapping[str, tuple[str, ...]]
    first: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    left_out_tests: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def files(self, root: Path = ROOT) -> list[str]:
        """The sources, as paths in the clone or a copy of it."""
        found = (path.relative_to(root).as_posix() for path in sorted((root / self.sources).rglob("*.py")))
        return [name for name in found if not any(fnmatch(name, pattern) for pattern in self.left_out)]

    def nearest_to(self, file: str) -> list[str]:
        """Test files that are near to a source, as paths in the clone."""
        found = [tests for pattern, tests in self.nearest.items() if fnmatch(self._below(file), pattern)]
        # The later a pattern, the nearer.
        names = dict.fromkeys(name for tests in reversed(found) for name in tests)
        folders = {name: f"tests/{folder}" for name in names if (folder := name.rpartition("/")[0])}
        return [f"{folders.get(name, self.tests)}/test_{name.rpartition('/')[2]}.py" for name in names]

    def first_of(self, file: str) -> str | None:
        """The expression of the tests with servers that run first; None where all run at once."""
        return next(
            (only for pattern, only in self.first.items() if fnmatch(self._below(file), pattern)), None
        )

    def _below(self, file: str) -> str:
        return Path(file).relative_to(self.sources).as_posix()


_ETL = {
    "*": ("without_servers", "sentences_without_servers", "contract", "run_writes_a_manifest"),
    "readers/postgresql/*": ("types_postgresql", "csv_passthrough", "wide_and_computed_decimals"),
    "readers/mysql/*": ("types_mysql", "parameters_of_mysql", "wide_and_computed_decimals"),
    "readers/postgresql/values.py": ("values_of_postgresql",),
    "readers/mysql/types.py": ("words_of_mysql", "computed_bits"),
    "readers/*/copy.py": ("counts_are_held_against_each_other",),
    "readers/*/encoding.py": ("encodings", "text_of_sql_ascii"),
    "readers/*/protocol.py": ("counts_are_held_against_each_other",),
    "readers/*/describe.py": ("look_before_running", "parameters_in_the_select_list", "row_level_security"),
    "readers/postgresql/native.py": ("native_not_available",),
    "readers/*/errors.py": ("errors_have_kinds", "connecting"),
    "readers/*/interval.py": ("incremental_columns", "ends_of_the_calendar"),
    "readers/*/parameters.py": ("parameters_in_the_select_list", "long_lists"),
    "readers/*/reader.py": (
        "failures_leave_nothing_visible",
        "look_before_running",
        "row_level_security",
        "pooler",
        "encrypted_connections",
    ),
    "readers/*/settling.py": ("settling", "tables_changed_meanwhile", "row_level_security"),
    "readers/connecting.py": ("errors_have_kinds", "connecting"),
    "readers/error_kinds.py": ("errors_have_kinds", "connecting"),
    "readers/retry.py": ("errors_have_kinds", "connecting"),
    "readers/source_lock.py": ("source_lock", "pooler"),
    "engines/*": ("contract", "look_before_running", "connecting", "parameters_of_mysql"),
    "writers/*": ("types_in_each_format", "files_roll_and_split", "csv_of_one_column", "lean_parquet"),
    "writers/partition_paths.py": ("partition_paths",),
    "writers/passthrough.py": ("csv_passthrough",),
    "sinks/file.py": ("reconcile",),
    "sinks/*": ("data_files_are_written_once", "failures_leave_nothing_visible", "files_roll_and_split"),
    "aws.py": ("aws_client", "failures_leave_nothing_visible", "errors_have_kinds"),
    "column*.py": ("column_names", "drift"),
    "cli.py": ("errors_have_kinds", "look_before_running", "reconcile"),
    "commit.py": ("parts_and_their_commit",),
    "drift.py": ("drift",),
    "expectation*": ("expectations_are_checked", "expectations"),
    "incremental.py": ("incremental_columns", "ends_of_the_calendar"),
    "interval.py": ("incremental_columns", "ends_of_the_calendar"),
    "kept.py": ("drift", "data_files_are_written_once"),
    "landed.py": ("data_files_are_written_once",),
    "masks.py": ("masks", "drift"),
    "memory.py": ("long_values",),
    "partitions.py": ("partition_paths", "parts_and_their_commit"),
    "previous.py": ("drift", "data_files_are_written_once"),
    "query*.py": ("query_text", "parameters_in_the_select_list", "parameters_of_mysql"),
    "reconcile.py": ("reconcile",),
    "room.py": ("room", "long_values"),
    "run.py": ("errors_have_kinds", "drift", "settling", "data_files_are_written_once"),
    "secret.py": ("connecting", "encrypted_connections"),
    "settling.py": ("settling", "tables_changed_meanwhile"),
}

_DAGS = {
    "*": ("run_pipeline", "promises", "parts_and_commit", "run_intervals", "site_gate", "deadline_alert"),
    "*/factory.py": ("dag_factory",),
    "*/interval.py": ("run_intervals",),
    "*/logs.py": ("log_lines", "log_reading"),
    "*/manifest.py": ("manifest_reading", "dag_factory"),
    "*/overlap.py": ("overlap",),
    "*/poller.py": ("poller_batches",),
    "*/pools.py": ("site_pools",),
    "*/timetables.py": ("run_intervals", "promises"),
    "*/triggers.py": ("trigger_settles", "unseen_containers"),
    "*/describe.py": ("run_survives_kills",),
    "*/launch.py": ("run_survives_kills",),
    "*/operators.py": ("run_survives_kills",),
    "*/watch.py": ("unseen_containers",),
}

_FLEET = {
    "*": ("activate", "faults", "hosts"),
    "activating.py": ("secrets_stay_secret", "rollout"),
    "activation_options.py": ("activate",),
    "aws_errors.py": ("cli/aws_configuration", "faults"),
    "bare_emulator.py": ("emulator_or_another",),
    "client.py": ("cli/aws_configuration", "rollout", "image_push"),
    "concurrency.py": ("rollout",),
    "destinations.py": ("code_file", "activate", "secrets_stay_secret"),
    "diagnosis.py": ("diagnosis", "hosts"),
    "hardening.py": ("secrets_stay_secret",),
    "host_kit/*": ("host_kit",),
    "host_kit/page.py": ("docs/api_reference",),
    "hosts.py": ("hosts",),
    "journal.py": ("rollout",),
    "maintenance.py": ("hosts",),
    "overview.py": ("activate", "rollout"),
    "source_*": ("source_secrets", "secrets_stay_secret"),
    "watching.py": ("hosts",),
}


def _without(*engines: str) -> str:
    """Not the tests whose parameters name these engines."""
    return " and ".join(f"not {before}{engine}" for engine in engines for before in "[-")


PARTS = (
    Part(
        name="etl",
        sources="etl/hybrid_etl",
        tests="tests/etl",
        python=ETL_PROCESS.python,
        ensure=ETL_PROCESS.ensure,
        nearest=_ETL,
        # A server of PostgreSQL is there in a second, MySQL's takes ten.
        first={"readers/mysql/*": _without("postgresql"), "*": _without("mysql", "mariadb")},
        # They are about hybrid/lake.
        left_out_tests=tuple(
            f"tests/etl/test_{name}.py"
            for name in ("lake_query", "lake_query_of_databases", "lake_query_refused", "sweep_of_the_lake")
        ),
    ),
    Part(
        name="dags",
        sources="dags/plugin",
        tests="tests/dags",
        python=AIRFLOW.python,
        ensure=AIRFLOW.ensure,
        environment={"AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        nearest=_DAGS,
    ),
    Part(
        name="fleet",
        sources="hybrid/fleet",
        tests="tests/fleet",
        python=Path(sys.executable),
        ensure=ensure_development,
        nearest=_FLEET,
        # Playbooks and units: machines in containers run them.
        left_out=("hybrid/fleet/host_kit/ansible/*",),
    ),
)
