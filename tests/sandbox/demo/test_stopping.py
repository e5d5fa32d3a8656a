"""However often and whenever Ctrl-C comes: what is said is true, and nobody sees a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.services.supervisor import Services
from workspace.paths import ROOT

_PROGRAM = """
import os, sys, time
from pathlib import Path
from sandbox.demo import run
from sandbox.services.supervisor import Services

services = Services(Path(sys.argv[1]))
slow = "import signal, time; signal.signal(15, lambda *_: (time.sleep(1), exit())); time.sleep(60)"
try:
    with run.nothing_left_behind(services, keep=True, say=lambda text: print(text, flush=True)):
        for name in ("airflow", "site", "emulator"):
            services.start(
                name, [sys.executable, "-c", slow], environment=os.environ, ready=lambda: True, timeout=5
            )
        time.sleep(0.5)
        print("up", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("left:", *services.names(), flush=True)
"""


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_stop_the_stopping(tmp_path: Path, second: signal.Signals) -> None:
    # Given services that take their time to end
    running = subprocess.Popen(
        ["env", "--default-signal=INT,HUP", sys.executable, "-c", _PROGRAM, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "up\n"
    services = Services(tmp_path)
    processes = [services.process(name) for name in services.names()]
    assert len(processes) == 3

    # When Ctrl-C comes, and 0.6 s later another signal
    running.send_signal(signal.SIGINT)
    time.sleep(0.6)
    running.send_signal(second)
    output, _ = running.communicate(timeout=60)

    # Then all of them are stopped all the same, and it is said that it goes on
    assert "stopping what runs" in output
    assert output.endswith("left:\n")
    assert "Traceback" not in output
    assert not any(process.is_running() for process in processes if process is not None)


@pytest.mark.parametrize("seconds", [0.15, 0.5])
def test_an_interrupt_while_the_command_starts_shows_no_traceback(tmp_path: Path, seconds: float) -> None:
    # The path of the estate keeps the command from ever starting a service.
    running = subprocess.Popen(
        [
            *("env", "--default-signal=INT", sys.executable, "-m", "hybrid", "demo", "--estate", "/dev/null"),
            *("--directory", str(tmp_path)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=60)

    assert "Traceback" not in output
    assert running.returncode != 0


def test_one_command_at_a_time_works_on_a_directory(tmp_path: Path) -> None:
    # Given a command that works on a demo
    program = (
        "import sys, time; from pathlib import Path; from sandbox.demo import lock\n"
        "with lock.held(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    # When others come
    try:
        for words in (["demo"], ["demo", "down", "--purge"]):
            done = subprocess.run(
                [sys.executable, "-m", "hybrid", *words, "--directory", str(tmp_path)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

            # Then each is told which process to wait for
            assert done.returncode == 2
            assert f"another command (process {holder.pid}) works on the demo in {tmp_path}" in done.stderr
            assert tmp_path.exists()
    finally:
        holder.kill()
        holder.communicate()

    # And the lock is gone with its holder, even a killed one
    done = subprocess.run(
        [sys.executable, "-m", "hybrid", "demo", "down", "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "nothing was running\n")
