"""The agent's line to the endpoint."""

from __future__ import annotations

from typing import Any

import urllib3

from sandbox.wire import HOST_TOKEN_HEADER, HostIdentity, Order, Orders, Poll, Report, TaskServices

_TIMEOUT_SECONDS = 15.0


class Refused(Exception):
    """The endpoint refused what the agent asked.

    Args:
        status: HTTP status.
        code: its error code, such as `InvalidActivation`.
        message: what it says.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code


class Unreachable(Exception):
    """The endpoint does not answer, or this host is cut off from it."""


class ControlPlane:
    """What an agent asks of the endpoint.

    Args:
        url: the endpoint's address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False, maxsize=4)

    def register(self, message: dict[str, str]) -> HostIdentity:
        """Turn an activation's id and code into an identity."""
        return HostIdentity.model_validate(self._post("register", message))

    def fargate(self, name: str) -> HostIdentity:
        """Announce Fargate capacity."""
        return HostIdentity.model_validate(self._post("fargate", {"name": name}))

    def role_credentials(self, identity: HostIdentity) -> dict[str, str]:
        """Keys of the host's Anywhere role."""
        return {k: str(v) for k, v in self._post("credentials", {}, identity).items()}

    def poll(self, identity: HostIdentity, *, version: int) -> Orders:
        """The tasks this host should know; waits a moment when nothing changed since `version`."""
        return Orders.model_validate(self._post("poll", Poll(version=version).model_dump(), identity))

    def report(self, identity: HostIdentity, report: Report) -> None:
        """Say what became of a task."""
        self._post("report", report.model_dump(), identity)

    def open_task_services(self) -> TaskServices:
        """Ask the endpoint to listen where containers look for credentials."""
        return TaskServices.model_validate(self._request("/_site/task-services", {}, ""))

    def log_credentials_url(self, order: Order) -> str | None:
        """Where the agent finds the keys of a task's execution role."""
        return f"{self.url}/v2/credentials/{order.execution_access}" if order.execution_access else None

    def _post(
        self, action: str, body: dict[str, Any], identity: HostIdentity | None = None
    ) -> dict[str, Any]:
        path = f"/_site/agent/{identity.instance_id}/{action}" if identity else f"/_site/agent/{action}"
        return self._request(path, body, identity.token if identity else "")

    def _request(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        try:
            answer = self._pool.request(
                "POST", f"{self.url}{path}", json=body, headers={HOST_TOKEN_HEADER: token}
            )
            content: dict[str, Any] = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error
        if answer.status == 503:
            raise Unreachable(str(content.get("message")))
        if answer.status >= 400:
            raise Refused(answer.status, str(content.get("__type")), str(content.get("message")))
        return content
