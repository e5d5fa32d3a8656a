"""Hybrid activations and managed nodes: the part of Systems Manager that hosts begin with."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections.abc import Callable

from sandbox import node_signature
from sandbox.endpoint.errors import ServiceError, validation
from sandbox.endpoint.model import Json
from sandbox.endpoint.paging import page
from sandbox.endpoint.shapes import Activation, ActivationRecord, HostRecord, InstanceState, ManagedInstance
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Upstream

#: Source: AWS Systems Manager API Reference, CreateActivation: 24 hours unless asked, at most 30 days.
DEFAULT_LIFETIME_SECONDS = 24 * 3600.0
LONGEST_LIFETIME_SECONDS = 30 * 24 * 3600.0

#: Most items of a page. Source: DescribeActivations and DescribeInstanceInformation, MaxResults.
PAGE = 50

#: Keys of a filter of DescribeInstanceInformation, and the members of a node that they speak of.
_MEMBERS = {
    "InstanceIds": "InstanceId", "PlatformTypes": "PlatformType", "ActivationIds": "ActivationId",
    "AgentVersion": "AgentVersion", "PingStatus": "PingStatus", "IamRole": "IamRole",
    "ResourceType": "ResourceType", "AssociationStatus": "AssociationStatus",
}  # fmt: skip

#: What UpdateInstanceInformation says of a host. Source: amazon-ssm-agent, UpdateInstanceInformationInput.
_SAID = ("AgentVersion", "ComputerName", "IPAddress", "PlatformName", "PlatformType", "PlatformVersion")

_TOKEN_REFUSED = ServiceError("InvalidNextToken", "The specified token is not valid.")


class Activations:
    """Operations on activations and managed nodes.

    Args:
        store: the state.
        upstream: where roles are known.
    """

    def __init__(self, store: Store, upstream: Upstream) -> None:
        self._store = store
        self._upstream = upstream

    def create(self, params: Json) -> Json:
        """CreateActivation. The code is in this answer and nowhere else."""
        now = time.time()
        role = params["IamRole"]
        arn = self._upstream.role_arn(role)
        if role.startswith("arn:") or arn is None or not self._upstream.trusts(arn, "ssm.amazonaws.com"):
            raise validation(
                f"Nonexistent role or missing ssm service principal in trust policy: {arn or role}"
            )
        expiry = float(params.get("ExpirationDate", now + DEFAULT_LIFETIME_SECONDS))
        if not now < expiry <= now + LONGEST_LIFETIME_SECONDS:
            raise validation("ExpirationDate must be in the future and at most 30 days from now.")
        code = secrets.token_urlsafe(15)[:20]
        activation = Activation(
            activation_id=str(uuid.uuid4()),
            description=params.get("Description"),
            default_instance_name=params.get("DefaultInstanceName"),
            iam_role=role,
            registration_limit=params.get("RegistrationLimit", 1),
            expiration_date=expiry,
            created_date=now,
            tags=params.get("Tags", []),
        )
        with self._store.change() as state:
            state.activations[activation.activation_id] = ActivationRecord(
                activation=activation, code_sha256=digest(code), role_arn=arn
            )
        return {"ActivationId": activation.activation_id, "ActivationCode": code}

    def describe(self, params: Json) -> Json:
        """DescribeActivations, newest identifiers in no order that means anything."""
        wanted = {f.get("FilterKey", ""): set(f.get("FilterValues", [])) for f in params.get("Filters", [])}
        now = time.time()
        with self._store.read() as state:
            found = [record.activation for record in state.activations.values() if not record.deleted]
        tests: dict[str, Callable[[Activation], str | None]] = {
            "ActivationIds": lambda a: a.activation_id,
            "DefaultInstanceName": lambda a: a.default_instance_name,
            "IamRole": lambda a: a.iam_role,
        }
        found = [a for a in found if all(tests[key](a) in values for key, values in wanted.items())]
        shown, token = page(
            sorted(found, key=lambda a: a.activation_id), token=params.get("NextToken"),
            size=params.get("MaxResults", PAGE), key=lambda a: a.activation_id, refused=_TOKEN_REFUSED,
        )  # fmt: skip
        return {"ActivationList": [a.described(now) for a in shown]} | ({"NextToken": token} if token else {})

    def delete(self, params: Json) -> Json:
        """DeleteActivation; nodes that registered with it stay."""
        with self._store.change() as state:
            record = state.activations.get(params["ActivationId"])
            if record is None or record.deleted:
                raise ServiceError("InvalidActivation", "The activation does not exist.")
            record.deleted = True
        return {}

    def register_node(self, params: Json) -> Json:
        """RegisterManagedInstance, unsigned: an activation's id and code, and a key, for an identity.

        Raises:
            ServiceError: `InvalidActivation`: unknown, wrong code, deleted, expired, or its limit is reached;
                `ValidationException`: no public key.
        """
        now = time.time()
        activation_id, code = str(params.get("ActivationId")), str(params.get("ActivationCode"))
        public_key = str(params.get("PublicKey"))
        if not node_signature.is_public_key(public_key):
            raise validation("PublicKey must be an RSA key, DER in base64.")
        with self._store.change() as state:
            record = state.activations.get(activation_id)
            if (
                record is None
                or record.deleted
                or not secrets.compare_digest(record.code_sha256, digest(code))
            ):
                raise ServiceError("InvalidActivation", "The activation id or code is not valid.")
            activation = record.activation
            if activation.expired(now):
                raise ServiceError(
                    "InvalidActivation", f"Activation {activation_id} has expired: create another."
                )
            if activation.registrations_count >= activation.registration_limit:
                raise ServiceError(
                    "InvalidActivation",
                    f"Activation {activation_id} has reached its limit of {activation.registration_limit} "
                    "registrations: create another.",
                )
            activation.registrations_count += 1
            node = ManagedInstance(
                instance_id=f"mi-{secrets.token_hex(9)[:17]}", activation_id=activation_id,
                iam_role=activation.iam_role, registration_date=now, name=activation.default_instance_name,
            )  # fmt: skip
            state.hosts[node.instance_id] = HostRecord(
                host=node.instance_id, public_key=public_key, role_arn=record.role_arn, node=node,
                tags=activation.tags, last_ping=now,
            )  # fmt: skip
        return {"InstanceId": node.instance_id}

    def update_node(self, params: Json, caller: HostRecord) -> Json:
        """UpdateInstanceInformation: the SSM agent is there, and what it says of its host."""
        said = {name: params[name] for name in _SAID if params.get(name)}
        with self._store.change():
            self._store.heard(caller)
            if caller.node:
                known = caller.node.wire()
                caller.node = ManagedInstance.model_validate(known | said)
        return {}

    def describe_nodes(self, params: Json) -> Json:
        """DescribeInstanceInformation, with both kinds of filter."""
        wanted = [(f["Key"], set(f["Values"])) for f in params.get("Filters", [])]
        wanted += [(f["key"], set(f["valueSet"])) for f in params.get("InstanceInformationFilterList", [])]
        with self._store.read() as state:
            nodes = sorted((host for host in state.hosts.values() if host.node), key=lambda host: host.host)
            shown, token = page(
                (host for host in nodes if all(self._matches(host, key, values) for key, values in wanted)),
                token=params.get("NextToken"), size=params.get("MaxResults", PAGE),
                key=lambda host: host.host, refused=_TOKEN_REFUSED,
            )  # fmt: skip
            found = [self._described(host) for host in shown]
        return {"InstanceInformationList": found} | ({"NextToken": token} if token else {})

    def deregister_node(self, params: Json) -> Json:
        """DeregisterManagedInstance: the host's key ends with it."""
        with self._store.change() as state:
            _node(state, params["InstanceId"])
            del state.hosts[params["InstanceId"]]
        return {}

    def add_tags(self, params: Json) -> Json:
        """AddTagsToResource of a managed instance."""
        with self._store.change() as state:
            host = _tagged(state, params["ResourceId"])
            merged = {tag["Key"]: tag for tag in [*host.tags, *params["Tags"]]}
            host.tags = list(merged.values())
        return {}

    def remove_tags(self, params: Json) -> Json:
        """RemoveTagsFromResource of a managed instance."""
        with self._store.change() as state:
            host = _tagged(state, params["ResourceId"])
            host.tags = [tag for tag in host.tags if tag["Key"] not in params["TagKeys"]]
        return {}

    def list_tags(self, params: Json) -> Json:
        """ListTagsForResource of a managed instance."""
        with self._store.read() as state:
            return {"TagList": _tagged(state, params["ResourceId"]).tags}

    def _matches(self, host: HostRecord, key: str, values: set[str]) -> bool:
        if key.startswith("tag:"):
            return any(tag["Key"] == key[4:] and tag["Value"] in values for tag in host.tags)
        if key == "tag-key":
            return any(tag["Key"] in values for tag in host.tags)
        member = _MEMBERS.get(key)
        if member is None:
            raise ServiceError("InvalidFilterKey", "The specified key isn't valid.")
        return self._described(host).get(member) in values

    def _described(self, host: HostRecord) -> Json:
        node = host.node.wire() if host.node else {}
        status = "Online" if self._store.connected(host) else "ConnectionLost"
        return node | {"PingStatus": status, "LastPingDateTime": host.last_ping}


def digest(secret: str) -> str:
    """SHA-256 of a secret that is random itself, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _node(state: InstanceState, instance_id: str, *, error: str = "InvalidInstanceId") -> HostRecord:
    host = state.hosts.get(instance_id)
    if host is None or host.node is None:
        raise ServiceError(error, f"Instance {instance_id} is not a managed node of this account.")
    return host


def _tagged(state: InstanceState, resource_id: str) -> HostRecord:
    return _node(state, resource_id, error="InvalidResourceId")
