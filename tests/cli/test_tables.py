"""A table on terminals of 40, 80 and 200 columns: nothing is cut off, and ids can be copied."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from workspace.paths import ROOT

HOSTS = (
    ("site", "host", "state", "tasks", "free cpu", "free MiB", "last seen", "age", "agent", "ssm", "labels"),
    [
        (
            *("on-premises", "rack-1.acme.example", "connected", "2", "1536", "3072", "12 s"),
            *("3 d", "1.105.1", "Online", "rack=b2, disk=nvme"),
        ),
        (
            *("on-premises", "mi-0123456789abcdef0", "lost", "0", "2048", "4096", "2 h", "90 d", "1.105.1"),
            *("ConnectionLost", ""),
        ),
    ],
)
ROLES = (
    ("who", "may", "on", "if", "why"),
    [
        (
            "hybrid-acme-airflow",
            "ecs:RunTask",
            "ecs task-definition/hybrid-acme-headquarters:*, ecs task-definition/hybrid-acme-regional:*",
            "ecs:cluster is ecs cluster/hybrid-acme-on-premises",
            "A revision is new with every change.",
        )
    ],
)
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(table: object, *, columns: int, **environment: str) -> str:
    """What `terminal.result_table` writes to a terminal of that width."""
    code = f"from hybrid.cli import terminal\nterminal.result_table(*{table!r})"
    return written_to_a_terminal(code, columns=columns, **environment)


def written_to_a_terminal(code: str, *, columns: int, **environment: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:
        pass  # how Linux says that the other end of a terminal is closed
    os.close(ours)
    assert process.wait() == 0
    return "\n".join(line.rstrip() for line in written.decode().splitlines())


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("table", [HOSTS, ROLES], ids=["hosts", "roles"])
def test_a_table_on_a_terminal(
    snapshot: SnapshotAssertion, *, table: tuple[tuple[str, ...], list[tuple[str, ...]]], columns: int
) -> None:
    # When the table is written
    shown = _ESCAPE.sub("", on_a_terminal(table, columns=columns))

    # Then every word of it is there as a whole
    words = {word for row in table[1] for cell in row for word in cell.split()}
    assert words - set(shown.split()) == set()
    # And it looks like this
    assert shown == snapshot


def test_a_terminal_without_styles_gets_no_escape_sequence() -> None:
    assert "\x1b" not in on_a_terminal(HOSTS, columns=200, TERM="dumb")


def test_without_colours_there_is_no_colour() -> None:
    # Bold is no colour (no-color.org).
    assert "\x1b[3" not in on_a_terminal(HOSTS, columns=200, NO_COLOR="1")


def test_a_pipe_gets_a_line_for_each_row_with_tabs() -> None:
    code = f"from hybrid.cli import terminal\nterminal.result_table(*{ROLES!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [line.split("\t") for line in done.stdout.splitlines()] == [list(ROLES[0]), list(ROLES[1][0])]


def test_a_terminal_without_utf_8_gets_question_marks_and_no_traceback() -> None:
    code = "from hybrid.cli import terminal\nterminal.say('\\u2026')\nterminal.result('S\\xe3o')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONIOENCODING": "ascii",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "S?o\n"


LAKE = (
    ("pipeline", "intervals", "rows", "read until", "finished", "note"),
    [
        ("customers-headquarters", "1", "1,196", "", "2026-11-26 21:08:58", "日本語日本語"),
        ("customers-regional", "1,010", "1,169", "2026-11-26 00:00:00", "2026-11-26 21:08:59", "ü"),
    ],
)


def test_no_width_of_a_terminal_cuts_a_word() -> None:
    # Given one row, to which a table of each width is written
    code = (
        "import os\nfrom hybrid.cli import terminal\n"
        "for width in range(30, 131):\n"
        "    os.environ['COLUMNS'] = str(width)\n"
        f"    terminal.result_table(*{LAKE!r})\n"
        "    print('~~~', flush=True)"
    )

    shown = _ESCAPE.sub("", written_to_a_terminal(code, columns=80)).split("~~~")

    # Then each has every word, and no line is longer than the terminal
    words = {word for row in LAKE[1] for cell in row for word in cell.split()}
    for width, table in zip(range(30, 131), shown, strict=False):
        assert words - set(table.split()) == set(), width
        if not re.search(r"pipeline +customers", table):
            assert max(map(cell_len, table.splitlines())) <= width


def test_a_name_that_would_act_on_a_terminal_is_written_as_its_escape() -> None:
    # Given names that clear the screen, turn the line round, and break it
    names = ["a\x1b[2Jb", "c\u202ed", "e\u2028f"]
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from hybrid.cli import terminal; import json; "
        "names = json.loads(sys.argv[2]); terminal.result_table(['name'], [[n] for n in names]); "
        "[terminal.say(n) for n in names]; [terminal.result(n) for n in names]"
    )
    # When they are printed in each way
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), json.dumps(names)],
        capture_output=True,
        text=True,
        check=True,
    )
    # Then
    for text in (done.stdout, done.stderr):
        assert not any(one in text for one in "\x1b\u202e\u2028")
    assert "a\\x1b[2Jb" in done.stdout
    assert "c\\u202ed" in done.stderr
