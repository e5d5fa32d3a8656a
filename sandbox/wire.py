"""Switches of a local site, as typed JSON: what its tests and its demo ask of the endpoint beyond AWS."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Base of all messages: immutable, and no field goes unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FargateHello(Message):
    """A Fargate host announces itself: no activation, no cluster, the capacity is the provider's."""

    name: str


class FargateWelcome(Message):
    """Who a Fargate host is from now on, and the keys that it signs with; AWS shows neither to anybody."""

    host: str
    container_instance_arn: str
    access_key_id: str
    secret_access_key: str


class Clock(Message):
    """How far the clock of ECS is ahead of this machine's, in seconds: all times that ECS tells are so."""

    ahead: float


class Fault(Message):
    """The next `times` calls of an operation fail.

    The operation is one of ECS, SSM, or a service behind the endpoint with the same protocol, such as
    `GetLogEvents`; or `s3:` with a method, such as `s3:GET`. With `after`, the operation takes effect and
    only its answer is lost, as when a connection breaks.
    """

    operation: str
    times: int = 1
    code: str = "ThrottlingException"
    message: str = "Rate exceeded"
    status: int = 400
    after: bool = False
