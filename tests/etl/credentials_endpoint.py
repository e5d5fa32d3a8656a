"""The endpoint from which a container in an ECS task gets its role's credentials, and gets them again."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Credentials:
    """`life` is how long each set is good for; `given` counts the sets."""

    life: timedelta
    given: int = 0
    address: str = ""


@contextlib.contextmanager
def credentials_endpoint(life: timedelta) -> Iterator[Credentials]:
    """Serve credentials of that life, each set with another key id."""
    credentials = Credentials(life)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, credentials))
    server.daemon_threads = True
    credentials.address = f"http://127.0.0.1:{server.server_port}/v2/credentials"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield credentials
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, credentials: Credentials, *arguments: Any) -> None:
        self._credentials = credentials
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._credentials.given += 1
        expiration = datetime.now(UTC) + self._credentials.life
        body = json.dumps(
            {
                "AccessKeyId": f"ASIA{self._credentials.given:016d}",
                "SecretAccessKey": "secret",
                "Token": "token",
                "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
