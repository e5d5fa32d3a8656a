"""The service model of botocore as judge: every request and every answer is held to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.model import ServiceModel as BotocoreModel
from botocore.validate import ParamValidator

from sandbox.endpoint.errors import ServiceError

#: JSON object of a request or an answer, as it is on the wire.
Json = dict[str, Any]


#: Errors that any operation answers. Source: "Common Error Types" of the API references of ECS and SSM.
_COMMON_ERRORS = {"AccessDeniedException", "ValidationException", "ThrottlingException"}


class ModelViolation(Exception):
    """An answer of this endpoint is not of the shape that the service model gives: a fault of ours."""


class ServiceModel:
    """Requests and answers of one service.

    Args:
        service: botocore's name, `ecs` or `ssm`.
        violation: exception code that the service answers a malformed request with.
    """

    def __init__(self, service: str, *, violation: str) -> None:
        self._model = _service_model(service)
        self._violation = violation

    @property
    def target_prefix(self) -> str:
        """What the `X-Amz-Target` header of the service begins with."""
        return str(self._model.metadata["targetPrefix"])

    def check_request(self, operation: str, params: Json) -> None:
        """Hold a request to the model.

        Raises:
            ServiceError: a member is missing, unknown, of the wrong type, out of range or not in its enum.
        """
        shape = self._model.operation_model(operation).input_shape
        if shape is None:
            return
        report = ParamValidator().validate(params, shape)
        problem = (
            report.generate_report()
            if report.has_errors()
            else next(_broken_constraints(shape, params, ""), "")
        )
        if problem:
            raise ServiceError(self._violation, problem)

    def check_answer(self, operation: str, answer: Json) -> None:
        """Hold an answer to the model.

        Raises:
            ModelViolation: the answer has another shape than a client expects.
        """
        shape = self._model.operation_model(operation).output_shape
        if shape is None:
            if answer:
                raise ModelViolation(f"{operation} answers nothing, but this would: {sorted(answer)}")
            return
        report = ParamValidator().validate(answer, shape)
        problem = (
            report.generate_report()
            if report.has_errors()
            else next(_broken_constraints(shape, answer, ""), "")
        )
        if problem:
            raise ModelViolation(f"{operation}: {problem}")

    def check_error(self, operation: str, error: ServiceError) -> None:
        """Hold an error to the model.

        Raises:
            ModelViolation: the operation has no such error, and it is none that every operation has.
        """
        listed = {shape.name for shape in self._model.operation_model(operation).error_shapes}
        if error.code not in listed | _COMMON_ERRORS:
            raise ModelViolation(f"{operation} has no {error.code}, only {', '.join(sorted(listed))}")


@cache
def _service_model(service: str) -> Any:
    raw = botocore.session.get_session().get_component("data_loader").load_service_model(service, "service-2")
    if service == "ssm":
        # The model wants at least 1, and yet SSM answers 0 for an activation that nobody has used (AWS CLI
        # reference, describe-activations, example).
        raw["shapes"]["RegistrationsCount"].pop("min", None)
    return BotocoreModel(raw, service)


def _broken_constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What botocore's validator leaves to the server: enums, maxima and patterns."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if isinstance(value, Mapping) and name in value:
                yield from _broken_constraints(member, value[name], f"{path}.{name}" if path else name)
        return
    if isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from _broken_constraints(shape.member, item, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _broken_constraints(shape.value, item, f"{path}.{key}")
    yield from _broken_limits(shape, value, path)


def _broken_limits(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    where = f"1 validation error detected: Value at '{path}' failed to satisfy constraint: "
    if "enum" in limits and value not in limits["enum"]:
        yield f"{where}Member must satisfy enum value set: [{', '.join(limits['enum'])}]"
    if "max" in limits and isinstance(value, int | float) and value > limits["max"]:
        yield f"{where}Member must have value less than or equal to {limits['max']}"
    if "max" in limits and isinstance(value, str | list) and len(value) > limits["max"]:
        yield f"{where}Member must have length less than or equal to {limits['max']}"
    # Patterns with Unicode classes (\p{L}) are Java's; Python's re has no word for them.
    pattern = limits.get("pattern")
    if pattern and "\\p{" not in pattern and isinstance(value, str) and not re.search(pattern, value):
        yield f"{where}Member must satisfy regular expression pattern: {pattern}"
