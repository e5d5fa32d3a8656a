"""What an ordinary user may not do, and root may: to look into a process that hides itself."""

from __future__ import annotations

import subprocess
import sys

from workspace.paths import ROOT

#: Becomes `nobody` where it is root; its child holds a port and hides, as Airflow's process of a task does.
_PROGRAM = """
import ctypes, os, socket, time
import psutil
from sandbox.services.listening import ports_of
PR_SET_DUMPABLE = 4
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    held = socket.create_server(("127.0.0.1", 0))
    os.write(writing, b"ready")
    time.sleep(60)
    os._exit(0)
try:
    os.read(reading, 5)
    seen = socket.create_server(("127.0.0.1", 0))
    print(ports_of([psutil.Process(child), psutil.Process()]) == {seen.getsockname()[1]})
finally:
    os.kill(child, 9)
"""


def test_a_process_that_hides_itself_is_passed_over() -> None:
    # When an ordinary user asks who of their processes listens, and one of them only root may look into
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    # Then the others are found
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"
