"""What S3 refuses while a query reads is told in a sentence, without a traceback and without a secret."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pytest
from lake_questions import ask
from landing import land

_LIST = """<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes>
<Prefix>{prefix}</Prefix></CommonPrefixes></ListBucketResult>"""
_ERROR = """<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"""
_SECRET = "correct-horse-battery"


class _S3(ThreadingHTTPServer):
    """S3 as far as one interval of a lake, which refuses what is asked for at one of three places."""

    def __init__(self, root: Path, *, refuse: str, status: int, error: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.refuse, self.status, self.error = root, refuse, status, error


class _Handler(BaseHTTPRequestHandler):
    server: _S3

    def do_GET(self) -> None:
        place = "list" if "list-type" in self.path else "receipt" if "_manifest" in self.path else "file"
        if place == self.server.refuse:
            self._answer(self.server.status, self.server.error.encode())
            return
        if place == "list":
            (receipt,) = self.server.root.rglob("_manifest.json")
            prefix = receipt.parent.relative_to(self.server.root).as_posix() + "/"
            self._answer(200, _LIST.format(prefix=prefix).encode())
            return
        key = unquote(self.path.partition("?")[0]).removeprefix("/lake/")
        content = (self.server.root / key).read_bytes()
        self._answer(200, content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Thu, 26 Nov 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of its base
        pass


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", _SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    land(tmp_path, pa.RecordBatch.from_pydict({"id": pa.array([1], pa.int32())}))
    return tmp_path


def _served(server: _S3) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


_KMS = "User: arn:aws:iam::1:user/a is not authorized to perform: kms:Decrypt on this resource"


@pytest.mark.parametrize(
    ("place", "status", "code", "message", "exit_code", "says"),
    [
        ("list", 403, "AccessDenied", "Access Denied", 1, "access denied"),
        ("receipt", 403, "AccessDenied", _KMS, 1, "kms:Decrypt"),
        ("file", 403, "AccessDenied", _KMS, 1, "kms:Decrypt"),
        ("file", 400, "ExpiredToken", "It has expired.", 2, "the credentials have expired; sign in again"),
        ("list", 403, "InvalidAccessKeyId", "The key does not exist", 2, "AWS knows no such keys"),
        ("receipt", 403, "RequestTimeTooSkewed", "Too large", 2, "clock is wrong"),
        ("list", 404, "NoSuchBucket", "It does not exist", 1, "there is no bucket"),
        ("file", 404, "NoSuchBucket", "It does not exist", 1, "there is no bucket"),
    ],
)
def test_a_refusal_is_a_sentence(
    landed: Path,
    credentials: None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    place: str,
    status: int,
    code: str,
    message: str,
    exit_code: int,
    says: str,
) -> None:
    error = _ERROR.format(code=code, message=message)
    for port in _served(_S3(landed, refuse=place, status=status, error=error)):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        where = {"bucket": "lake", "region": "eu-west-1", "profile": None}
        found = ask(landed, "select sum(id) from orders", place=where)
    assert found.rows == []
    assert says in found.error, found.error
    assert found.code == exit_code
    assert found.error.startswith("could not read the")
    assert _SECRET not in found.error
