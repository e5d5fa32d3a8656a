"""What the task definition hands over in environment variables, and how it is read."""

from __future__ import annotations

import json
import os
import re
import secrets
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_etl import __version__, sinks
from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import UserError
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification, check_digest

_ATTEMPT = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`specifications` and `lake` are `s3://BUCKET[/PREFIX]` or `file:///…`; `secret` a name or `file:///….json`.

    `trial`: somebody tries a pipeline on their own machine, with whatever intervals.
    """

    specifications: str
    lake: str
    secret: str
    trial: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read HYBRID_SPECIFICATIONS, HYBRID_LAKE and HYBRID_SECRET; raises UserError when one is missing.

        HYBRID_TRIAL, which no task definition sets, makes it a trial.
        """
        names = {"specifications": "HYBRID_SPECIFICATIONS", "lake": "HYBRID_LAKE", "secret": "HYBRID_SECRET"}
        missing = [name for name in names.values() if not environment.get(name)]
        if missing:
            raise UserError(f"{', '.join(missing)} not set; the task definition sets them.")
        trial = environment.get("HYBRID_TRIAL") == "1"
        return cls(trial=trial, **{key: environment[name] for key, name in names.items()})

    def read_specification(self, sha256: str) -> Specification:
        """The specification of that digest; raises UserError when it is absent, altered or wrong."""
        where = f"{self.specifications.rstrip('/')}/{check_digest(sha256)}.json"
        return Specification.parse(sinks.read(where), digest=sha256, where=where)

    def read_lake(self, key: str) -> bytes:
        """A small object of the lake; raises UserError when it is absent or not granted, else Failure."""
        return sinks.read(f"{self.lake.rstrip('/')}/{key}")

    def read_secret(self, engine: str) -> Secret:
        """The credentials of the source; raises UserError when they are absent or incomplete."""
        if self.secret.startswith("file://"):
            content = sinks.read(self.secret).decode("utf-8", "replace")
        else:
            from hybrid_etl import aws

            content = aws.read_secret(self.secret)
        return Secret.parse(content, where=self.secret, default_port=ENGINES[engine].port, engine=engine)


def attempt_name(text: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Name of this try: as given, else the ECS task id, else random; raises UserError for a wrong one."""
    if text is not None:
        if not _ATTEMPT.fullmatch(text):
            raise UserError(f"--attempt {text!r} must be 1 to 64 letters, digits, '_' or '-'.")
        return text
    task = str(_metadata(environment, "/task").get("TaskARN", "")).rpartition("/")[2]
    return task if _ATTEMPT.fullmatch(task) else secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class Image:
    """What runs: the program's version, and in an ECS task the image's name and its digest.

    `base` is what the image was built on, NAME@DIGEST; None outside of an image.
    """

    version: str = __version__
    name: str | None = None
    digest: str | None = None
    base: str | None = None

    @classmethod
    def running(cls, environment: Mapping[str, str] = os.environ) -> Image:
        """This container's image, as the ECS agent names it."""
        found = _metadata(environment, "")
        base, digest = environment.get("HYBRID_ETL_BASE"), environment.get("HYBRID_ETL_BASE_DIGEST")
        if base and digest and "@" not in base:
            base = f"{base}@{digest}"
        return cls(name=found.get("Image"), digest=found.get("ImageID"), base=base or None)


def _metadata(environment: Mapping[str, str], path: str) -> dict[str, Any]:
    """An answer of the agent (Amazon ECS Developer Guide, "Task metadata endpoint version 4"), or nothing."""
    endpoint = environment.get("ECS_CONTAINER_METADATA_URI_V4")
    if not endpoint:
        return {}
    try:
        with urllib.request.urlopen(endpoint + path, timeout=2) as answer:  # noqa: S310 - set by ECS
            found = json.loads(answer.read(1 << 20))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
