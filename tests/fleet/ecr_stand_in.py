"""Amazon ECR as far as this project calls it."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

#: What GetAuthorizationToken gives.
TOKEN = "a token"


class Ecr(BaseHTTPRequestHandler):
    """The two operations of Amazon ECR that this project calls; the emulator has a registry of its own.

    Attributes:
        images: tag → digest and size of what is there.
        registry: HOST:PORT of a registry that is asked instead.
    """

    images: ClassVar[dict[str, tuple[str, int]]] = {}
    registry: ClassVar[str] = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        if operation == "GetAuthorizationToken":
            token = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
            self._answer(200, {"authorizationData": [{"authorizationToken": token}]})
        elif found := self.found(body["repositoryName"], body["imageIds"][0]["imageTag"]):
            digest, size = found
            self._answer(200, {"imageDetails": [{"imageDigest": digest, "imageSizeInBytes": size}]})
        else:
            self._answer(400, {"__type": "ImageNotFoundException", "message": "no such image"})

    @classmethod
    def found(cls, repository: str, tag: str) -> tuple[str, int] | None:
        """Digest and size of an image; None where there is none."""
        if not cls.registry:
            return cls.images.get(tag)
        request = urllib.request.Request(f"http://{cls.registry}/v2/{repository}/manifests/{tag}")
        request.add_header("Accept", "application/vnd.docker.distribution.manifest.v2+json")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"AWS:{TOKEN}".encode()).decode())
        try:
            with urllib.request.urlopen(request) as answer:
                manifest = json.loads(answer.read())
                size = sum(layer["size"] for layer in manifest["layers"])
                return answer.headers["Docker-Content-Digest"], size
        except urllib.error.HTTPError:
            return None

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
