"""Keys of roles: for hosts, and for the tasks that they run."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC

from sandbox import acs
from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.model import Json
from sandbox.endpoint.shapes import HostRecord, TaskRecord
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Credentials, Upstream

_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
_SIGNED_FOR = re.compile(r"/([^/]+)/aws4_request")

#: What a host may ask with the keys of its Anywhere role. `tests/policy/test_endpoints_of_hosts.py` holds it
#: to the role. The keys themselves are asked for with the key pair of the registration.
HOST_ACTIONS = frozenset({
    "ecs:DiscoverPollEndpoint", "ecs:Poll", "ecs:RegisterContainerInstance", "ecs:StartTelemetrySession",
    "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange", "ssm:UpdateInstanceInformation",
})  # fmt: skip

#: Keys of a host that are known at a time: the newest, and those that it may still sign with.
_KEYS_OF_A_HOST = 4


class HostCut(ServiceError):
    """The host is cut off: nothing it sends arrives."""

    def __init__(self) -> None:
        super().__init__("HostCut", "this host is cut off", status=503)


class Access:
    """Role credentials of running tasks and of hosts, and who a request comes from.

    Args:
        store: the state.
        upstream: whose STS gives the keys.
        seconds: lifetime of a set of keys (STS: at least 900).
        renewed_after: seconds after which a task or a host that asks gets new ones.
    """

    def __init__(
        self, store: Store, upstream: Upstream, *, seconds: int = 3600, renewed_after: float = 1800
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._seconds = seconds
        self._least = seconds - renewed_after
        self._lock = threading.Lock()
        self._cache: dict[str, Credentials] = {}

    def of_task(self, record: TaskRecord) -> Iterator[tuple[str, acs.IAMRoleCredentials]]:
        """The type of each role of a task and its keys.

        Raises:
            ServiceError: a role could not be assumed.
        """
        roles = (
            ("TaskApplication", record.task_role_arn, record.credentials_id),
            ("TaskExecution", record.execution_role_arn, record.execution_credentials_id),
        )
        for kind, role_arn, identifier in roles:
            if role_arn:
                keys = self._keys(identifier, role_arn, session=record.task.id)
                yield (
                    kind,
                    acs.IAMRoleCredentials(
                        credentials_id=identifier,
                        role_arn=role_arn,
                        access_key_id=keys.access_key_id,
                        secret_access_key=keys.secret_access_key,
                        session_token=keys.token,
                        expiration=keys.expiration.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    ),
                )

    def of_host(self, record: HostRecord) -> Json:
        """RequestManagedInstanceRoleToken: keys of a host's Anywhere role, by which it is known from now on.

        Raises:
            ServiceError: the role could not be assumed.
        """
        if record.role_arn is None:
            raise ServiceError("AccessDeniedException", "Fargate capacity has no role.", status=403)
        keys = self._keys(f"host {record.host}", record.role_arn, session=record.host)
        if keys.access_key_id not in record.access_key_ids:
            with self._store.change():
                record.access_key_ids = [*record.access_key_ids, keys.access_key_id][-_KEYS_OF_A_HOST:]
        return {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "SessionToken": keys.token,
            "TokenExpirationDate": keys.expiration.timestamp(),
            "UpdateKeyPair": False,
        }

    def caller(self, authorization: str) -> HostRecord | None:
        """The host whose keys signed a request, by its Authorization header; None for anybody else.

        Raises:
            HostCut: nothing of it arrives.
        """
        found = _ACCESS_KEY.search(authorization)
        if found is None:
            return None
        with self._store.read() as state:
            record = next((h for h in state.hosts.values() if found[1] in h.access_key_ids), None)
        if record and record.cut:
            raise HostCut
        return record

    def node(self, name: str | None) -> HostRecord | None:
        """A managed node by its name, which its own signature has still to prove.

        Raises:
            HostCut: nothing of it arrives.
        """
        with self._store.read() as state:
            record = state.hosts.get(name or "")
        if record and record.cut:
            raise HostCut
        return record

    def admit(self, authorization: str, action: str) -> None:
        """Let a host do what its role allows; anybody else is not looked at.

        Raises:
            HostCut: nothing of it arrives.
            ServiceError: `AccessDeniedException`.
        """
        host = self.caller(authorization)
        if host and action not in HOST_ACTIONS:
            signed_for = _SIGNED_FOR.search(authorization)
            if signed_for:
                action = f"{signed_for[1]}:{action.partition(':')[2]}"
            raise ServiceError(
                "AccessDeniedException",
                f"{host.host} is not authorized to perform: {action} because its role does not allow it",
            )

    def _keys(self, cache_key: str, role_arn: str, *, session: str) -> Credentials:
        with self._lock:
            keys = self._cache.get(cache_key)
        if keys is None or keys.expiration.timestamp() - time.time() < self._least:
            keys = self._upstream.assume(role_arn, session=session, seconds=self._seconds)
            with self._lock:
                self._cache[cache_key] = keys
        return keys
