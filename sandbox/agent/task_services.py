"""What containers ask their host for: keys of their task's role, and metadata.

Source: Amazon ECS Developer Guide, "Task IAM role" and "Task metadata endpoint version 4".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox import acs

#: The address that SDKs prepend to AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.
ADDRESS = "169.254.170.2"

Document = dict[str, Any]


class TaskServices:
    """Answers containers until `close`.

    Port 80 of `ADDRESS`, which SDKs know, is not to be had without root or beside another host of this
    machine: then it is any port, and AWS_CONTAINER_CREDENTIALS_FULL_URI, for which SDKs accept this address
    and 127.0.0.1 too.

    Args:
        address: to listen on.
        port: of the host's earlier life, which its containers still know; 0 for none.

    Raises:
        OSError: `address` is not of this machine.
    """

    def __init__(self, address: str, *, port: int) -> None:
        self._keys: dict[str, acs.IAMRoleCredentials] = {}
        self._metadata: dict[str, Callable[[str], Document | None]] = {}
        wanted = [port] if port else []
        self._server = _listening(address, [*wanted, *([80] if address == ADDRESS else []), 0], self._answer)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{address}:{self.port}"
        self._known_to_sdks = (address, self.port) == (ADDRESS, 80)
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="task-services",
            daemon=True,
        ).start()

    def hold(self, keys: acs.IAMRoleCredentials | None) -> None:
        """Serve keys under their identifier, in place of those before."""
        if keys:
            self._keys[keys.credentials_id] = keys

    def forget(self, task: acs.Task, container_id: str) -> None:
        """Serve a task's keys and its container's metadata no more."""
        self._metadata.pop(container_id, None)
        for keys in (task.role_credentials, task.execution_role_credentials):
            if keys:
                self._keys.pop(keys.credentials_id, None)

    def describe(self, container_id: str, answer: Callable[[str], Document | None]) -> None:
        """Let `answer` tell the metadata of a container, by the path asked."""
        self._metadata[container_id] = answer

    def keys_url(self, keys: acs.IAMRoleCredentials) -> str:
        """Where keys are served."""
        return f"{self.url}/v2/credentials/{keys.credentials_id}"

    def variables(self, task: acs.Task, container_id: str) -> dict[str, str]:
        """What a container's environment says of all this."""
        said = {"ECS_CONTAINER_METADATA_URI_V4": f"{self.url}/v4/{container_id}"}
        if task.role_credentials and self._known_to_sdks:
            path = f"/v2/credentials/{task.role_credentials.credentials_id}"
            said["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
        elif task.role_credentials:
            said["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = self.keys_url(task.role_credentials)
        return said

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> tuple[int, Document]:
        match path.strip("/").split("/", 2):
            case ["v2", "credentials", identifier] if keys := self._keys.get(identifier):
                return 200, {
                    "RoleArn": keys.role_arn,
                    "AccessKeyId": keys.access_key_id,
                    "SecretAccessKey": keys.secret_access_key,
                    "Token": keys.session_token,
                    "Expiration": keys.expiration,
                }
            case ["v2", "credentials", _]:
                return 400, {
                    "code": "InvalidIdInRequest",
                    "message": "CredentialsV2Request: Credentials not found",
                    "HTTPErrorCode": 400,
                }
            case ["v4", container_id, *rest] if answer := self._metadata.get(container_id):
                found = answer("/".join(rest))
                if found is not None:
                    return 200, found
        return 404, {"message": f"no path {path}"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _listening(
    address: str, ports: list[int], answer: Callable[[str], tuple[int, Document]]
) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, document = answer(self.path)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - signature of http.server
            """Paths hold identifiers that open keys."""

    for port in ports[:-1]:
        try:
            return _Server((address, port), Handler)
        except OSError:
            continue
    return _Server((address, ports[-1]), Handler)
