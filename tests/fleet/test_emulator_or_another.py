"""Whether it is the demo's emulator that answers on a port of this machine, or something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from hybrid.fleet.bare_emulator import is_bare_emulator, is_emulator


@contextmanager
def _answering(status: int, body: object) -> Iterator[str]:
    """A server that answers every path alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Nothing: the test's output stays its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"services": {}}, True),
        (200, ["services"], False),
        (200, b"<html>", False),
        (404, {"message": "no such page"}, False),
        (500, {"services": {}}, False),
    ],
)
def test_an_emulator_answers_with_200_and_an_object(status: int, body: object, expected: bool) -> None:
    with _answering(status, body) as url:
        assert is_emulator(url) is expected
        # What answers the local site's path too is behind it.
        assert not is_bare_emulator(url)
