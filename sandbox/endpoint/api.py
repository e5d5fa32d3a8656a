"""Which operations are answered here, which are passed on, and the AWS JSON 1.1 protocol around them."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sandbox import node_signature
from sandbox.endpoint.access import Access
from sandbox.endpoint.activations import Activations
from sandbox.endpoint.agents import AgentLines
from sandbox.endpoint.errors import ServiceError
from sandbox.endpoint.faults import Faults
from sandbox.endpoint.instances import Instances
from sandbox.endpoint.model import Json, ModelViolation, ServiceModel
from sandbox.endpoint.shapes import HostRecord
from sandbox.endpoint.store import Store
from sandbox.endpoint.tags import Tags
from sandbox.endpoint.tasks import Tasks
from sandbox.endpoint.upstream import Answer, Upstream
from sandbox.wire import Fault

logger = logging.getLogger(__name__)

_CONTENT_TYPE = "application/x-amz-json-1.1"
#: Scope of a signature. Source: AWS General Reference, "Create a signed AWS API request".
_OF_S3 = re.compile(r"Credential=[^,]+/s3/aws4_request")

#: What the name of a fault of S3 begins with; its method follows.
_S3 = "s3:"

#: ECS operations that the emulator would answer, wrongly, without containers behind them.
_REFUSED = frozenset({
    "StartTask", "ExecuteCommand", "UpdateContainerAgent", "SubmitAttachmentStateChanges",
    "UpdateTaskProtection", "GetTaskProtection",
})  # fmt: skip


#: Members that agents send and the public model does not have. Source: amazon-ecs-agent's own model.
_OF_AGENTS = {"RegisterContainerInstance": {"clientToken"}, "DiscoverPollEndpoint": {"zoneId"}}

#: Operations of the SSM agent: no public model has them.
_OF_THE_SSM_AGENT = frozenset({
    "RegisterManagedInstance", "RequestManagedInstanceRoleToken", "UpdateInstanceInformation"
})  # fmt: skip


@dataclass(frozen=True)
class Request:
    """An HTTP request; header names in lower case in `headers`, as they came in `raw_headers`."""

    method: str
    path: str
    raw_headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """A header, or the empty string."""
        return next((value for key, value in self.raw_headers if key.lower() == name), "")


Handler = Callable[[Json, Request], Json]


class Api:
    """ECS and SSM.

    Args:
        store: the state.
        upstream: the emulator.
        access: knows which host an access key was given to.
        activations: hybrid activations and managed nodes.
        agents: the websockets of the ECS agents.
        faults: what is to fail.
    """

    def __init__(
        self,
        store: Store,
        *,
        upstream: Upstream,
        access: Access,
        activations: Activations,
        agents: AgentLines,
        faults: Faults,
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._access = access
        self._faults = faults
        self._activations = activations
        self._agents = agents
        self._tasks = Tasks(store, upstream)
        self._instances = Instances(store, upstream)
        self._models = {
            "ecs": ServiceModel("ecs", violation="InvalidParameterException"),
            "ssm": ServiceModel("ssm", violation="ValidationException"),
        }
        self._handlers: Mapping[str, Mapping[str, Handler]] = {
            "ecs": self._ecs_handlers(Tags(store)),
            "ssm": _ssm_handlers(activations) | self._agents_handlers(),
        }

    def answer(self, request: Request) -> Answer:
        """Answer an AWS request: here, or from the emulator."""
        service, operation = self._addressed(request)
        fault = self._faults.take(operation) if operation else None
        try:
            if fault and not fault.after:
                raise _injected(fault)
            answer = self._served(service, operation, request)
            if fault:
                raise _injected(fault)
        except ServiceError as error:
            logger.info("%s %s", operation or request.path, error.code)
            return _xml_error(error) if operation.startswith(_S3) else error_answer(error)
        except ModelViolation as violation:
            logger.exception("an answer breaks the service model")
            return error_answer(ServiceError("ServerException", str(violation), status=500))
        return answer

    def _addressed(self, request: Request) -> tuple[str, str]:
        prefix, _, operation = request.header("x-amz-target").rpartition(".")
        if not operation and _OF_S3.search(request.header("authorization")):
            return "", f"{_S3}{request.method}"
        service = next((name for name, model in self._models.items() if model.target_prefix == prefix), "")
        return service, operation

    def _served(self, service: str, operation: str, request: Request) -> Answer:
        self._access.admit(request.header("authorization"), f"{service}:{operation}")
        handler = self._handlers.get(service, {}).get(operation)
        if service == "ecs" and operation in _REFUSED:
            raise ServiceError("UnsupportedFeatureException", f"the local site has no {operation}.")
        if handler is None:
            return self._forwarded(service, operation, request)
        params = _parameters(request, service)
        if params is None or not _is_ours(service, operation, params):
            return self._forwarded(service, operation, request)
        if not request.header("authorization") and operation != "RegisterManagedInstance":
            raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
        if operation in _OF_THE_SSM_AGENT:
            return json_answer(handler(params, request))
        model = self._models[service]
        private = _OF_AGENTS.get(operation, set())
        model.check_request(operation, {n: value for n, value in params.items() if n not in private})
        try:
            result = handler(params, request)
        except ServiceError as error:
            model.check_error(operation, error)
            raise
        if service == "ecs":
            result = self._faults.told(result)
        model.check_answer(operation, result)
        logger.info("%s", operation)
        return json_answer(result)

    def _forwarded(self, service: str, operation: str, request: Request) -> Answer:
        answer = self._upstream.forward(request.method, request.path, request.raw_headers, request.body)
        if service == "ecs" and operation == "DescribeClusters" and answer.status == 200:
            return self._with_counts(answer)
        return answer

    def _with_counts(self, answer: Answer) -> Answer:
        """The emulator knows no container instance; what runs is counted here."""
        result: Json = json.loads(answer.body)
        with self._store.read() as state:
            hosts = Counter(instance.cluster_arn for instance in state.instances.values())
            live = [record.task for record in state.tasks.values() if not record.task.stopped]
        tasks = Counter((task.cluster_arn, task.last_status == "RUNNING") for task in live)
        for cluster in result.get("clusters", []):
            arn = cluster.get("clusterArn")
            cluster["registeredContainerInstancesCount"] = hosts[arn]
            cluster["runningTasksCount"] = tasks[arn, True]
            cluster["pendingTasksCount"] = tasks[arn, False]
        self._models["ecs"].check_answer("DescribeClusters", result)
        return json_answer(result)

    def _ecs_handlers(self, tags: Tags) -> dict[str, Handler]:
        instances, tasks = self._instances, self._tasks
        return {
            "RegisterContainerInstance": self._register_instance,
            "DiscoverPollEndpoint": lambda _params, _request: self._agents.discovered(),
            "SubmitTaskStateChange": lambda params, request: tasks.submit(params, self._host(request).host),
            "SubmitContainerStateChange": lambda params, _request: {
                "acknowledgment": params.get("status", "")
            },
            "DeregisterContainerInstance": _plain(instances.deregister),
            "ListContainerInstances": _plain(instances.list_arns),
            "DescribeContainerInstances": _plain(instances.describe),
            "UpdateContainerInstancesState": _plain(instances.update_state),
            "PutAttributes": _plain(instances.put_attributes),
            "DeleteAttributes": _plain(instances.delete_attributes),
            "ListAttributes": _plain(instances.list_attributes),
            "RunTask": _plain(tasks.run),
            "StopTask": _plain(tasks.stop),
            "DescribeTasks": _plain(tasks.describe),
            "ListTasks": _plain(tasks.list_arns),
            "TagResource": _plain(tags.tag),
            "UntagResource": _plain(tags.untag),
            "ListTagsForResource": _plain(tags.list_tags),
        }

    def _register_instance(self, params: Json, request: Request) -> Json:
        host = self._access.caller(request.header("authorization"))
        return self._instances.register(params, node=host.host if host and host.node else None)

    def _agents_handlers(self) -> dict[str, Handler]:
        """What an SSM agent asks, before it has keys of a role and after."""
        activations = self._activations
        return {
            "RegisterManagedInstance": _plain(activations.register_node),
            "RequestManagedInstanceRoleToken": lambda _params, request: self._access.of_host(
                self._node(request)
            ),
            "UpdateInstanceInformation": lambda params, request: activations.update_node(
                params, self._host(request)
            ),
        }

    def _host(self, request: Request) -> HostRecord:
        """The host whose keys signed a request."""
        host = self._access.caller(request.header("authorization"))
        if host is None:
            raise ServiceError("AccessDeniedException", "The request is not of a host of this site.")
        return host

    def _node(self, request: Request) -> HostRecord:
        """The managed node that signed a request with its own key."""
        node = node_signature.signed_by(request.header("authorization"))
        host = self._access.node(node)
        headers = {name.lower(): value for name, value in request.raw_headers}
        if host is None or not node_signature.verified(
            request.method, f"http://{headers.get('host')}{request.path}",
            headers=headers, body=request.body, public_key=host.public_key, region=self._upstream.region,
        ):  # fmt: skip
            raise ServiceError("InvalidInstanceId", f"Not existing InstanceId {node}", status=403)
        return host


def json_answer(result: Json, *, status: int = 200, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A JSON answer with the request id that every AWS answer has."""
    headers = (("Content-Type", _CONTENT_TYPE), ("x-amzn-RequestId", str(uuid.uuid4())), *extra)
    return Answer(status, headers, json.dumps(result).encode())


def error_answer(error: ServiceError) -> Answer:
    """An error as the AWS JSON protocol writes it."""
    body = {"__type": error.code, "message": error.message}
    return json_answer(body, status=error.status, extra=(("x-amzn-ErrorType", error.code),))


def _xml_error(error: ServiceError) -> Answer:
    """An error as S3 writes it. Source: Amazon S3 API Reference, "Error responses"."""
    body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
    headers = (("Content-Type", "application/xml"), ("x-amz-request-id", str(uuid.uuid4())))
    return Answer(error.status, headers, body.encode())


def _ssm_handlers(activations: Activations) -> dict[str, Handler]:
    return {
        "CreateActivation": _plain(activations.create),
        "DescribeActivations": _plain(activations.describe),
        "DeleteActivation": _plain(activations.delete),
        "DescribeInstanceInformation": _plain(activations.describe_nodes),
        "DeregisterManagedInstance": _plain(activations.deregister_node),
        "AddTagsToResource": _plain(activations.add_tags),
        "RemoveTagsFromResource": _plain(activations.remove_tags),
        "ListTagsForResource": _plain(activations.list_tags),
    }


def _plain(operation: Callable[[Json], Json]) -> Handler:
    return lambda params, _request: operation(params)


def _parameters(request: Request, service: str) -> Json | None:
    try:
        params = json.loads(request.body or b"{}")
    except ValueError:
        raise ServiceError(
            "SerializationException", f"the body of the {service} request is not JSON"
        ) from None
    return params if isinstance(params, dict) else None


def _is_ours(service: str, operation: str, params: Json) -> bool:
    """Tags are kept where the resource is: tasks, instances and nodes here, the rest in the emulator."""
    if service == "ssm" and operation.endswith("ToResource") | operation.endswith(
        ("FromResource", "ForResource")
    ):
        return params.get("ResourceType") == "ManagedInstance"
    if service == "ecs" and operation in ("TagResource", "UntagResource", "ListTagsForResource"):
        return any(f":{kind}/" in str(params.get("resourceArn")) for kind in ("task", "container-instance"))
    return True


def _injected(fault: Fault) -> ServiceError:
    return ServiceError(fault.code, fault.message, status=fault.status)
