"""The container's log, carried to the Airflow log. It is for people: nothing here ever fails a task."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

#: Lines that a failure shows.
TAIL = 20
#: Events asked of GetLogEvents at once; 10,000 is its limit.
_PAGE = 1000
#: Seconds after a container's end in which its last lines may still arrive: awslogs flushes every 5 s.
FLUSH = 6.0
#: The level at which a container says why it failed.
ERROR = 40
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": ERROR, "critical": 50}


@dataclass(frozen=True)
class Line:
    """One line of the container: a level of Python's logging, what it says, and its other fields."""

    level: int
    message: str
    fields: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The line for the Airflow log."""
        rest = " ".join(f"{name}={value}" for name, value in self.fields.items() if value is not None)
        return f"{self.message} ({rest})" if rest else self.message


def read_line(raw: str) -> Line:
    """A line as the container prints it: a JSON object with `level` and `message`, or any text."""
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, dict) or "message" not in value:
        return Line(level=20, message=raw.rstrip(), fields={})
    rest = {key: item for key, item in value.items() if key not in {"level", "message", "time", "timestamp"}}
    level = _LEVELS.get(str(value.get("level", "info")).lower(), 20)
    return Line(level=level, message=str(value["message"]), fields=rest)


class LogReader:
    """Reads one log stream from where it left off, and keeps its last lines.

    A stream that is not there yet (or never will be), throttling and refusals are no errors: a later
    call reads on from the same place.

    Args:
        client: A CloudWatch Logs client of boto3.
        token: Where an earlier reader left off.
    """

    def __init__(self, client: Any, *, group: str, stream: str, token: str | None = None) -> None:
        self._client = client
        self.group = group
        self.stream = stream
        self.token = token
        self.tail: deque[Line] = deque(maxlen=TAIL)
        self.trouble: str | None = None
        self._silent = 0
        self._rest = 0

    def read(self) -> list[Line]:
        """The lines since the last call; none when the log cannot be read just now (`trouble` says why)."""
        lines: list[Line] = []
        while True:
            page = self._page()
            if page is None:
                break
            events, token = page
            lines.extend(read_line(event["message"]) for event in events)
            if token == self.token or not events:
                self.token = token
                break
            self.token = token
        self.tail.extend(lines)
        return lines

    def follow(self) -> list[Line]:
        """The lines since the last call, for whoever calls at every look at the container.

        A log that stays silent is asked at every second, fourth, then eighth call: GetLogEvents allows an
        account 10 calls a second (25 in some Regions), however many runs wait.
        """
        if self._rest > 0:
            self._rest -= 1
            return []
        lines = self.read()
        self._silent = 0 if lines else min(self._silent + 1, 3)
        self._rest = 2**self._silent - 1
        return lines

    def drain(self, ended_at: datetime) -> list[Line]:
        """The last lines of a container that ended then; waits for as long as its log driver may hold them.

        An error among them is its last word. An end that the clock of ECS puts into the future is now.
        """
        lines = self.read()
        until = min(ended_at, datetime.now(UTC)) + timedelta(seconds=FLUSH)
        while datetime.now(UTC) < until and self.trouble != "AccessDeniedException" and not self._has_error():
            time.sleep(0.5)
            lines += self.read()
        return lines

    def last_lines(self) -> list[Line]:
        """The last lines of the stream, as many as a failure shows, read afresh from its end."""
        try:
            answer = self._client.get_log_events(
                logGroupName=self.group, logStreamName=self.stream, startFromHead=False, limit=TAIL
            )
        except (ClientError, BotoCoreError):
            return list(self.tail)
        return [read_line(event["message"]) for event in answer["events"]] or list(self.tail)

    def _has_error(self) -> bool:
        return any(line.level >= ERROR for line in self.tail)

    def _page(self) -> tuple[list[dict[str, Any]], str | None] | None:
        where = {"nextToken": self.token} if self.token else {}
        try:
            answer = self._client.get_log_events(
                logGroupName=self.group, logStreamName=self.stream, startFromHead=True, limit=_PAGE, **where
            )
        except ClientError as error:
            self.trouble = error.response["Error"]["Code"]
            return None
        except BotoCoreError as error:
            self.trouble = type(error).__name__
            return None
        self.trouble = None
        return answer["events"], answer.get("nextForwardToken")
