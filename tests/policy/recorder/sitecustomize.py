"""Records AWS calls of any Python process that finds this folder on PYTHONPATH: for tests only.

Python imports `sitecustomize` by itself. HYBRID_RECORD_CALLS names the file that gets a line of JSON a
call. A client writes what it asks for, by botocore's events. The emulator writes what is signed with the
session of a role, as it comes over the wire, so that a container's calls are seen whatever runs in it; its
answers to AssumeRole say whose session a key belongs to. Only parameters that name things are kept: never a
body, a secret's value or an override's content.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote

_NAMES = {
    "ActivationId",
    "Bucket",
    "IamRole",
    "IfNoneMatch",
    "InstanceId",
    "Key",
    "Name",
    "Names",
    "Namespace",
    "Prefix",
    "ResourceType",
    "RoleArn",
    "SecretId",
    "StackName",
    "cluster",
    "clusters",
    "containerInstance",
    "containerInstances",
    "logGroupName",
    "logStreamName",
    "task",
    "taskDefinition",
    "tasks",
}

#: Method and query of a request for an object → operation (Amazon S3 API Reference).
_S3 = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "PUT partNumber uploadId": "UploadPart",
    "POST uploads": "CreateMultipartUpload",
    "POST uploadId": "CompleteMultipartUpload",
    "DELETE uploadId": "AbortMultipartUpload",
}

_SIGNED_WITH = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/")
_SESSION = "ASIA"


def _write(line: dict[str, Any]) -> None:
    # One write of one line: processes and threads append without mixing their lines.
    with open(os.environ["HYBRID_RECORD_CALLS"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps(line) + "\n")


def _call(key: str | None, service: str, operation: str, parameters: dict[str, Any]) -> None:
    _write(
        {
            "key": key,
            # Without the interpreter's own options, such as the -P of bin/hybrid.
            "program": [word for word in sys.orig_argv[1:] if word != "-P"][:4],
            "service": service,
            "operation": operation,
            "names": {name: value for name, value in parameters.items() if name in _NAMES},
            "tagged": any(parameters.get(name) for name in ("tags", "Tags", "propagateTags")),
        }
    )


class _Client(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads `botocore.session` so that every session records; costs nothing where nobody asks for it."""

    _name = "botocore.session"

    def find_spec(self, fullname: str, *_: Sequence[str] | ModuleType | None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(fullname)
        if found is None or found.loader is None:
            return None
        self._loader, found.loader = found.loader, self
        return found

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        session: Any = module.Session
        original = session.__init__

        def recording(self: Any, *arguments: Any, **keywords: Any) -> None:
            original(self, *arguments, **keywords)
            self.register("provide-client-params.*.*", _keep)
            self.register("before-call.*.*", _record)

        session.__init__ = recording


def _keep(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["hybrid_parameters"] = params


def _record(model: Any, request_signer: Any, context: dict[str, Any], **_: Any) -> None:
    credentials = request_signer._credentials
    _call(
        credentials.access_key if credentials else None,
        model.service_model.signing_name,
        model.name,
        context.get("hybrid_parameters", {}),
    )


class _Wire:
    """An ASGI application in front of the emulator's.

    Args:
        app: the emulator's.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        signed = _SIGNED_WITH.search(headers.get("authorization", ""))
        if signed is None:
            await self._app(scope, receive, send)
            return
        key, service = signed.groups()
        asked, answered = bytearray(), bytearray()

        async def receiving() -> Any:
            message = await receive()
            if service != "s3":
                asked.extend(message.get("body", b""))
            return message

        async def sending(message: Any) -> None:
            if service == "sts":
                answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receiving, sending)
        if service == "sts":
            _session(bytes(asked).decode(), bytes(answered).decode())
        elif key.startswith(_SESSION):
            _call(key, service, *_on_the_wire(service, scope, headers, bytes(asked)))


def _session(asked: str, answered: str) -> None:
    role = parse_qs(asked).get("RoleArn", [""])[0].rpartition("/")[2]
    given = re.search(r"<AccessKeyId>(\w+)<", answered)
    if role and given:
        _write({"key": given.group(1), "role": role})


def _on_the_wire(
    service: str, scope: dict[str, Any], headers: dict[str, str], body: bytes
) -> tuple[str, dict[str, Any]]:
    """Operation and parameters; for S3 of a request in path style."""
    if service != "s3":
        return headers.get("x-amz-target", "?").rpartition(".")[2], json.loads(body or b"{}")
    queried = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    query = sorted(queried)
    bucket, _, object_key = unquote(scope["path"]).lstrip("/").partition("/")
    asked = " ".join([scope["method"], *query])
    if not object_key and "list-type" in queried:
        return "ListObjectsV2", {"Bucket": bucket, "Prefix": queried.get("prefix", [""])[0]}
    names = {"Bucket": bucket, "Key": object_key, "IfNoneMatch": headers.get("if-none-match")}
    return _S3.get(asked, asked), {name: value for name, value in names.items() if value}


def _in_emulator() -> None:
    import hypercorn.asyncio as server  # noqa: PLC0415

    original = server.serve
    server.serve = lambda app, *arguments, **keywords: original(_Wire(app), *arguments, **keywords)


if os.environ.get("HYBRID_RECORD_CALLS"):
    if any("ministack" in word for word in sys.orig_argv):
        _in_emulator()
    else:
        sys.meta_path.insert(0, _Client())
