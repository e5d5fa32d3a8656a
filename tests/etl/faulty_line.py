"""The line between the container and S3, which loses, refuses, cuts and stalls what it is told to."""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, list[tuple[str, str]], bytes]
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a fault is chosen by: the operation of S3, as far as these tests tell them apart."""

    method: str
    target: str

    @property
    def operation(self) -> str:
        if "uploadId=" in self.target:
            named = {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "PUT": "UploadPart"}
            return named.get(self.method, "ListParts")
        if self.method == "POST" and "uploads" in self.target:
            return "CreateMultipartUpload"
        return {"PUT": "PutObject", "GET": "GetObject"}.get(self.method, self.method)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """After `wait` seconds: forwarded or not, then answered with `status`, or not at all."""

    wait: float = 0
    forward: bool = False
    status: int | None = None
    code: str = "SlowDown"


LOSE_ANSWER = Fault(forward=True)
CUT = Fault()


@dataclass
class Line:
    """A reverse proxy in front of S3. `choose` is asked for every request; None means no fault."""

    upstream: str
    choose: Callable[[Request], Fault | None] = lambda _: None
    seen: list[str] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)
    address: str = ""

    def script(self, operation: str, *faults: Fault) -> None:
        """The first requests of an operation meet these faults, one after another."""
        waiting = list(faults)
        lock = threading.Lock()

        def choose(request: Request) -> Fault | None:
            with lock:
                return waiting.pop(0) if waiting and request.operation == operation else None

        self.choose = choose


@contextlib.contextmanager
def faulty_line(upstream: str) -> Iterator[Line]:
    """A line to `upstream` (an http URL), with no fault until one is chosen."""
    line = Line(upstream)
    server = _Server(("127.0.0.1", 0), functools.partial(_Handler, line))
    line.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed has cut its connection: nothing to say."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of the container."""

    protocol_version = "HTTP/1.1"

    def __init__(self, line: Line, *arguments: Any) -> None:
        self._line = line
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(method=self.command, target=self.path)
        self._line.seen.append(request.operation)
        signature = self.headers.get("Authorization") or ""
        self._line.signed_by.append(signature.partition("Credential=")[2].partition("/")[0])
        fault = self._line.choose(request)
        if fault:
            time.sleep(fault.wait)
        answer = self._forward(body) if fault is None or fault.forward else None
        if fault and fault.status is not None:
            text = f"<Error><Code>{fault.code}</Code><Message>as asked for</Message></Error>"
            answer = fault.status, [("Content-Type", "application/xml")], text.encode()
        if answer and (fault is None or fault.status is not None):
            self._answer(*answer)
        else:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _forward(self, body: bytes) -> Answer:
        place = urlsplit(self._line.upstream)
        connection = http.client.HTTPConnection(str(place.hostname), place.port or 80, timeout=120)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body=body, headers=headers)
            found = connection.getresponse()
            kept = [(name, value) for name, value in found.getheaders() if name.lower() not in _HOP]
            return found.status, kept, found.read()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            for name, value in [*headers, ("Content-Length", str(len(content)))]:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - names of http.server
