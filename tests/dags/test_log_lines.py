"""What a container prints, as lines of the Airflow log."""

from __future__ import annotations

import json
import logging
import socket

import boto3
import pytest
from botocore.config import Config

from hybrid_airflow.logs import LogReader, read_line


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


def test_a_log_that_cannot_be_reached_is_no_error_and_its_trouble_is_named() -> None:
    # Given an address where nothing listens
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        client = boto3.client(
            "logs",
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        reader = LogReader(client, group="site", stream="etl/task")

        # Then a look finds no lines, and says why
        assert reader.follow() == []
        assert reader.trouble == "EndpointConnectionError"
        assert reader.last_lines() == []
