"""What a host keeps from one start to the next: who it is, and which tasks it has started."""

from __future__ import annotations

import threading
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

_ARNS = TypeAdapter(set[str])


class IdentityError(Exception):
    """The kept identity of a host cannot be read; the message says what to do."""


class HostIdentity(BaseModel):
    """Who a host is after registration; kept in a file of mode 0600.

    Attributes:
        instance_id: `mi-…`, or the id of Fargate capacity.
        private_key: of a managed node (see `sandbox.node_signature`).
        keys: access key and secret of Fargate capacity; empty for a managed node.
        container_instance_arn: once it has joined a cluster.
        line_port: of its way to AWS, which its containers know.
        services_port: of what its containers ask it for, which they know too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_id: str
    private_key: str = ""
    keys: tuple[str, str] | None = None
    container_instance_arn: str | None = None
    line_port: int = 0
    services_port: int = 0


def load_identity(path: Path) -> HostIdentity | None:
    """The identity kept from before, if there is one.

    Raises:
        IdentityError: the file is of another version.
    """
    if not path.exists():
        return None
    try:
        return HostIdentity.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise IdentityError(
            f"{path} is not an identity of this version: remove {path.parent} and let the host join anew."
        ) from error


def save_identity(identity: HostIdentity, path: Path) -> None:
    """Keep an identity for the next start of this host."""
    _write(path, identity.model_dump_json())


class StartedTasks:
    """ARNs of the tasks that this host has started and whose end ECS does not know yet.

    Args:
        path: the file that keeps them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._arns = _ARNS.validate_json(path.read_bytes()) if path.exists() else set()

    def add(self, arn: str) -> None:
        """Note a task before it is started: killed in between, the host does not run it twice."""
        with self._lock:
            self._arns.add(arn)
            self._save()

    def discard(self, arn: str) -> None:
        """Forget a task whose end was acknowledged."""
        with self._lock:
            self._arns.discard(arn)
            self._save()

    def all(self) -> set[str]:
        """All of them, as they are now."""
        with self._lock:
            return set(self._arns)

    def _save(self) -> None:
        _write(self._path, _ARNS.dump_json(self._arns).decode())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)
