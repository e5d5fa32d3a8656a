"""Records the AWS calls of any Python process that finds this folder on PYTHONPATH: for tests only.

Python imports `sitecustomize` by itself. HYBRID_RECORD_CALLS names the file that gets a line of JSON a
call, HYBRID_RECORD_AS says whose calls they are. Only parameters that name things are kept: never a
body, a secret's value or an override's content.
"""

from __future__ import annotations

import json
import os
from typing import Any

_NAMES = {
    "Bucket",
    "Key",
    "Prefix",
    "SecretId",
    "cluster",
    "taskDefinition",
    "task",
    "tasks",
    "containerInstances",
    "logGroupName",
    "logStreamName",
    "Name",
    "Names",
}


def _record(params: dict[str, Any], model: Any, **_: Any) -> None:
    line = {
        "who": os.environ.get("HYBRID_RECORD_AS", ""),
        "service": model.service_model.service_id.lower().replace(" ", ""),
        "operation": model.name,
        "names": {key: value for key, value in params.items() if key in _NAMES},
        "tagged": bool(params.get("tags") or params.get("propagateTags")),
    }
    # One write of one line: processes and threads append without mixing their lines.
    with open(os.environ["HYBRID_RECORD_CALLS"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps(line) + "\n")


def _install() -> None:
    try:
        from botocore.session import Session  # noqa: PLC0415 - only where calls are recorded
    except ImportError:
        return
    original = Session.__init__

    def recording(self: Any, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.register("provide-client-params.*.*", _record)

    Session.__init__ = recording  # type: ignore[method-assign]


if os.environ.get("HYBRID_RECORD_CALLS"):
    _install()
