"""As much of S3 as one run needs, on disk: uploads in parts, each part appended to its file as it arrives.

The embedded AWS of the tests holds objects in memory, which tens of gigabytes would fill.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_BLOCK = 1 << 20


@contextlib.contextmanager
def disk_store(directory: Path) -> Iterator[str]:
    """Serve `directory/BUCKET/KEY`; gives the endpoint's URL. Parts come in their order, as ours do."""

    class Handler(_Handler):
        root = directory

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self._take(None)
        path, query = self._asked()
        unfinished = path.with_name(f".{path.name}.unfinished")
        if "uploads" in query:
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            unfinished.touch()
            self._answer(
                "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            )
        else:
            unfinished.replace(path)
            self._answer("<CompleteMultipartUploadResult/>")

    def do_PUT(self) -> None:
        path, query = self._asked()
        if "partNumber" in query:
            path = path.with_name(f".{path.name}.unfinished")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if "partNumber" in query else "wb") as file:
            self._answer("", etag=self._take(file))

    def do_DELETE(self) -> None:
        path, _ = self._asked()
        path.with_name(f".{path.name}.unfinished").unlink(missing_ok=True)
        self._answer("")

    def _asked(self) -> tuple[Path, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        return self.root / unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True)

    def _take(self, file: Any) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            block = self.rfile.read(min(left, _BLOCK))
            left -= len(block)
            digest.update(block)
            if file:
                file.write(block)
        return digest.hexdigest()

    def _answer(self, text: str, *, etag: str | None = None) -> None:
        self.send_response_only(200)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
