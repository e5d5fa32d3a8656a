"""HTTP around the endpoint: AWS requests, hosts, switches, and what containers ask for."""

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
from sandbox.endpoint.api import Api, Request, error_answer, json_answer
from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.faults import Faults
from sandbox.endpoint.hosts import Hosts
from sandbox.endpoint.model import Json
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Answer, Upstream
from sandbox.wire import HOST_TOKEN_HEADER, Clock, FargateHello, Fault, Poll, Report, TaskServices

logger = logging.getLogger(__name__)

#: The address that SDKs prepend to AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.
#: Source: Amazon ECS Developer Guide, "Task IAM role".
TASK_SERVICES_ADDRESS = "169.254.170.2"


class Endpoint:
    """The local ECS and SSM endpoint, listening on 127.0.0.1 until `close`.

    Args:
        port: TCP port; 0 takes a free one.
        state_file: where activations, nodes, instances and tasks are kept.
        emulator_url: what answers the rest.
        region: the only region.
        silence: seconds without a poll after which a host counts as disconnected.
        credentials_seconds: lifetime of the role credentials that tasks get (STS: at least 900).

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
        credentials_seconds: int = 3600,
    ) -> None:
        store = Store(state_file, silence=silence)
        upstream = Upstream(emulator_url, region=region)
        self._access = Access(store, upstream, seconds=credentials_seconds)
        activations = Activations(store, upstream)
        self._faults = Faults()
        self._api = Api(
            store, upstream=upstream, access=self._access, activations=activations, faults=self._faults
        )
        self._hosts = Hosts(store, activations=activations, access=self._access, region=region)
        self._task_services: _Listener | None = None
        self._task_services_lock = threading.Lock()
        self._listener = _Listener("127.0.0.1", port, self._answer)

    @property
    def url(self) -> str:
        """Where clients find ECS and SSM."""
        return self._listener.url

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        if self._task_services:
            self._task_services.close()

    def _answer(self, request: Request) -> Answer:
        try:
            if request.path.startswith("/_site/"):
                _refuse_pages(request)
                return self._site(request)
            if request.path.startswith(("/v2/credentials/", "/v4/")):
                return self._for_container(request)
        except ServiceError as error:
            return error_answer(error)
        except (ValidationError, ValueError) as error:
            return error_answer(ServiceError("BadRequest", str(error)))
        return self._api.answer(request)

    def _for_container(self, request: Request) -> Answer:
        try:
            kind, _, rest = request.path.lstrip("/").partition("/")
            if kind == "v2" and rest.startswith("credentials/"):
                return json_answer(self._access.credentials(rest.removeprefix("credentials/")))
            if kind == "v4":
                access, slash, path = rest.partition("/")
                return json_answer(self._access.metadata(access, slash + path))
        except ServiceError as error:
            return error_answer(error)
        return error_answer(ServiceError("NotFound", "no such path", status=404))

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
            case "POST", ["task-services"]:
                answer = self._open_task_services().model_dump()
            case "POST", ["agent", *rest]:
                answer = self._agent(rest, body, request)
            case _:
                raise ServiceError("NotFound", f"no {request.method} {request.path}", status=404)
        return json_answer(answer)

    def _set_faults(self, fault: Fault | None) -> Json:
        if fault:
            self._faults.add(fault)
        else:
            self._faults.clear()
        return {}

    def _agent(self, parts: list[str], body: Json, request: Request) -> Json:
        match parts:
            case ["register"]:
                return self._hosts.register(body).model_dump()
            case ["fargate"]:
                return self._hosts.fargate(FargateHello.model_validate(body).name).model_dump()
            case [host, action]:
                record = self._hosts.authenticate(host, request.header(HOST_TOKEN_HEADER.lower()))
                if action == "credentials":
                    return self._hosts.credentials(record)
                if action == "poll":
                    return self._hosts.poll(record, version=Poll.model_validate(body).version).model_dump()
                if action == "report":
                    self._api.tasks.report(host, Report.model_validate(body))
                    return {}
        raise ServiceError("NotFound", f"no {request.path}", status=404)

    def _open_task_services(self) -> TaskServices:
        """Listen where containers look; the Docker network of the hosts has the address by then.

        Without root, or beside another local site, port 80 is not to be had: then any port, and
        AWS_CONTAINER_CREDENTIALS_FULL_URI, for which SDKs accept this address too.
        """
        with self._task_services_lock:
            for port in (80, 0):
                if self._task_services:
                    break
                try:
                    self._task_services = _Listener(TASK_SERVICES_ADDRESS, port, self._for_container)
                except OSError as error:
                    logger.info("%s:%s cannot be bound: %s", TASK_SERVICES_ADDRESS, port, error.strerror)
            if self._task_services is None:
                raise ServiceError(
                    "TaskServicesUnavailable",
                    f"{TASK_SERVICES_ADDRESS} is not an address of this machine: containers cannot reach "
                    "their credentials. Use process mode.",
                    status=500,
                )
            return TaskServices(url=self._task_services.url, relative=self._task_services.port == 80)


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
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, tuple(self.headers.items()), body)
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
