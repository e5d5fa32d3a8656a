"""The README's and the tutorial's commands, run as a reader would, and the demo's own promises."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from workspace.paths import ROOT

pytestmark = pytest.mark.e2e

HYBRID = str(ROOT / "bin" / "hybrid")


def hybrid(*arguments: str, directory: Path, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HYBRID, *arguments],
        env={**os.environ, "HYBRID_DEMO_DIRECTORY": str(directory)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def left_behind(directory: Path) -> list[list[str]]:
    """Command lines of processes that still belong to a demo."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(str(directory) in word for word in command):
            found.append(command)
    return found


def test_the_demo_lands_rows_stays_up_is_quick_again_and_goes_down(tmp_path: Path) -> None:
    # When the README's first command runs
    first = hybrid("demo", directory=tmp_path)

    # Then rows of both sites landed, and it says where Airflow is
    assert first.returncode == 0, first.stdout + first.stderr
    assert "customers-headquarters" in first.stdout
    assert "customers-regional" in first.stdout
    assert "Airflow: http://localhost:" in first.stdout

    # And it stays up
    status = json.loads(hybrid("demo", "status", "--json", directory=tmp_path).stdout)
    assert {entry["service"] for entry in status if entry["running"]} >= {"airflow", "emulator", "site"}
    assert "airflow.log" in hybrid("demo", "logs", "airflow", directory=tmp_path).stdout

    # And what landed can be asked in SQL, without another tool
    landed = json.loads(hybrid("lake", "ls", "--demo", "--json", directory=tmp_path).stdout)
    rows = sum(one["rows"] for one in landed["customers-regional"])
    asked = hybrid(
        "lake", "query", "select count(*) n from customers_regional", "--demo", "--json", directory=tmp_path
    )
    assert json.loads(asked.stdout) == [{"n": rows}], asked.stderr
    assert rows > 0

    # And a second one is quick and starts nothing anew
    start = time.monotonic()
    second = hybrid("demo", directory=tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    again = json.loads(hybrid("demo", "status", "--json", directory=tmp_path).stdout)
    assert again == status
    print(f"second demo: {time.monotonic() - start:.0f} s")

    # And it goes down without a remainder
    down = hybrid("demo", "down", "--purge", directory=tmp_path)
    assert "stopped airflow" in down.stdout
    assert left_behind(tmp_path) == []


def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    # Given a demo that has started the emulator and is going on
    running = subprocess.Popen(
        # Where the tests run in the background of a shell, interrupts are ignored from the start.
        ["env", "--default-signal=INT", HYBRID, "demo", "--mode", "process"],
        env={**os.environ, "HYBRID_DEMO_DIRECTORY": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "services" / "emulator.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)

    # When it is interrupted, and again and again until it has ended
    deadline = time.monotonic() + 120
    while running.poll() is None:
        assert time.monotonic() < deadline
        running.send_signal(signal.SIGINT)
        time.sleep(0.02)
    output, _ = running.communicate()

    # Then it says so, and nothing of it runs on
    assert running.returncode == 1
    assert "interrupted; everything was stopped" in output
    assert "Traceback" not in output
    assert left_behind(tmp_path) == []


def test_the_tutorial_runs_from_its_first_command_to_its_last(tmp_path: Path) -> None:
    # Given the tutorial's commands, in their order
    text = (ROOT / "docs" / "tutorial" / "README.md").read_text()
    blocks = [part.split("```")[0] for part in text.split("```sh\n")[1:]]
    script = "set -eu\n" + "\n".join(blocks)
    estate = ROOT / "my-estate.yaml"
    assert not estate.exists(), "the tutorial writes my-estate.yaml, and there is one"

    # When a reader runs them one after another
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env={**os.environ, "HYBRID_DEMO_DIRECTORY": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    finally:
        estate.unlink(missing_ok=True)

    # Then each succeeds, and the pipeline of the tutorial has landed
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warehouse/consenting-customers/interval=full/" in done.stdout
    assert left_behind(tmp_path) == []
