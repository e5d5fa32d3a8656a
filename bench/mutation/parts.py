"""What is mutated, and the tests that are to see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from workspace.environments import AIRFLOW, ETL_PROCESS
from workspace.paths import ROOT

#: What needs no server and no seconds, as in `bin/hybrid test --fast`.
QUICK = "not containers and not servers and not e2e and not slow"
#: The others that one machine can run without Docker.
THOROUGH = "(servers or slow) and not containers and not e2e"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Sources and their tests.

    Attributes:
        sources: folder of the clone.
        tests: folder of the clone; its quick tests are run over every mutant.
        python: interpreter with the part's packages.
        nearest: pattern of a path below `sources` → names of the test files that what is left is shown to, by
            all patterns that fit.
        left_out: patterns of files that no test could judge.
    """

    name: str
    sources: str
    tests: str
    python: Path
    nearest: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def files(self) -> list[str]:
        """The sources, as paths in the clone."""
        found = (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / self.sources).rglob("*.py")))
        return [name for name in found if not any(fnmatch(name, pattern) for pattern in self.left_out)]

    def nearest_to(self, file: str) -> list[str]:
        """Test files that are near to a source, as paths in the clone."""
        below = Path(file).relative_to(self.sources).as_posix()
        names = dict.fromkeys(
            name for pattern, tests in self.nearest.items() if fnmatch(below, pattern) for name in tests
        )
        return [f"{self.tests}/test_{name}.py" for name in names]


_OF_BOTH = ("counts_are_held_against_each_other", "errors_have_kinds", "look_before_running", "connecting")
_INTERVALS = ("incremental_columns", "boundaries_of_the_window", "settling", "concurrent_writers")
_FILES = (
    "types_in_each_format",
    "files_roll_and_split",
    "round_trips",
    "csv_of_one_column",
    "ends_of_the_calendar",
)

PARTS = (
    Part(
        name="etl",
        sources="etl/hybrid_etl",
        tests="tests/etl",
        python=ETL_PROCESS.python,
        nearest={
            "*": ("run_writes_a_manifest", "contract", "failures_leave_nothing_visible"),
            "readers/*": (*_OF_BOTH, "types_by_reader", "pooler", "encrypted_connections", "source_lock"),
            "readers/postgresql/*": (
                *("types_postgresql", "every_builtin_type", "csv_passthrough", "text_of_sql_ascii"),
                *("row_level_security", "wide_and_computed_decimals", "settling", "encodings"),
            ),
            "readers/mysql/*": (
                *("types_mysql", "computed_bits", "parameters_of_mysql", "settling", "encodings"),
                *("boundaries_of_buffers", "wide_and_computed_decimals", "parameters_in_the_select_list"),
            ),
            "engines/*": ("parameters_in_the_select_list", "look_before_running"),
            "writers/*": (*_FILES, "csv_passthrough", "lean_parquet", "partition_paths"),
            "sinks/*": (
                "data_files_are_written_once",
                "failures_leave_nothing_visible",
                "parts_and_their_commit",
            ),
            "expectations/*": ("expectations", "expectations_are_checked"),
            "expectation_results.py": ("expectations", "expectations_are_checked"),
            "commit.py": ("parts_and_their_commit", "failures_leave_nothing_visible"),
            "reconcile.py": ("reconcile",),
            "drift.py": ("drift",),
            "previous.py": ("drift", "data_files_are_written_once"),
            "kept.py": ("drift", "data_files_are_written_once"),
            "landed.py": ("data_files_are_written_once",),
            "masks.py": ("masks", "drift"),
            "column*.py": ("column_names", "drift"),
            "incremental.py": _INTERVALS,
            "interval.py": _INTERVALS,
            "settling.py": _INTERVALS,
            "query*.py": ("query_text", "parameters_in_the_select_list", "parameters_of_mysql"),
            "partition*.py": ("partition_paths", "files_roll_and_split"),
            "refusals.py": ("types_postgresql", "types_mysql"),
            "room.py": ("long_values", "long_lists"),
            "memory.py": ("long_values", "long_lists"),
            "native/*": ("native_decoders_hold_damage", "types_postgresql", "types_mysql"),
            "run.py": ("errors_have_kinds", "drift", "incremental_columns", "source_lock"),
            "cli.py": ("errors_have_kinds", "look_before_running", "reconcile"),
        },
    ),
    Part(
        name="dags",
        sources="dags/plugin",
        tests="tests/dags",
        python=AIRFLOW.python,
        environment={"AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        nearest={
            "*": (
                *(
                    "run_pipeline",
                    "promises",
                    "log_reading",
                    "parts_and_commit",
                    "trigger_settles",
                    "overlap",
                ),
                *("poller_batches", "run_intervals", "site_gate", "deadline_alert", "manifest_reading"),
            ),
        },
    ),
    Part(
        name="fleet",
        sources="hybrid/fleet",
        tests="tests/fleet",
        python=ROOT / ".venv" / "bin" / "python",
        nearest={
            "*": (
                "activate",
                "hosts",
                "faults",
                "rollout",
                "source_secrets",
                "secrets_stay_secret",
                "host_kit",
            )
        },
        # Playbooks and units: the machines of tests/fleet/machine run them.
        left_out=("hybrid/fleet/host_kit/ansible/*",),
    ),
)
