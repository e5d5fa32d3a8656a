"""Hosts as the switches of the local site know them (`/_site/…`): listed, cut off, mended, and Fargate's."""

from __future__ import annotations

import secrets
import time

from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.model import Json
from sandbox.endpoint.shapes import HostRecord
from sandbox.endpoint.store import Store
from sandbox.wire import FargateHello, FargateWelcome


class Hosts:
    """Hosts of the local site.

    Args:
        store: the state.
        region: the only region here.
    """

    def __init__(self, store: Store, *, region: str) -> None:
        self._store = store
        self._region = region

    def fargate(self, hello: FargateHello) -> FargateWelcome:
        """Capacity of the provider announces itself.

        Its id is its own, not its name: by the id a host knows its containers, and another site on this
        machine may have capacity of the same name.
        """
        host = f"{hello.name}-{secrets.token_hex(8)}"
        welcome = FargateWelcome(
            host=host,
            container_instance_arn=f"arn:aws:ecs:{self._region}:000000000000:container-instance/{host}",
            access_key_id=secrets.token_hex(16),
            secret_access_key=secrets.token_urlsafe(32),
        )
        record = HostRecord(
            host=host, name=hello.name, access_key_ids=[welcome.access_key_id], last_ping=time.time()
        )
        with self._store.change() as state:
            state.hosts[host] = record
        return welcome

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
