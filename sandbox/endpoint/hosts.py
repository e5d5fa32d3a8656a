"""The hosts' side of the endpoint, and the switches of the local site (`/_site/…`)."""

from __future__ import annotations

import secrets
import time

from sandbox.endpoint.access import Access
from sandbox.endpoint.activations import Activations, digest
from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.model import Json
from sandbox.endpoint.shapes import HostRecord
from sandbox.endpoint.store import Store
from sandbox.wire import POLL_SECONDS, HostIdentity, Orders


class HostCut(ServiceError):
    """The host is cut off: nothing it sends arrives."""

    def __init__(self) -> None:
        super().__init__("HostCut", "this host is cut off", status=503)


class Hosts:
    """Registration, polls and credentials of hosts; cutting them off and mending them.

    Args:
        store: the state.
        activations: who registers nodes.
        access: who has keys of roles.
        region: the only region here.
    """

    def __init__(self, store: Store, *, activations: Activations, access: Access, region: str) -> None:
        self._store = store
        self._activations = activations
        self._access = access
        self._region = region

    def register(self, message: Json) -> HostIdentity:
        """An activation's id, code and region for an identity.

        Raises:
            ServiceError: `InvalidActivation`.
        """
        if message.get("region") != self._region:
            raise ServiceError(
                "InvalidActivation", f"The activation is not of region {message.get('region')}."
            )
        node, token = self._activations.register_node(
            activation_id=str(message.get("activation_id")),
            code=str(message.get("activation_code")),
            computer_name=str(message.get("computer_name") or "host"),
            address=str(message.get("address") or "127.0.0.1"),
        )
        return HostIdentity(instance_id=node, token=token)

    def fargate(self, name: str) -> HostIdentity:
        """Capacity of the provider announces itself.

        Its id is its own, not its name: by the id a host knows its containers, and another site on this
        machine may have capacity of the same name.
        """
        token, identity = secrets.token_urlsafe(32), f"{name}-{secrets.token_hex(8)}"
        with self._store.change() as state:
            host = HostRecord(host=identity, name=name, token_sha256=digest(token), last_ping=time.time())
            state.hosts[identity] = host
        return HostIdentity(instance_id=identity, token=token)

    def authenticate(self, host: str, token: str) -> HostRecord:
        """The host that a request comes from.

        Raises:
            ServiceError: unknown host or wrong secret; or `HostCut`.
        """
        with self._store.read() as state:
            record = state.hosts.get(host)
        if record is None or not secrets.compare_digest(record.token_sha256, digest(token)):
            raise ServiceError("InvalidInstanceId", f"Not existing InstanceId {host}", status=403)
        if record.cut:
            raise HostCut
        return record

    def credentials(self, record: HostRecord) -> Json:
        """Keys of the Anywhere role, as `RequestManagedInstanceRoleToken` gives the SSM agent."""
        if record.role_arn is None:
            raise ServiceError("AccessDeniedException", "Fargate capacity has no role.", status=403)
        return self._access.host_credentials(record.host, record.role_arn)

    def poll(self, record: HostRecord, *, version: int) -> Orders:
        """The tasks of a host; held back while nothing changes, at most `POLL_SECONDS`.

        Raises:
            ServiceError: `InstanceDeregistered` (410) when no container instance of the host is left.
        """
        self._store.heard(record)
        now = self._store.wait_beyond(version, seconds=POLL_SECONDS)
        with self._store.read() as state:
            if state.hosts.get(record.host) is not record or record.cut:
                raise HostCut
            self._store.heard(record)
            registered = any(i.ec2_instance_id == record.host for i in state.instances.values())
            if not record.fargate and not registered:
                raise ServiceError(
                    "InstanceDeregistered", "the container instance was deregistered", status=410
                )
            mine = (r for r in state.tasks.values() if r.host == record.host and not r.task.stopped)
            return Orders(version=now, orders=tuple(r.order for r in mine))

    def set_cut(self, host: str, *, cut: bool) -> Json:
        """Cut a host off, or mend it. By `mi-…`, Fargate name or computer name.

        Raises:
            ServiceError: no such host.
        """
        with self._store.change() as state:
            found = [r for r in state.hosts.values() if host in _names(r)]
            if not found:
                raise ServiceError("NotFound", f"no host {host}: GET /_site/hosts lists them", status=404)
            for record in found:
                record.cut = cut
        return {"hosts": [record.host for record in found], "cut": cut}

    def described(self) -> Json:
        """All hosts, for people and tests."""
        with self._store.read() as state:
            joined = {instance.ec2_instance_id for instance in state.instances.values()}
            return {
                "hosts": [
                    {
                        "host": record.host,
                        "name": record.node.computer_name if record.node else record.name,
                        "kind": "fargate" if record.fargate else "external",
                        "connected": (record.fargate or record.host in joined)
                        and self._store.connected(record),
                        "cut": record.cut,
                        "last_ping": record.last_ping,
                    }
                    for record in state.hosts.values()
                ]
            }


def _names(record: HostRecord) -> tuple[str | None, ...]:
    return (record.host, record.node.computer_name if record.node else record.name)
