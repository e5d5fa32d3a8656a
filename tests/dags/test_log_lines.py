"""What a container prints, as lines of the Airflow log."""

from __future__ import annotations

import json
import logging

import pytest

from hybrid_airflow.logs import read_line


@pytest.mark.parametrize(
    ("level", "found"),
    [
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("warning", logging.WARNING),
        ("ERROR", logging.ERROR),
        ("critical", logging.CRITICAL),
        ("notice", logging.INFO),
    ],
)
def test_a_level_is_the_one_of_python_s_logging(level: str, found: int) -> None:
    line = read_line(json.dumps({"time": "2026-11-01T00:00:00Z", "level": level, "message": "Reading."}))

    assert (line.level, line.text) == (found, "Reading.")


def test_fields_follow_the_message_but_for_those_without_a_value() -> None:
    line = read_line(
        json.dumps({"level": "info", "message": "Read.", "rows": 0, "column": None, "table": "t"})
    )

    assert line.text == "Read. (rows=0 table=t)"


@pytest.mark.parametrize("raw", ["Segmentation fault\n", "[1, 2]", '{"level": "error"}', "{"])
def test_any_other_text_is_a_line_as_it_is(raw: str) -> None:
    line = read_line(raw)

    assert (line.level, line.text) == (logging.INFO, raw.rstrip())
