"""The agent's line to ECS: its calls, and the websocket by which it is told its tasks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import botocore.session
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from sandbox import acs
from sandbox.agent.errors import Refused, Unreachable
from sandbox.agent.identity import HostIdentity
from sandbox.agent.systems_manager import SystemsManager
from sandbox.wire import FargateHello, FargateWelcome

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

#: Seconds without a word after which a line counts as lost. Source: amazon-ecs-agent, acs/session.
SILENCE_SECONDS = 60.0

_CONNECT_SECONDS = 10.0
_TIMEOUTS = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15)


class ControlPlane:
    """What a host asks of ECS, signed with the keys of its Anywhere role.

    Args:
        url: the endpoint's address.
        identity: who the host is.
        region: AWS Region.

    Raises:
        Refused: the host is not registered any more.
        Unreachable: no answer.
    """

    def __init__(self, url: str, identity: HostIdentity, *, region: str) -> None:
        self._region = region
        self._credentials = _credentials(SystemsManager(url, region), identity)
        session = botocore.session.get_session()
        session.get_component("credential_provider").providers = [_Kept(self._credentials)]
        made = boto3.Session(botocore_session=session, region_name=region)
        self._ecs: ECSClient = made.client("ecs", endpoint_url=url, config=_TIMEOUTS)

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """Call an operation of ECS, by its name in boto3.

        Raises:
            Refused: ECS says no.
            Unreachable: no answer, or one that is worth another try.
        """
        try:
            answer: dict[str, Any] = getattr(self._ecs, operation)(**members)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise Unreachable(str(error)) from error
            raise Refused(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        except BotoCoreError as error:
            raise Unreachable(str(error)) from error
        return answer

    @contextmanager
    def line(self, *, container_instance_arn: str, cluster_arn: str, docker_version: str) -> Iterator[Line]:
        """Open the websocket of ACS.

        Raises:
            Refused: the container instance was deregistered, or the host is not known.
            Unreachable: no answer.
        """
        found = self.call("discover_poll_endpoint", containerInstance=container_instance_arn)
        values = {
            "agentHash": "local",
            "agentVersion": "local",
            "clusterArn": cluster_arn,
            "containerInstanceArn": container_instance_arn,
            "dockerVersion": docker_version,
            "protocolVersion": "2",
            "sendCredentials": "true",
            "seqNum": "1",
        }
        url = f"{found['endpoint']}ws?{urlencode(values)}"
        with ExitStack() as open_:
            yield Line(self._opened(url, open_))

    def _opened(self, url: str, open_: ExitStack) -> ClientConnection:
        request = AWSRequest(method="GET", url=url)
        keys: Credentials = self._credentials.get_frozen_credentials()  # type: ignore[assignment]
        SigV4Auth(keys, "ecs", self._region).add_auth(request)
        try:
            return open_.enter_context(
                connect(
                    url.replace("http", "ws", 1),
                    additional_headers=dict(request.headers.items()),
                    open_timeout=_CONNECT_SECONDS,
                    close_timeout=1,
                    ping_interval=None,
                    compression=None,
                    max_size=None,
                    proxy=None,
                )
            )
        except InvalidStatus as refusal:
            if refusal.response.status_code >= 500:
                raise Unreachable(str(refusal)) from refusal
            raise _refused(bytes(refusal.response.body or b"")) from refusal
        except (OSError, WebSocketException) as error:
            raise Unreachable(f"no websocket to ECS: {error}") from error


class Line:
    """An open websocket of ACS.

    Args:
        connection: the websocket.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._heard = time.monotonic()

    def receive(self, *, seconds: float) -> acs.Message | None:
        """The next message; None when none came in that time, or one that this agent does not know.

        Raises:
            Unreachable: the line has ended, or nothing came for so long that it must have.
        """
        try:
            text = self._connection.recv(timeout=seconds)
        except TimeoutError:
            if time.monotonic() - self._heard > SILENCE_SECONDS:
                raise Unreachable("ECS has fallen silent") from None
            return None
        except ConnectionClosed as end:
            raise Unreachable(f"ECS has ended the line: {end}") from end
        self._heard = time.monotonic()
        return acs.read(text)

    def close(self) -> None:
        """End the line."""
        self._connection.close()

    def send(self, message: acs.Message) -> None:
        """Send a message.

        Raises:
            Unreachable: the line has ended.
        """
        try:
            self._connection.send(acs.frame(message))
        except ConnectionClosed as end:
            raise Unreachable(f"ECS has ended the line: {end}") from end


def announce_fargate(url: str, name: str) -> HostIdentity:
    """An identity for Fargate capacity: the provider's, so a switch of the local site gives it.

    Raises:
        Unreachable: no answer.
    """
    try:
        hello = FargateHello(name=name).model_dump()
        answer = urllib3.request("POST", f"{url}/_site/fargate", json=hello, timeout=15, retries=False)
        welcome = FargateWelcome.model_validate(answer.json())
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unreachable(f"{url} does not answer: {error}") from error
    return HostIdentity(
        instance_id=welcome.host,
        keys=(welcome.access_key_id, welcome.secret_access_key),
        container_instance_arn=welcome.container_instance_arn,
    )


class _Kept(CredentialProvider):
    """Credentials that a client and a handshake share."""

    METHOD = "managed-instance"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def _credentials(manager: SystemsManager, identity: HostIdentity) -> Credentials:
    if identity.keys:
        return Credentials(*identity.keys)

    def fetch() -> dict[str, str]:
        return manager.role_keys(identity)

    renewed: Credentials = RefreshableCredentials.create_from_metadata(
        metadata=fetch(), refresh_using=fetch, method="managed-instance"
    )
    return renewed


def _refused(body: bytes) -> Refused:
    try:
        code, message = next(iter(json.loads(body).items()))
    except (ValueError, AttributeError, StopIteration):
        code, message = "AccessDeniedException", body.decode(errors="replace")
    return Refused(str(code), str(message))
