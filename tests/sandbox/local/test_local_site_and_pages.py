"""What switches faults on at the local site listens to programs, and to no page in a browser."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.endpoint import Endpoint

_FAULT = json.dumps({"operation": "RunTask", "code": "ThrottlingException", "message": "", "status": 400})


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    made = Endpoint(
        port=0,
        state_file=tmp_path / "site.json",
        emulator_url="http://127.0.0.1:9",
        region="eu-west-1",
        silence=60,
    )
    yield made
    made.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://elsewhere.example", "Content-Type": "text/plain"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "localhost:1"}, 200),
    ],
    ids=["a program", "a page", "a page of a file", "a name that leads here", "this machine's name"],
)
def test_a_page_in_a_browser_sets_no_fault(endpoint: Endpoint, headers: dict[str, str], status: int) -> None:
    connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)
    connection.request("POST", "/_site/faults", _FAULT, headers)
    assert connection.getresponse().status == status
