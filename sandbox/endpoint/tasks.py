"""Tasks: run, stop, describe, list, and what hosts report of them."""

from __future__ import annotations

import hashlib
import json
import time
import uuid

from sandbox.endpoint import capacity, placement
from sandbox.endpoint.errors import ServiceError, client_error, invalid_parameter
from sandbox.endpoint.instances import missing
from sandbox.endpoint.launch import Blueprint, blueprint
from sandbox.endpoint.model import Json
from sandbox.endpoint.paging import page
from sandbox.endpoint.shapes import Attribute, Container, InstanceState, LaunchToken, Tag, Task, TaskRecord
from sandbox.endpoint.store import Store
from sandbox.endpoint.upstream import Upstream

#: Most tasks of a page and of DescribeTasks. Source: Amazon ECS API Reference.
PAGE = 100

#: Most tasks of one RunTask. Source: Amazon ECS API Reference, RunTask.
MOST_TASKS = 10

_FORWARD = {"PROVISIONING": 0, "PENDING": 1, "RUNNING": 2, "STOPPED": 3}


class Tasks:
    """Operations on tasks.

    Args:
        store: the state.
        upstream: where clusters, task definitions and roles are known.
    """

    def __init__(self, store: Store, upstream: Upstream) -> None:
        self._store = store
        self._upstream = upstream

    def run(self, params: Json) -> Json:
        """RunTask: place and start up to ten tasks, once per client token."""
        _check_run(params)
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        token = params.get("clientToken")
        digest = hashlib.sha256(
            json.dumps({k: v for k, v in params.items() if k != "clientToken"}, sort_keys=True).encode()
        ).hexdigest()
        key = f"{cluster_arn} {token}"
        with self._store.read() as state:
            repeated = _repeated(state, key, digest) if token else None
        if repeated is not None:
            return repeated
        plan = blueprint(self._upstream, params, launch_type=_launch_type(params))
        params = {**params, "tags": self._tags(params)}
        with self._store.change() as state:
            # Two calls with one token may both have come this far; only one of them starts tasks.
            repeated = _repeated(state, key, digest) if token else None
            if repeated is not None:
                return repeated
            started, failures = self._start(state, cluster_arn, plan, params)
            if token and started:
                arns = [record.task.task_arn for record in started]
                state.launch_tokens[key] = LaunchToken(digest=digest, task_arns=arns, at=time.time())
            return {"tasks": [record.task.wire() for record in started], "failures": failures}

    def stop(self, params: Json) -> Json:
        """StopTask: the host is told; the task is STOPPED when the host says so."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        with self._store.change() as state:
            record = _find(state, cluster_arn, params["task"])
            if record is None:
                raise invalid_parameter("The referenced task was not found.")
            task = record.task
            if task.desired_status != "STOPPED":
                task.desired_status = "STOPPED"
                task.stop_code = "UserInitiated"
                task.stopped_reason = params.get("reason") or "Task stopped by user"
                task.stopping_at = time.time()
                task.version += 1
            return {"task": task.wire()}

    def describe(self, params: Json) -> Json:
        """DescribeTasks; those unknown or forgotten are `failures` with reason MISSING."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        if not params["tasks"]:
            raise invalid_parameter("Tasks cannot be empty.")
        if len(params["tasks"]) > PAGE:
            raise invalid_parameter("Tasks can have at most 100 items.")
        tags = "TAGS" in params.get("include", [])
        found: list[Json] = []
        failures: list[Json] = []
        with self._store.read() as state:
            for reference in params["tasks"]:
                record = _find(state, cluster_arn, reference)
                if record is None:
                    failures.append(missing(cluster_arn, "task", reference))
                    continue
                found.append(record.task.wire() if tags else record.task.wire() | {"tags": []})
        return {"tasks": found, "failures": failures}

    def list_arns(self, params: Json) -> Json:
        """ListTasks, by desired status (RUNNING unless said), family, startedBy, instance, launch type."""
        cluster_arn = self._upstream.cluster_arn(params.get("cluster"))
        size = int(params.get("maxResults", PAGE))
        if not 1 <= size <= PAGE:
            raise invalid_parameter("maxResults should be between 1 and 100.")
        if params.get("serviceName"):
            raise ServiceError("ServiceNotFoundException", "Service not found.")
        instance = params.get("containerInstance")
        wanted = params.get("desiredStatus", "RUNNING")
        with self._store.read() as state:
            arns = sorted(
                r.task.task_arn
                for r in state.tasks.values()
                if r.task.cluster_arn == cluster_arn
                and r.task.desired_status == wanted
                and params.get("family") in (None, r.told.family)
                and params.get("startedBy") in (None, r.task.started_by)
                and params.get("launchType") in (None, r.task.launch_type)
                and (instance is None or (r.task.container_instance_arn or "").endswith(instance))
            )
        shown, token = page(
            arns,
            token=params.get("nextToken"),
            size=size,
            key=str,
            refused=invalid_parameter("Invalid token."),
        )
        return {"taskArns": shown} | ({"nextToken": token} if token else {})

    def submit(self, params: Json, host: str) -> Json:
        """SubmitTaskStateChange: take over what a host says; what is already further along stays."""
        status = params.get("status", "")
        with self._store.change() as state:
            record = state.tasks.get(params.get("task", ""))
            if (
                record is not None
                and record.host == host
                and _FORWARD.get(status, -1) >= _FORWARD[record.task.last_status]
                and not record.task.stopped
            ):
                _apply(record.task, params)
        return {"acknowledgment": status}

    def _start(
        self, state: InstanceState, cluster_arn: str, plan: Blueprint, params: Json
    ) -> tuple[list[TaskRecord], list[Json]]:
        started: list[TaskRecord] = []
        failures: list[Json] = []
        for _ in range(params.get("count", 1)):
            if plan.launch_type == "FARGATE":
                host, instance_arn = self._fargate_host(state), None
            else:
                chosen = self._place(state, cluster_arn, plan, params, failures)
                if chosen is None:
                    continue
                host, instance_arn = chosen.instance.ec2_instance_id, chosen.instance.container_instance_arn
            record = _record(cluster_arn, plan, params, host=host, instance_arn=instance_arn)
            state.tasks[record.task.task_arn] = record
            started.append(record)
        return started, failures

    def _tags(self, params: Json) -> list[Json]:
        """Tags of the call, and with `propagateTags` those of the task definition; the call's win."""
        tags = {tag["key"]: tag.get("value", "") for tag in params.get("tags", [])}
        if params.get("propagateTags") == "TASK_DEFINITION":
            inherited = self._upstream.definition_tags(params["taskDefinition"])
            tags = {tag["key"]: tag.get("value", "") for tag in inherited} | tags
        return [{"key": key, "value": value} for key, value in tags.items()]

    def _place(
        self, state: InstanceState, cluster_arn: str, plan: Blueprint, params: Json, failures: list[Json]
    ) -> capacity.Capacity | None:
        candidates = [
            c for c in capacity.of_cluster(self._store, state, cluster_arn) if c.instance.status == "ACTIVE"
        ]
        if not candidates:
            raise invalid_parameter("No Container Instances were found in your cluster.")
        asked = [(c.get("type", ""), c.get("expression", "")) for c in params.get("placementConstraints", [])]
        compiled = placement.constraints([*plan.placement, *asked])
        need = placement.Need(
            cpu=plan.cpu,
            memory=plan.memory,
            group=_group(params, plan),
            members_of=compiled.members_of,
            distinct=compiled.distinct,
            requirements=plan.requirements,
        )
        refusals = [(c, placement.refusal(c, need)) for c in candidates]
        fitting = [c for c, reason in refusals if reason is None]
        if not fitting:
            failures += [
                {"arn": c.instance.container_instance_arn, "reason": reason} for c, reason in refusals
            ]
            return None
        return placement.choose(fitting, _strategy(params))

    def _fargate_host(self, state: InstanceState) -> str:
        hosts = [h for h in state.hosts.values() if h.fargate and self._store.connected(h)]
        if not hosts:
            raise client_error(
                "Capacity is unavailable at this time. Please try again later or in a different "
                "availability zone"
            )
        busy = [record.host for record in state.tasks.values() if not record.task.stopped]
        return min(hosts, key=lambda host: busy.count(host.host)).host


def _check_run(params: Json) -> None:
    if not 1 <= params.get("count", 1) <= MOST_TASKS:
        raise invalid_parameter(f"Count must be between 1 and {MOST_TASKS}.")
    if len(params.get("startedBy", "")) > 128:
        raise invalid_parameter("startedBy can have at most 128 characters.")
    token = params.get("clientToken", "x")
    if not 1 <= len(token) <= 64 or any(not 33 <= ord(c) <= 126 for c in token):
        raise invalid_parameter("clientToken must have 1 to 64 characters of the range 33-126.")
    if params.get("group", "").startswith("family:"):
        raise invalid_parameter("The group of a task cannot begin with family:.")
    if params.get("propagateTags") == "SERVICE":
        raise invalid_parameter("A standalone task cannot propagate the tags of a service.")
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise invalid_parameter(
            "Specifying both a launch type and capacity provider strategy is not supported."
        )


def _launch_type(params: Json) -> str:
    providers = [item["capacityProvider"] for item in params.get("capacityProviderStrategy", [])]
    if providers and set(providers) <= {"FARGATE", "FARGATE_SPOT"}:
        return "FARGATE"
    if providers:
        raise invalid_parameter("The specified capacity provider was not found.")
    return str(params.get("launchType", "EC2"))


def _repeated(state: InstanceState, key: str, digest: str) -> Json | None:
    launch = state.launch_tokens.get(key)
    if launch is None:
        return None
    if launch.digest != digest:
        raise ServiceError("ConflictException", "The clientToken was used with other parameters.")
    known = [state.tasks[arn].task.wire() for arn in launch.task_arns if arn in state.tasks]
    return {"tasks": known, "failures": []}


def _strategy(params: Json) -> list[placement.Strategy]:
    steps = params.get("placementStrategy", [])
    return [placement.Strategy(step["type"], step.get("field", "")) for step in steps if step.get("type")]


def _group(params: Json, plan: Blueprint) -> str:
    return str(params.get("group") or f"family:{plan.family}")


def _record(
    cluster_arn: str, plan: Blueprint, params: Json, *, host: str, instance_arn: str | None
) -> TaskRecord:
    arn = cluster_arn.replace(":cluster/", ":task/") + "/" + uuid.uuid4().hex
    fargate = plan.launch_type == "FARGATE"
    told = plan.task(arn, cluster_arn=cluster_arn)
    container = told.container
    task = Task(
        task_arn=arn,
        cluster_arn=cluster_arn,
        task_definition_arn=plan.definition_arn,
        launch_type=plan.launch_type,
        last_status="PROVISIONING" if fargate else "PENDING",
        group=_group(params, plan),
        containers=[
            Container(
                container_arn=container.container_arn,
                task_arn=arn,
                name=container.name,
                image=container.image,
                cpu=str(container.cpu),
                memory=str(container.memory) if container.memory else None,
                memory_reservation=str(plan.memory_reservation) if plan.memory_reservation else None,
            )
        ],
        overrides=_overrides(params, container.name),
        attachments=_interfaces(params) if fargate else [],
        attributes=[Attribute(name="ecs.cpu-architecture", value="x86_64")],
        tags=[Tag.model_validate(tag) for tag in params.get("tags", [])],
        cpu=str(plan.cpu),
        memory=str(plan.memory),
        container_instance_arn=instance_arn,
        started_by=params.get("startedBy"),
        platform_version="1.4.0" if fargate else None,
        platform_family="Linux" if fargate else None,
    )
    return TaskRecord(
        task=task,
        told=told,
        host=host,
        cpu=plan.cpu,
        memory=plan.memory,
        task_role_arn=plan.task_role_arn,
        execution_role_arn=plan.execution_role_arn,
    )


def _overrides(params: Json, container: str) -> Json:
    given: Json = params.get("overrides", {})
    return {"containerOverrides": [{"name": container}], "inferenceAcceleratorOverrides": []} | given


def _interfaces(params: Json) -> list[Json]:
    subnet = params["networkConfiguration"]["awsvpcConfiguration"]["subnets"][0]
    return [
        {
            "id": str(uuid.uuid4()),
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [{"name": "subnetId", "value": subnet}],
        }
    ]


def _apply(task: Task, said: Json) -> None:
    container, now = task.containers[0], time.time()
    of_container: Json = next(
        (c for c in said.get("containers", []) if c["containerName"] == container.name), {}
    )
    task.version += 1
    task.last_status = container.last_status = said["status"]
    if task.connectivity is None:
        task.connectivity, task.connectivity_at = "CONNECTED", now
    task.pull_started_at = said.get("pullStartedAt") or task.pull_started_at
    task.pull_stopped_at = said.get("pullStoppedAt") or task.pull_stopped_at
    container.runtime_id = of_container.get("runtimeId") or container.runtime_id
    container.image_digest = of_container.get("imageDigest") or container.image_digest
    if said["status"] == "RUNNING":
        task.started_at = task.started_at or now
    if said["status"] == "STOPPED":
        container.exit_code, container.reason = of_container.get("exitCode"), of_container.get("reason")
        _finish(task, said)


def _finish(task: Task, said: Json) -> None:
    now = time.time()
    never_ran = task.started_at is None and task.containers[0].exit_code is None
    if task.desired_status != "STOPPED":
        task.stop_code = "TaskFailedToStart" if never_ran else "EssentialContainerExited"
        usual = "Task failed to start" if never_ran else "Essential container in task exited"
        task.stopped_reason = said.get("reason") or usual
        task.stopping_at = now
    task.desired_status = "STOPPED"
    task.execution_stopped_at = said.get("executionStoppedAt") or now
    task.stopped_at = now
    for attachment in task.attachments:
        attachment["status"] = "DELETED"


def _find(state: InstanceState, cluster_arn: str, reference: str) -> TaskRecord | None:
    record = state.tasks.get(reference)
    if record is None and not reference.startswith("arn:"):
        record = state.tasks.get(f"{cluster_arn.replace(':cluster/', ':task/')}/{reference}")
    return record if record and record.task.cluster_arn == cluster_arn else None
