"""Container instances: registration, description, draining, attributes."""

from __future__ import annotations

import time
import uuid

from sandbox.endpoint import capacity
from sandbox.endpoint.errors import ServiceError, client_error, invalid_parameter
from sandbox.endpoint.expressions import parse
from sandbox.endpoint.model import Json
from sandbox.endpoint.paging import page
from sandbox.endpoint.shapes import Attribute, Instance, InstanceState, Resource, Tag, VersionInfo
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Upstream

#: Most items of a page, and of a Describe call. Source: Amazon ECS API Reference, ListContainerInstances.
PAGE = 100

#: Attributes that the control plane adds to an external instance at registration.
_EXTERNAL = (Attribute(name="ecs.capability.external"), Attribute(name="ecs.os-type", value="linux"))


class Instances:
    """Operations on container instances.

    Args:
        store: the state.
        upstream: where clusters are known.
    """

    def __init__(self, store: Store, upstream: Upstream) -> None:
        self._store = store
        self._upstream = upstream

    def register(self, params: Json, *, node: str | None) -> Json:
        """RegisterContainerInstance, by a host with the credentials of its Anywhere role.

        Args:
            params: the request.
            node: `mi-…` of the host whose credentials signed the request.
        """
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        if node is None:
            raise client_error(
                "Container instances of launch type EXTERNAL register with the credentials of a managed node."
            )
        known = params.get("containerInstanceArn")
        with self._store.change() as state:
            token = params.get("clientToken")
            mine = (i for i in state.instances.values() if i.ec2_instance_id == node)
            repeated = next((i for i in mine if token and i.client_token == token), None)
            instance = state.instances.get(known) if known else repeated
            if known and (instance is None or instance.ec2_instance_id != node):
                raise client_error("Container instance not found.")
            if instance and instance.cluster_arn != cluster_arn:
                raise client_error("Container instance is registered to another cluster.")
            fresh = [Attribute.model_validate(a) for a in params.get("attributes", [])]
            if instance is None:
                arn = cluster_arn.replace(":cluster/", ":container-instance/") + "/" + uuid.uuid4().hex
                instance = Instance(
                    container_instance_arn=arn, cluster_arn=cluster_arn, ec2_instance_id=node,
                    client_token=token,
                    tags=[Tag.model_validate(tag) for tag in params.get("tags", [])],
                )  # fmt: skip
                state.instances[arn] = instance
            instance.attributes = _merged(instance.attributes, [*_EXTERNAL, *fresh])
            instance.registered_resources = [
                Resource.model_validate(r) for r in params.get("totalResources", [])
            ]
            # The real agent tells its versions when it opens its line.
            instance.version_info = VersionInfo.model_validate(
                params.get("versionInfo") or instance.version_info.model_dump()
            )
            instance.version += 1
            self._store.heard(state.hosts[node])
            return {"containerInstance": capacity.measure(self._store, state, instance).described()}

    def deregister(self, params: Json) -> Json:
        """DeregisterContainerInstance; with `force` its tasks are given up."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        with self._store.change() as state:
            instance = _find(state, cluster_arn, params["containerInstance"])
            if instance is None:
                raise invalid_parameter("The referenced container instance was not found.")
            live = capacity.live_tasks(state, instance)
            if live and not params.get("force"):
                raise invalid_parameter("Found running tasks on the instance.")
            for record in live:
                record.task.stopped_reason = "Container instance deregistration forced by user."
                record.task.desired_status = record.task.last_status = "STOPPED"
                record.task.stop_code = "UserInitiated"
                record.task.stopped_at = record.task.stopping_at = time.time()
            del state.instances[instance.container_instance_arn]
            instance.status = "INACTIVE"
            return {"containerInstance": capacity.measure(self._store, state, instance).described()}

    def list_arns(self, params: Json) -> Json:
        """ListContainerInstances, with `filter` in the cluster query language and `status`."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        matches = parse(params["filter"]) if params.get("filter") else None
        status = params.get("status")
        with self._store.read() as state:
            arns = [
                instance.container_instance_arn
                for instance in capacity.members(state, cluster_arn)
                if status in (None, instance.status)
                and (matches is None or matches(capacity.measure(self._store, state, instance).subjects()))
            ]
        shown, token = page(
            arns, token=params.get("nextToken"), size=_size(params), key=str,
            refused=invalid_parameter("Invalid token."),
        )  # fmt: skip
        return {"containerInstanceArns": shown} | ({"nextToken": token} if token else {})

    def describe(self, params: Json) -> Json:
        """DescribeContainerInstances; those unknown are `failures` with reason MISSING."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        references = params["containerInstances"]
        if not references:
            raise invalid_parameter("Container instances can not be empty.")
        if len(references) > PAGE:
            raise invalid_parameter("Container instances can have at most 100 items.")
        tags = "TAGS" in params.get("include", [])
        found: list[Json] = []
        failures: list[Json] = []
        with self._store.read() as state:
            for reference in references:
                instance = _find(state, cluster_arn, reference)
                if instance is None:
                    failures.append(missing(cluster_arn, "container-instance", reference))
                    continue
                described = capacity.measure(self._store, state, instance).described()
                found.append(described if tags else described | {"tags": []})
        return {"containerInstances": found, "failures": failures}

    def update_state(self, params: Json) -> Json:
        """UpdateContainerInstancesState: ACTIVE or DRAINING. Standalone tasks go on while draining."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        if params["status"] not in ("ACTIVE", "DRAINING"):
            raise invalid_parameter("Container instance status should be one of [ACTIVE, DRAINING].")
        if not 0 < len(params["containerInstances"]) <= 10:
            raise invalid_parameter("Between 1 and 10 container instances can be updated in one call.")
        found: list[Json] = []
        failures: list[Json] = []
        with self._store.change() as state:
            for reference in params["containerInstances"]:
                instance = _find(state, cluster_arn, reference)
                if instance is None:
                    failures.append(missing(cluster_arn, "container-instance", reference))
                    continue
                instance.status = params["status"]
                instance.version += 1
                found.append(capacity.measure(self._store, state, instance).described())
        return {"containerInstances": found, "failures": failures}

    def put_attributes(self, params: Json) -> Json:
        """PutAttributes, at most 10 in a call, on container instances."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        if len(params["attributes"]) > 10:
            raise invalid_parameter("Attributes can have at most 10 items.")
        with self._store.change() as state:
            for wanted in params["attributes"]:
                instance = _target(state, cluster_arn, wanted)
                fresh = Attribute(name=wanted["name"], value=wanted.get("value"))
                instance.attributes = _merged(instance.attributes, [fresh])
        return {"attributes": params["attributes"]}

    def delete_attributes(self, params: Json) -> Json:
        """DeleteAttributes."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        with self._store.change() as state:
            for wanted in params["attributes"]:
                instance = _target(state, cluster_arn, wanted)
                instance.attributes = [a for a in instance.attributes if a.name != wanted["name"]]
        return {"attributes": params["attributes"]}

    def list_attributes(self, params: Json) -> Json:
        """ListAttributes of type container-instance, by name and value."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        name, value = params.get("attributeName"), params.get("attributeValue")
        with self._store.read() as state:
            found = [
                Attribute(
                    name=a.name, value=a.value, target_type="container-instance",
                    target_id=c.instance.container_instance_arn,
                )
                for c in capacity.of_cluster(self._store, state, cluster_arn)
                for a in sorted(c.instance.attributes, key=lambda a: a.name)
                if name in (None, a.name) and value in (None, a.value)
            ]  # fmt: skip
        shown, token = page(
            found, token=params.get("nextToken"), size=_size(params), key=lambda a: f"{a.target_id} {a.name}",
            refused=invalid_parameter("Invalid token."),
        )  # fmt: skip
        return {"attributes": [a.wire() for a in shown]} | ({"nextToken": token} if token else {})


def missing(cluster_arn: str, kind: str, reference: str) -> Json:
    """The failure for a resource that does not exist."""
    return {"arn": _arn(cluster_arn, kind, reference), "reason": "MISSING"}


def _arn(cluster_arn: str, kind: str, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    return f"{cluster_arn.replace(':cluster/', f':{kind}/')}/{reference}"


def _find(state: InstanceState, cluster_arn: str, reference: str) -> Instance | None:
    """A container instance of a cluster by ARN or id; instances are kept by ARN."""
    found = state.instances.get(_arn(cluster_arn, "container-instance", reference))
    return found if found and found.cluster_arn == cluster_arn else None


def _target(state: InstanceState, cluster_arn: str, wanted: Json) -> Instance:
    if wanted.get("targetType", "container-instance") != "container-instance":
        raise invalid_parameter("The target type of an attribute is container-instance.")
    instance = _find(state, cluster_arn, wanted.get("targetId", ""))
    if instance is None:
        raise ServiceError("TargetNotFoundException", "The specified target was not found.")
    return instance


def _merged(old: list[Attribute], fresh: list[Attribute]) -> list[Attribute]:
    by_name = {attribute.name: attribute for attribute in [*old, *fresh]}
    return [by_name[name] for name in sorted(by_name)]


def _size(params: Json) -> int:
    size = int(params.get("maxResults", PAGE))
    if not 1 <= size <= PAGE:
        raise invalid_parameter("maxResults should be between 1 and 100.")
    return size
