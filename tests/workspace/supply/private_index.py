"""An index of Python packages and of npm behind a private authority, as companies have it, on the loopback.

Servers of the standard library and certificates of openssl's; one handler is the index, a second one the
company's proxy, which asks for a password, inspects TLS and signs with the same authority.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import ssl
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from workspace.paths import ROOT

Machine = Callable[..., "subprocess.CompletedProcess[str]"]

_LOCK = (ROOT / "requirements.txt").read_text().splitlines()
#: The version of uv that is pinned.
UV_VERSION = next(line.split()[0].partition("==")[2] for line in _LOCK if line.startswith("uv=="))

#: A name that no resolver knows: only the proxy does.
HOST = "packages.example"

_KEY = ("-newkey", "rsa:2048", "-nodes")


@dataclass(frozen=True)
class Authority:
    """A certification authority of a company's own."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """What a client has to trust."""
        return self.directory / "company-ca.pem"

    def context(self, *names: str) -> ssl.SSLContext:
        """What a server with these names shows."""
        key, request, signed = (self.directory / f"{names[0]}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.directory / f"{names[0]}.ext"
        extensions.write_text(f"subjectAltName={','.join(names)}\n")
        _openssl("req", *_KEY, "-keyout", key, "-out", request, "-subj", "/CN=a server")
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.directory / "ca.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", signed),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        return context


def make_authority(directory: Path) -> Authority:
    """Make one, whose name is `Acme Inspection`."""
    made = Authority(directory)
    _openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/O=Acme/CN=Acme Inspection",
        ),
        *("-keyout", directory / "ca.key", "-out", made.certificate),
    )
    return made


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def wheel(name: str, version: str, *, files: Mapping[str, str]) -> bytes:
    """A wheel with these files, each executable."""
    info = f"{name}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    everything = {**files, **metadata}
    everything[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*everything, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in everything.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
    return packed.getvalue()


def tiny() -> bytes:
    """The package `tiny` of version 1.0."""
    return wheel("tiny", "1.0", files={"tiny.py": "VALUE = 1\n"})


def uv_that_calls(program: Path) -> bytes:
    """A package of uv's name and version, which calls the one that is installed: itself, it is too large."""
    script = f'#!/bin/sh\nexec "{program}" "$@"\n'
    return wheel("uv", UV_VERSION, files={f"uv-{UV_VERSION}.data/scripts/uv": script})


def locked(name: str, version: str, content: bytes) -> str:
    """The lines of a lock file for one package."""
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"


def npm_archive() -> bytes:
    """An npm package `tiny` of version 1.0.0."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        content = json.dumps({"name": "tiny", "version": "1.0.0"}).encode()
        member = tarfile.TarInfo("package/package.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@dataclass
class Index:
    """A running index.

    Attributes:
        url: of its simple index, without credentials.
        packages: name of a wheel's file → its bytes; may be changed while it runs.
        password: that user `reader` has to give; None: everybody may read.
        asked: paths that were asked for.
    """

    url: str
    packages: dict[str, bytes]
    password: str | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def npm(self) -> str:
        """Its npm registry."""
        return self.url.replace("/simple", "/npm/")

    def with_credentials(self, password: str) -> str:
        """Its address with a user and a password, as people write it into PIP_INDEX_URL."""
        return self.url.replace("://", f"://reader:{password}@")


class _Index(BaseHTTPRequestHandler):
    def __init__(self, *args: Any, index: Index) -> None:
        self.index = index
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.index.asked.append(self.path)
        if self.index.password is not None and not self._knows(self.index.password):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        part = self.path.strip("/").split("/")
        if part[0] == "simple":
            self._page("".join(self._links(part[-1])).encode(), "text/html")
        elif part[-1] in self.index.packages:
            self._page(self.index.packages[part[-1]], "application/octet-stream")
        elif self.path == "/npm/tiny":
            self._page(json.dumps(self._npm()).encode(), "application/json")
        else:
            self.send_error(404)

    def _knows(self, password: str) -> bool:
        return self.headers.get("Authorization") == _basic("reader", password)

    def _links(self, name: str) -> Iterator[str]:
        for file, content in self.index.packages.items():
            if file.startswith(f"{name}-"):
                yield f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>\n'

    def _npm(self) -> dict[str, object]:
        content = npm_archive()
        self.index.packages["tiny-1.0.0.tgz"] = content
        integrity = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
        address = f"{self.index.npm}tiny-1.0.0.tgz"
        version = {"name": "tiny", "version": "1.0.0", "dist": {"tarball": address, "integrity": integrity}}
        return {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}

    def _page(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def running(authority: Authority, packages: dict[str, bytes]) -> Iterator[Index]:
    """An index on the loopback that shows a certificate of the authority."""
    index = Index("", packages)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Index, index=index)) as server:
        server.socket = authority.context("IP:127.0.0.1").wrap_socket(server.socket, server_side=True)
        index.url = f"https://127.0.0.1:{server.server_port}/simple"
        Thread(target=server.serve_forever, daemon=True).start()
        yield index
        server.shutdown()


class _Proxy(BaseHTTPRequestHandler):
    def __init__(self, *args: Any, context: ssl.SSLContext, index: Index, password: str) -> None:
        self.context, self.index, self.password = context, index, password
        super().__init__(*args)

    def do_CONNECT(self) -> None:
        if self.headers.get("Proxy-Authorization") != _basic("me", self.password):
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="the way out"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        # It inspects: it is the server to the client, with a certificate that it made for the name.
        with suppress(OSError, ssl.SSLError):
            inside = self.context.wrap_socket(self.connection, server_side=True)
            _Index(inside, self.client_address, self.server, index=self.index)
            inside.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def inspecting_proxy(
    authority: Authority, packages: dict[str, bytes], *, password: str
) -> Iterator[tuple[str, Index]]:
    """A proxy that user `me` has to sign in at, and the index of HOST behind it: its address, the index."""
    index = Index(f"https://{HOST}/simple", packages)
    handler = partial(_Proxy, context=authority.context(f"DNS:{HOST}"), index=index, password=password)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", index
        server.shutdown()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections, for as long as it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
