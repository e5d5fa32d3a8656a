"""HTTP around the endpoint: requests of AWS, and the switches of the site."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from sandbox.endpoint.access import Access
from sandbox.endpoint.activations import Activations
from sandbox.endpoint.agents import AgentLines
from sandbox.endpoint.api import Api, Request, error_answer, json_answer
from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.faults import Faults
from sandbox.endpoint.hosts import Hosts
from sandbox.endpoint.model import Json
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Answer, Upstream
from sandbox.wire import Clock, FargateHello, Fault

logger = logging.getLogger(__name__)


class Endpoint:
    """The local ECS and SSM endpoint, listening on 127.0.0.1 until `close`.

    Args:
        port: TCP port; 0 takes a free one.
        state_file: where activations, nodes, instances and tasks are kept.
        emulator_url: what answers the rest.
        region: the only region.
        silence: seconds without a sign after which a host counts as disconnected.
        credentials_renewed_after: seconds after which a running task gets new keys; they live for an hour.

    Raises:
        OSError: the port is taken.
        StateFileError: the state file is of another version.
    """

    def __init__(
        self,
        *,
        port: int,
        state_file: Path,
        emulator_url: str,
        region: str,
        silence: float = 10.0,
        credentials_renewed_after: float = 1800,
    ) -> None:
        store = Store(state_file, silence=silence)
        upstream = Upstream(emulator_url, region=region)
        access = Access(store, upstream, renewed_after=credentials_renewed_after)
        self._faults = Faults()
        self._hosts = Hosts(store, region=region)
        self._agents = AgentLines(store, access)
        self._api = Api(
            store,
            upstream=upstream,
            access=access,
            activations=Activations(store, upstream),
            agents=self._agents,
            faults=self._faults,
        )
        try:
            self._listener = _Listener("127.0.0.1", port, self._answer)
        except OSError:
            self._agents.close()
            raise

    @property
    def url(self) -> str:
        """Where clients find ECS and SSM."""
        return self._listener.url

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        self._agents.close()

    def _answer(self, request: Request) -> Answer:
        try:
            if request.path.startswith("/_site/"):
                _refuse_pages(request)
                return self._site(request)
        except ServiceError as error:
            return error_answer(error)
        except (ValidationError, ValueError) as error:
            return error_answer(ServiceError("BadRequest", str(error)))
        return self._api.answer(request)

    def _site(self, request: Request) -> Answer:
        parts = request.path.removeprefix("/_site/").split("/")
        body: Json = json.loads(request.body) if request.body else {}
        match request.method, parts:
            case "GET", ["health"]:
                answer: Json = {"status": "ok"}
            case "GET", ["hosts"]:
                answer = self._hosts.described()
            case "POST", ["hosts", host, ("cut" | "mend") as switch]:
                answer = self._hosts.set_cut(host, cut=switch == "cut")
            case ("POST" | "DELETE") as method, ["faults"]:
                answer = self._set_faults(Fault.model_validate(body) if method == "POST" else None)
            case "POST", ["clock"]:
                self._faults.clock = Clock.model_validate(body)
                answer = {}
            case "POST", ["fargate"]:
                answer = self._hosts.fargate(FargateHello.model_validate(body)).model_dump()
            case _:
                raise ServiceError("NotFound", f"no {request.method} {request.path}", status=404)
        return json_answer(answer)

    def _set_faults(self, fault: Fault | None) -> Json:
        if fault:
            self._faults.add(fault)
        else:
            self._faults.clear()
        return {}


def _refuse_pages(request: Request) -> None:
    """Refuse what a page in a browser sends: any site may have it send requests to this machine.

    A browser names the page's site in each request that changes something; through a name that a stranger's
    DNS gives to 127.0.0.1 it comes under that name.
    """
    host = urlsplit(f"//{request.header('host')}").hostname or ""
    if request.header("origin") or host not in {"127.0.0.1", "localhost", "::1"}:
        raise ServiceError("AccessDeniedException", "pages in a browser have no access", status=403)


class _Listener:
    """An HTTP server in threads of its own."""

    def __init__(self, address: str, port: int, answer: Callable[[Request], Answer]) -> None:
        self._server = _Server((address, port), _handler(answer))
        self.port = int(self._server.server_address[1])
        self.url = f"http://{address}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(answer: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            request = Request(self.command, self.path, tuple(self.headers.items()), _body(self))
            try:
                result = answer(request)
            except Exception:
                logger.exception("%s %s failed", self.command, self.path)
                result = error_answer(
                    ServiceError("ServerException", "a fault of the local endpoint", status=500)
                )
            self.send_response(result.status)
            for name, value in result.headers:
                if name.lower() not in ("date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(result.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(result.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - signature of http.server
            """Requests are logged by what they did."""

    return Handler


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """The body of a request; the SSM agent sends what it signs with its own key in chunks."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    # Source: RFC 9112, section 7.1.
    parts: list[bytes] = []
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        parts.append(request.rfile.read(size))
        request.rfile.readline()
    while request.rfile.readline().strip():
        pass
    return b"".join(parts)
