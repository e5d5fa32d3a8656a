"""The awslogs driver: a container's output to CloudWatch Logs, line by line while it runs."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import ContainerProvider
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from sandbox import acs
from sandbox.agent.runner import CannotStart

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

logger = logging.getLogger(__name__)

#: Source: Amazon CloudWatch Logs API Reference, PutLogEvents: 1,048,576 bytes and 10,000 events a batch,
#: 26 bytes of overhead an event, and 1 MB an event.
BATCH_BYTES = 1_048_576
BATCH_EVENTS = 10_000
EVENT_OVERHEAD_BYTES = 26
EVENT_BYTES = 256 * 1024

_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class LogTarget:
    """Where the awslogs driver of a container writes."""

    group: str
    stream: str
    region: str
    create_group: bool


def log_target(container: acs.Container) -> LogTarget | None:
    """Where a container's output goes; None where no awslogs driver with a stream is asked for."""
    log = json.loads(container.docker_config.host_config).get("LogConfig", {})
    options = log.get("Config", {})
    if log.get("Type") != "awslogs" or not options.get("awslogs-stream"):
        return None
    return LogTarget(
        group=options["awslogs-group"],
        stream=options["awslogs-stream"],
        region=options["awslogs-region"],
        create_group=options.get("awslogs-create-group") == "true",
    )


class LogStream:
    """Ships lines to one log stream, with the keys of the task's execution role.

    The emulator with IAM enforcement denies correct policies on `log-group:NAME:*`; then the lines can be
    shipped with its root key instead.

    Args:
        target: group, stream and region.
        credentials_url: where the keys are served; None for the emulator's root key.
        emulator_url: CloudWatch Logs.

    Raises:
        CannotStart: the stream cannot be made, as when the group does not exist.
    """

    def __init__(self, target: LogTarget, *, credentials_url: str | None, emulator_url: str) -> None:
        self._target = target
        self._client = _client(target.region, credentials_url, emulator_url)
        self._waiting: deque[InputLogEventTypeDef] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._create()
        self._thread = threading.Thread(target=self._ship, name="awslogs", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Take a line; it is on its way within a quarter of a second."""
        encoded = line.encode()
        for start in range(0, len(encoded), EVENT_BYTES):
            part = encoded[start : start + EVENT_BYTES].decode("utf-8", errors="replace")
            self._waiting.append({"timestamp": int(time.time() * 1000), "message": part})

    def close(self, *, seconds: float) -> bool:
        """Ship what is left; False when that took longer than `seconds`, and goes on."""
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _create(self) -> None:
        group, stream = self._target.group, self._target.stream
        there = self._client.exceptions.ResourceAlreadyExistsException
        try:
            if self._target.create_group:
                with suppress(there):
                    self._client.create_log_group(logGroupName=group)
            with suppress(there):
                self._client.create_log_stream(logGroupName=group, logStreamName=stream)
        except (ClientError, BotoCoreError) as error:
            raise CannotStart(
                "CannotStartContainerError: failed to initialize logging driver: failed to create Cloudwatch "
                f"log stream {stream} in {group}: {error}"
            ) from error

    def _ship(self) -> None:
        while True:
            self._wake.wait(_PAUSE_SECONDS)
            batch = self._batch()
            if not batch:
                if self._closing:
                    return
                continue
            while not self._sent(batch):
                time.sleep(1.0)

    def _batch(self) -> list[InputLogEventTypeDef]:
        batch: list[InputLogEventTypeDef] = []
        size = 0
        while self._waiting and len(batch) < BATCH_EVENTS:
            size += len(self._waiting[0]["message"].encode()) + EVENT_OVERHEAD_BYTES
            if size > BATCH_BYTES:
                break
            event = self._waiting.popleft()
            if event["message"]:
                batch.append(event)
        return batch

    def _sent(self, batch: list[InputLogEventTypeDef]) -> bool:
        try:
            self._client.put_log_events(
                logGroupName=self._target.group, logStreamName=self._target.stream, logEvents=batch
            )
        except (ClientError, BotoCoreError) as error:
            logger.warning("log stream %s: %s; trying again", self._target.stream, error)
            return False
        return True


@cache
def _service_files() -> Loader:
    """Shared by all tasks of the agent: a client of its own would read megabytes of service files again."""
    return create_loader()


def _client(region: str, credentials_url: str | None, emulator_url: str) -> CloudWatchLogsClient:
    session = botocore.session.get_session()
    session.register_component("data_loader", _service_files())
    if credentials_url:
        provider = ContainerProvider(environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials_url})
        session.get_component("credential_provider").providers = [provider]
    else:
        session.set_credentials("test", "test")
    settings = Config(retries={"total_max_attempts": 2}, connect_timeout=3, read_timeout=10)
    return boto3.Session(botocore_session=session, region_name=region).client(
        "logs", endpoint_url=emulator_url, config=settings
    )
