"""From the other side: what is really called is allowed, and what is allowed is called or has a reason.

The calls are those of the end-to-end run (recordings/, kept true by tests/e2e/test_recorded_calls.py).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policy.actions import allowed_actions, expand
from tests.policy.calls import Call, asked_for
from tests.policy.matrix import Estate, estate
from tests.policy.recordings import KINDS, RECORDER, kept, kind_of, read_calls
from tests.policy.simulator import evaluate
from tests.policy.unused import UNUSED
from workspace.paths import ROOT

_ROLES = tuple(kind for kind in KINDS if kind != "command-line")


@pytest.fixture(scope="module")
def place() -> Estate:
    return estate("e2e")


@pytest.mark.parametrize("kind", _ROLES)
def test_what_is_called_is_allowed(kind: str, place: Estate) -> None:
    # Given the calls of the roles of a kind, as IAM is asked about them
    asked = [(call, one) for call in kept(kind) for one in asked_for(call, place)]
    assert {kind_of(call, place) for call, _ in asked} == {kind}

    # When the synthesized policies decide
    requests = [
        place.request(call.who, one.action, one.resource, context=one.context, allowed=True)
        for call, one in asked
    ]
    verdicts = evaluate(place.documents, requests)

    # Then each is allowed, and none makes no sense to IAM
    assert [
        f"{request.principal} {request.action} {request.resource}: {verdict.fault or 'denied'}"
        for request, verdict in zip(requests, verdicts, strict=True)
        if not verdict.allowed
    ] == []


@pytest.mark.parametrize("kind", _ROLES)
def test_what_is_allowed_is_called_or_has_a_reason(kind: str, place: Estate) -> None:
    called = {one.action for call in kept(kind) for one in asked_for(call, place)}
    roles = [role for role in place.policies.roles if role.path.endswith(f"/{kind}/")]

    unused = allowed_actions(document for role in roles for document in role.policies.values()) - called

    explained = {pattern: expand(pattern) & unused for pattern in UNUSED[kind]}
    assert unused - frozenset().union(*explained.values()) == frozenset()
    # A reason for what is called by now, or no longer allowed, is out of date.
    assert [pattern for pattern, actions in explained.items() if not actions] == []


def test_an_unknown_call_is_an_error_and_not_overlooked(place: Estate) -> None:
    with pytest.raises(KeyError, match="s3:DeleteObject"):
        asked_for(Call("hybrid-e2e-regional-task", "s3", "DeleteObject", {}, tagged=False), place)


#: What a call takes beside its own action (Service Authorization Reference, dependent actions).
_BESIDE = {
    "ssm:CreateActivation": {"iam:PassRole", "ssm:AddTagsToResource"},
    "secretsmanager:PutSecretValue": {"kms:Decrypt", "kms:GenerateDataKey"},
}


def test_what_the_command_line_calls_is_in_the_table_of_its_permissions() -> None:
    documented = _documented()

    called = [(call.who, f"{call.service}:{call.operation}") for call in kept("command-line")]
    missing = {
        f"{command} needs {one}"
        for command, action in called
        for one in ({action} | _BESIDE.get(action, set())) - documented[command.removeprefix("hybrid ")]
    }

    assert called
    assert missing == set()


def _documented() -> dict[str, set[str]]:
    """Command → actions, by the table of docs/reference/fleet.md."""
    text = (ROOT / "docs" / "reference" / "fleet.md").read_text().partition("## Permissions")[2]
    found: dict[str, set[str]] = {}
    first: dict[str, set[str]] = {}
    for cells in re.findall(r"^\| (`.*?) \| (.*?) \|$", text.partition("\n## ")[0], re.MULTILINE):
        group, *names = re.findall(r"[a-z]+", cells[0])
        actions = set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", cells[1]))
        # "and …": what the first command of the group takes, and this.
        actions |= first[group] if cells[1].startswith("and ") else set()
        first.setdefault(group, actions)
        found |= {f"{group} {name}": actions for name in names}
    return found


def test_the_recorder_writes_names_and_never_a_value(tmp_path: Path, place: Estate) -> None:
    # Given a command with the recorder on its path, and an address where nobody answers
    record = tmp_path / "calls.jsonl"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(RECORDER),
        "HYBRID_RECORD_CALLS": str(record),
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    program = (
        "import botocore.session, contextlib\n"
        "s = botocore.session.get_session()\n"
        "with contextlib.suppress(Exception):\n"
        "    s.create_client('s3').put_object(Bucket='bucket', Key='a/b', Body=b'row')\n"
        "with contextlib.suppress(Exception):\n"
        "    s.create_client('secretsmanager').put_secret_value(SecretId='s', SecretString='hunter2')\n"
    )
    script = tmp_path / "airflow"
    script.write_text(program)

    # When it calls AWS
    subprocess.run([sys.executable, str(script)], env=environment, check=True, timeout=60)

    # Then both calls are on record, by name alone, with the caller
    assert "hunter2" not in record.read_text()
    assert "row" not in record.read_text()
    put, secret = read_calls(record.read_text(), place=place, buckets={"bucket": "lake"})
    lake = place.placeholders["lake"].rpartition(":")[2]
    assert put == Call("hybrid-e2e-airflow", "s3", "PutObject", {"Bucket": lake, "Key": "a/b"}, tagged=False)
    assert secret.names == {"SecretId": "s"}
    assert [json.loads(line)["operation"] for line in record.read_text().splitlines()] == [
        "PutObject",
        "PutSecretValue",
    ]


def test_a_call_is_its_role_s_by_the_key_that_signed_it(place: Estate) -> None:
    role = {"key": "ASIA1", "role": "hybrid-e2e-regional-task"}
    call = {
        "program": ["-m", "ministack"],
        "service": "s3",
        "operation": "GetObject",
        "names": {},
        "tagged": False,
    }
    lines = [
        {**call, "key": "ASIA1"},
        role,
        {**call, "key": "test", "program": ["-m", "hybrid", "sites", "list"]},
        {**call, "key": "test", "program": ["-m", "sandbox.endpoint", "--port", "1"]},
        {**call, "key": "ASIA2", "role_is": "nobody's"},
    ]

    found = read_calls("\n".join(json.dumps(line) for line in lines), place=place, buckets={})

    assert sorted(one.who for one in found) == ["hybrid sites list", "hybrid-e2e-regional-task", "ministack"]
    with pytest.raises(KeyError, match="no role ministack"):
        [kind_of(one, place) for one in found]
