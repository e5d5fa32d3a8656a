"""What a task asks its host for: credentials of its role, and metadata.

Served under a secret path element per task, as ECS does. Source: Amazon ECS Developer Guide, "Task IAM role"
and "Task metadata endpoint version 4".
"""

from __future__ import annotations

import threading
import time

from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.model import Json
from sandbox.endpoint.shapes import TaskRecord
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Credentials, Upstream


class Access:
    """Credentials and metadata of running tasks, and the role credentials of hosts.

    Args:
        store: the state.
        upstream: whose STS gives the keys.
        seconds: lifetime of a set of keys; they are renewed when half of it has passed.
    """

    def __init__(self, store: Store, upstream: Upstream, *, seconds: int = 3600) -> None:
        self._store = store
        self._upstream = upstream
        self._seconds = seconds
        self._lock = threading.Lock()
        self._cache: dict[str, Credentials] = {}
        self._hosts: dict[str, str] = {}

    def credentials(self, access: str) -> Json:
        """The answer to a container's credential request.

        Raises:
            ServiceError: `InvalidIdInRequest`: no such task, or it has stopped.
        """
        with self._store.read() as state:
            found = [
                (record.task.id, role)
                for record in state.tasks.values()
                for key, role in (
                    (record.order.access, record.task_role_arn),
                    (record.order.execution_access, record.execution_role_arn),
                )
                # The agent ships the last log lines with the execution role after the task has stopped.
                if role
                and key == access
                and (not record.task.stopped or key == record.order.execution_access)
            ]
        if not found:
            raise ServiceError("InvalidIdInRequest", "CredentialsV2Request: Credentials not found")
        task_id, role_arn = found[0]
        return _document(role_arn, self._keys(access, role_arn, session=task_id))

    def host_credentials(self, host: str, role_arn: str) -> Json:
        """Keys of a host's Anywhere role; requests signed with them are known to come from the host."""
        keys = self._keys(f"host {host}", role_arn, session=host)
        self._hosts[keys.access_key_id] = host
        return _document(role_arn, keys)

    def host_of(self, access_key_id: str | None) -> str | None:
        """The host to which an access key was given."""
        return self._hosts.get(access_key_id or "")

    def metadata(self, access: str, path: str) -> Json:
        """The answer to a metadata request: the container, or with `/task` the task.

        Raises:
            ServiceError: no such task.
        """
        with self._store.read() as state:
            record = next((r for r in state.tasks.values() if r.order.metadata_access == access), None)
        if record is None:
            raise ServiceError("InvalidIdInRequest", "V4 metadata: task not found", status=404)
        if path == "/task":
            return _task_metadata(record)
        if path in ("", "/"):
            return _container_metadata(record)
        raise ServiceError("NotFound", f"V4 metadata: no path {path}", status=404)

    def _keys(self, cache_key: str, role_arn: str, *, session: str) -> Credentials:
        with self._lock:
            keys = self._cache.get(cache_key)
        if keys is None or keys.expiration.timestamp() - time.time() < self._seconds / 2:
            keys = self._upstream.assume(role_arn, session=session, seconds=self._seconds)
            with self._lock:
                self._cache[cache_key] = keys
        return keys


def _document(role_arn: str, keys: Credentials) -> Json:
    return {
        "RoleArn": role_arn,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Token": keys.token,
        "Expiration": keys.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _task_metadata(record: TaskRecord) -> Json:
    task = record.task
    family, revision = task.task_definition_arn.rsplit("/", 1)[-1].rsplit(":", 1)
    return {
        "Cluster": task.cluster_arn,
        "TaskARN": task.task_arn,
        "Family": family,
        "Revision": revision,
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.last_status,
        "LaunchType": task.launch_type,
        "Containers": [_container_metadata(record)],
    }


def _container_metadata(record: TaskRecord) -> Json:
    container = record.task.containers[0]
    return {
        "DockerId": container.runtime_id or "",
        "Name": container.name,
        "Image": container.image,
        "Labels": {
            "com.amazonaws.ecs.cluster": record.task.cluster_arn,
            "com.amazonaws.ecs.container-name": container.name,
            "com.amazonaws.ecs.task-arn": record.task.task_arn,
        },
        "DesiredStatus": record.task.desired_status,
        "KnownStatus": container.last_status,
        "ContainerARN": container.container_arn,
        "Type": "NORMAL",
    }
