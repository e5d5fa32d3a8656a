"""IAM for real: a container that holds its task role's session does its work, and nothing else.

The embedded AWS enforces what it evaluates well (S3, Secrets Manager, KMS, STS, Systems Manager; bucket
policies and TLS), and conditional writes, whose condition keys ministack_with_conditional_writes.py adds.
What it does not (`iam:PassRole`, SSE-KMS without a grant on the key) is the matrix's alone.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.services.databases import PostgresServer
from sandbox.services.supervisor import Services
from tests.policy.calls import asked_for
from tests.policy.enforced import (
    OTHER_PIPELINE,
    OTHER_SOURCE,
    PARTS_PIPELINE,
    PIPELINE,
    SOURCE,
    Deployed,
    EnforcedEstate,
    TlsEmulator,
    attack,
    run_container,
)
from tests.policy.matrix import estate as matrix_estate
from tests.policy.recordings import read_calls
from tests.policy.simulator import evaluate
from workspace.environments import DATABASES, EMULATOR, ETL_PROCESS

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

_REFUSED = {"AccessDenied", "AccessDeniedException"}
_OWN = f"{SOURCE}/{PIPELINE}/interval=full"
_ROLES = "arn:aws:iam::000000000000:role/hybrid/acme"
_OTHER = f"{OTHER_SOURCE}/{OTHER_PIPELINE}/interval=full"


@dataclass(frozen=True)
class Landed:
    """The estate, enforced, after one run of the container."""

    estate: EnforcedEstate
    deployed: Deployed
    environment: dict[str, str]
    exit_code: int
    output: str
    calls: str


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    directory = tmp_path_factory.mktemp("enforced")
    for environment in (EMULATOR, DATABASES, ETL_PROCESS):
        environment.ensure()
    database = PostgresServer(
        "database",
        services=Services(directory / "services"),
        directory=directory / "database",
        address="127.0.0.1",
        port=_free_port(),
    )
    try:
        database.start()
        database.ensure_customers("regional")
        yield from _enforced(database, directory)
    finally:
        database.stop()
        database.remove()


def _enforced(database: PostgresServer, directory: Path) -> Iterator[Landed]:
    state, port = directory / "aws", _free_port()
    open_door = TlsEmulator(state, port=port, python=EMULATOR.python)
    with open_door:
        estate = EnforcedEstate(open_door, directory)
        deployed = estate.deploy(database.login("regional"))
    with TlsEmulator(state, port=port, python=EMULATOR.python, auth=True) as enforcing:
        estate = EnforcedEstate(enforcing, directory)
        environment = estate.container_environment(deployed)
        done = run_container(environment, "run", estate.specification(PIPELINE).sha256, "--attempt", "first")
        calls = enforcing.calls.read_text()
        yield Landed(estate, deployed, environment, done.returncode, done.stdout + done.stderr, calls)


def test_the_container_runs_with_its_task_role_alone(landed: Landed) -> None:
    assert landed.exit_code == 0, landed.output
    s3 = landed.estate.client("s3")
    manifest = json.load(s3.get_object(Bucket=landed.deployed.lake, Key=f"{_OWN}/_manifest.json")["Body"])
    assert manifest["rows"] > 0
    for file in manifest["files"]:
        assert s3.head_object(Bucket=landed.deployed.lake, Key=file["key"])["ContentLength"] == file["bytes"]


def test_a_run_of_another_source_is_refused_in_one_sentence(landed: Landed) -> None:
    other = landed.estate.specification(OTHER_PIPELINE)
    environment = {
        **landed.environment,
        "HYBRID_SPECIFICATIONS": f"s3://{landed.deployed.dags}/pipelines/{OTHER_SOURCE}",
    }

    done = run_container(environment, "run", other.sha256)

    assert done.returncode == 2
    assert "refused (AccessDenied)" in json.loads(done.stdout.splitlines()[-1])["message"]


def test_every_call_that_the_container_made_is_allowed_by_its_role(landed: Landed) -> None:
    # Given the calls of the run, in the words of the estate of the matrix
    place = matrix_estate("enforced")
    buckets = {landed.deployed.lake: "lake", landed.deployed.dags: "dags"}
    calls = read_calls(landed.calls, place=place, buckets=buckets)

    # Then there are the kinds that the container's work takes, and the simulator allows each
    assert {call.who for call in calls} == {f"hybrid-acme-{SOURCE}-task"}
    assert {call.operation for call in calls} == {
        "GetObject",
        "GetSecretValue",
        "ListObjectsV2",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "PutObject",
    }
    requests = [
        place.request(call.who, one.action, one.resource, context=one.context, allowed=True)
        for call in calls
        for one in asked_for(call, place)
    ]
    verdicts = evaluate(place.documents, requests)
    assert [(verdict.fault, verdict.allowed) for verdict in verdicts] == [(None, True)] * len(requests)


def test_nobody_but_ecs_takes_the_task_role(landed: Landed) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        landed.estate.take_task_role()


_Attack = tuple[str, str, dict[str, Any]]

#: What is tried → service, operation, parameters; LAKE and DAGS stand for the buckets.
ATTACKS: dict[str, _Attack] = {
    "read the password of another source": (
        "secretsmanager",
        "get_secret_value",
        {"SecretId": f"hybrid/acme/sources/{OTHER_SOURCE}"},
    ),
    "change its own password": (
        "secretsmanager",
        "put_secret_value",
        {"SecretId": f"hybrid/acme/sources/{SOURCE}", "SecretString": "{}"},
    ),
    "list the secrets": ("secretsmanager", "list_secrets", {}),
    "write below the prefix of another source": (
        "s3",
        "put_object",
        {"Bucket": "LAKE", "Key": f"{_OTHER}/x/part-00000.parquet", "Body": ""},
    ),
    "replace the receipt of another source": (
        "s3",
        "put_object",
        {"Bucket": "LAKE", "Key": f"{_OTHER}/_manifest.json", "Body": "{}"},
    ),
    "begin an upload below the prefix of another source": (
        "s3",
        "create_multipart_upload",
        {"Bucket": "LAKE", "Key": f"{_OTHER}/x/part-00000.parquet"},
    ),
    "write at the top of the lake": (
        "s3",
        "put_object",
        {"Bucket": "LAKE", "Key": "x", "Body": ""},
    ),
    "list the lake": ("s3", "list_objects_v2", {"Bucket": "LAKE"}),
    "list the prefix of another source": ("s3", "list_objects_v2", {"Bucket": "LAKE", "Prefix": _OTHER}),
    "read a finished run of another source": (
        "s3",
        "get_object",
        {"Bucket": "LAKE", "Key": f"{_OTHER}/_manifest.json"},
    ),
    "overwrite a data file of a finished run": (
        "s3",
        "put_object",
        {"Bucket": "LAKE", "Key": "FILE", "Body": "forged"},
    ),
    "overwrite a data file that is what it was": (
        "s3",
        "put_object",
        {"Bucket": "LAKE", "Key": "FILE", "Body": "forged", "IfMatch": "ETAG"},
    ),
    "complete an upload over a data file of a finished run": (
        "s3",
        "complete_multipart_upload",
        {"Bucket": "LAKE", "Key": "FILE", "UploadId": "0a1b", "MultipartUpload": {"Parts": []}},
    ),
    "copy something over a data file of a finished run": (
        "s3",
        "copy_object",
        {"Bucket": "LAKE", "Key": "FILE", "CopySource": f"LAKE/{_OWN}/_manifest.json"},
    ),
    "delete a finished run": (
        "s3",
        "delete_object",
        {"Bucket": "LAKE", "Key": f"{_OWN}/_manifest.json"},
    ),
    "publish a finished run": (
        "s3",
        "put_object_acl",
        {"Bucket": "LAKE", "Key": f"{_OWN}/_manifest.json", "ACL": "public-read"},
    ),
    "switch off the versions of the lake": (
        "s3",
        "put_bucket_versioning",
        {"Bucket": "LAKE", "VersioningConfiguration": {"Status": "Suspended"}},
    ),
    "list the specifications": (
        "s3",
        "list_objects_v2",
        {"Bucket": "DAGS", "Prefix": "pipelines/"},
    ),
    "read a specification of another source": (
        "s3",
        "get_object",
        {"Bucket": "DAGS", "Key": f"pipelines/{OTHER_SOURCE}/{'0' * 64}.json"},
    ),
    "change a specification of its own": (
        "s3",
        "put_object",
        {"Bucket": "DAGS", "Key": f"pipelines/{SOURCE}/{'0' * 64}.json", "Body": "{}"},
    ),
    "plant a DAG": ("s3", "put_object", {"Bucket": "DAGS", "Key": "dags/mine.py", "Body": ""}),
    "read a parameter": (
        "ssm",
        "get_parameter",
        {"Name": "/cdk-bootstrap/hnb659fds/version"},
    ),
    "take the role of another source": (
        "sts",
        "assume_role",
        {
            "RoleArn": f"{_ROLES}/task/hybrid-acme-{OTHER_SOURCE}-task",
            "RoleSessionName": "attacker",
        },
    ),
    "take the execution role of its site": (
        "sts",
        "assume_role",
        {
            "RoleArn": f"{_ROLES}/execution/hybrid-acme-on-premises-execution",
            "RoleSessionName": "attacker",
        },
    ),
    "widen its own role": (
        "iam",
        "put_role_policy",
        {"RoleName": f"hybrid-acme-{SOURCE}-task", "PolicyName": "permissions", "PolicyDocument": "{}"},
    ),
}


def _aimed(name: str, landed: Landed) -> _Attack:
    service, operation, parameters = ATTACKS[name]
    places = {"LAKE": landed.deployed.lake, "DAGS": landed.deployed.dags, **_finished_file(landed)}
    aimed = {key: places.get(str(value), value) for key, value in parameters.items()}
    if "CopySource" in aimed:
        aimed["CopySource"] = str(aimed["CopySource"]).replace("LAKE", landed.deployed.lake)
    return service, operation, aimed


def _finished_file(landed: Landed) -> dict[str, str]:
    """Key and ETag of the first data file of the run."""
    s3, lake = landed.estate.client("s3"), landed.deployed.lake
    manifest = json.load(s3.get_object(Bucket=lake, Key=f"{_OWN}/_manifest.json")["Body"])
    key = manifest["files"][0]["key"]
    return {"FILE": key, "ETAG": s3.head_object(Bucket=lake, Key=key)["ETag"]}


@pytest.fixture(scope="module")
def answers(landed: Landed) -> dict[str, str]:
    """Attack → what AWS answered, all tried by one process with the container's environment."""
    tried = [_aimed(name, landed) for name in ATTACKS]
    return dict(zip(ATTACKS, attack(landed.environment, tried), strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_container_may_not(answers: dict[str, str], name: str) -> None:
    assert answers[name] in _REFUSED


def test_a_finished_file_is_not_replaced_by_one_that_asks_for_an_empty_place_either(landed: Landed) -> None:
    """What the role lets through, S3 itself refuses: the place is taken."""
    file = _finished_file(landed)
    overwrite = {"Bucket": landed.deployed.lake, "Key": file["FILE"], "Body": "forged", "IfNoneMatch": "*"}

    assert attack(landed.environment, [("s3", "put_object", overwrite)]) == ["PreconditionFailed"]
    assert _finished_file(landed) == file


def test_a_rerun_lands_beside_the_finished_files_and_replaces_the_receipt(landed: Landed) -> None:
    before = _finished_file(landed)

    done = run_container(
        landed.environment, "run", landed.estate.specification(PIPELINE).sha256, "--attempt", "second"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    after = _finished_file(landed)
    assert "/second/" in after["FILE"]
    s3 = landed.estate.client("s3")
    assert s3.head_object(Bucket=landed.deployed.lake, Key=before["FILE"])["ETag"] == before["ETAG"]


def test_a_run_in_parts_is_committed_with_the_task_role_alone(landed: Landed) -> None:
    # Given two key ranges that two containers read
    sha256 = landed.estate.specification(PARTS_PIPELINE).sha256
    for part in ("0", "1"):
        done = run_container(landed.environment, "run", sha256, "--part", part, "--attempt", f"part-{part}")
        assert done.returncode == 0, done.stdout + done.stderr

    # When a third one commits them
    done = run_container(
        landed.environment, "commit", sha256, "--parts", "part-0,part-1", "--attempt", "together"
    )

    # Then one receipt has the files of both
    assert done.returncode == 0, done.stdout + done.stderr
    receipt = landed.estate.client("s3").get_object(
        Bucket=landed.deployed.lake, Key="shared/orders/interval=full/_manifest.json"
    )
    files = [file["key"] for file in json.load(receipt["Body"])["files"]]
    assert {key.split("/")[3] for key in files} == {"part-0", "part-1"}


def test_the_same_attacks_are_no_nonsense(landed: Landed, answers: dict[str, str]) -> None:
    """What the container is refused, an administrator is not: so it was the role that refused."""
    harmless = ["list the lake", "list the specifications", "list the secrets", "read a parameter"]
    tried = [_aimed(name, landed) for name in harmless]
    administrator = {
        **{k: v for k, v in landed.environment.items() if k != "AWS_SESSION_TOKEN"},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }

    assert attack(administrator, tried) == ["allowed"] * len(harmless)
