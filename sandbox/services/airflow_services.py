"""Scheduler, DAG processor, API server and triggerer in one, as `airflow standalone` starts them.

Run by path with the interpreter of Airflow's environment; it imports nothing of Airflow. Other than there:

- No log servers. Those of scheduler and triggerer listen on every address of the machine, which no setting
  changes (airflow/utils/serve_logs/core.py, `host=""`). The API server reads the same files.
- The tables are made, or brought to this version, only where they are not of it. To look takes Airflow
  seconds at each start, before anything else begins.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

#: Service → its command.
COMMANDS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}

_WIDTH = 10


def main() -> int:
    """Start the services and copy what they write, until the last one has ended; returns an exit code.

    SIGTERM reaches the services themselves, which are of this process's group.
    """
    if code := _tables():
        return code
    stopping = Event()
    # This process stays: what they write as they end is read, or the scheduler would not end.
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    processes = {
        name: subprocess.Popen(["airflow", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name, command in COMMANDS.items()
    }
    readers = {name: Thread(target=_copy, args=(name, process.stdout)) for name, process in processes.items()}
    for reader in readers.values():
        reader.start()
    for name, reader in readers.items():
        if name != "triggerer":
            reader.join()
    if stopping.is_set():
        # Its own process, which has the triggers, has ended with the signal; it waits ten seconds for it.
        processes["triggerer"].kill()
    readers["triggerer"].join()
    for name, process in processes.items():
        _say(name, f"ended with {process.wait()}")
    return 0 if stopping.is_set() else 1


def _copy(name: str, output: IO[bytes]) -> None:
    for line in output:
        _say(name, line.decode(errors="replace").strip())


def _say(name: str, line: str) -> None:
    sys.stdout.write(f"{name:{_WIDTH}} | {line}\n")
    sys.stdout.flush()


def _tables() -> int:
    """Make the tables of this version where they are not; the exit code of what does it."""
    mark = Path(os.environ["AIRFLOW_HOME"]) / "tables"
    if mark.is_file() and mark.read_text(encoding="utf-8") == _found():
        return 0
    _say("tables", "making those of this version")
    code = subprocess.run(["airflow", "db", "migrate"], check=False).returncode
    if code == 0:
        mark.write_text(_found(), encoding="utf-8")
    return code


def _found() -> str:
    """This version of Airflow and the revision of the tables that are there."""
    psycopg2: Any = importlib.import_module("psycopg2")
    # Without the driver's name, which is SQLAlchemy's.
    address = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
    connection = psycopg2.connect(address)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select to_regclass('alembic_version')")
            if cursor.fetchone() == (None,):
                return "none"
            cursor.execute("select version_num from alembic_version")
            return f"{version('apache-airflow')} {sorted(cursor.fetchall())}"
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
