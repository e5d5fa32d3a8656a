"""`hybrid review roles`: the matrix for people, and what a change adds and takes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hybrid.cli.main import app
from hybrid.review.comparison import compare
from hybrid.review.permissions import GrantedPermission, permissions_from_json, permissions_of
from hybrid.review.reasons import known_reasons
from tests.policy.matrix import estate
from tests.policy.synthesis import assembly_of

_TASK = "hybrid-acme-regional-task"


@pytest.fixture
def assembly() -> Path:
    """The cloud assembly of the tests' estate."""
    return assembly_of("acme")


def _review(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["review", "roles", *map(str, arguments)])


def _statement(document: dict[str, Any], sid: str) -> dict[str, Any]:
    return next(one for one in document["Statement"] if one.get("Sid") == sid)


def test_every_statement_of_an_own_role_has_a_reason_and_every_reason_a_statement() -> None:
    written = [
        one
        for name in ("acme", "wide")
        for one in permissions_of(estate(name).policies)
        if one.policy.startswith("role hybrid-acme-") and one.sid and "CustomCDK" not in one.who
    ]
    own = [one for one in written if "FlowLog" not in one.who]

    assert [(one.who, one.sid) for one in own if not one.why] == []
    assert {sid for _, sid in known_reasons()} == {one.sid.rstrip("0123456789") for one in own}


def test_the_table_says_who_may_what_on_which_under_which_condition_and_why(assembly: Path) -> None:
    result = _review("--assembly", assembly, "--role", _TASK)

    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert lines[0] == ["who", "may", "on", "if", "why"]
    assert [
        _TASK,
        "secretsmanager:GetSecretValue",
        "secretsmanager secret:hybrid/acme/sources/regional-??????",
        "",
        "The container reads the password of its own database.",
    ] in lines
    denied = next(line for line in lines if line[1] == "not s3:PutObject")
    assert re.fullmatch(r"all but s3 \S+/\*/_manifest\.json, s3 \S+/\*/_part\.json", denied[2])
    trust = next(line for line in lines if line[0] == "ecs-tasks.amazonaws.com")
    assert trust[1:3] == ["sts:AssumeRole", f"iam role/hybrid/acme/task/{_TASK}"]
    assert "aws:SourceAccount StringEquals 111122223333" in trust[3]


def test_json_is_what_the_next_review_compares_with(assembly: Path, tmp_path: Path) -> None:
    printed = _review("--assembly", assembly, "--json").stdout
    signed = tmp_path / "signed.json"
    signed.write_text(printed)

    assert len(permissions_from_json(json.loads(printed))) > 80
    assert _review("--assembly", assembly, "--against", signed).stdout == "no permission is added or taken\n"


def test_diff_shows_exactly_what_was_added_and_taken(assembly: Path, tmp_path: Path) -> None:
    # Given the assembly of before, and one in which the task role may delete as well, but no longer abort
    after = tmp_path / "after"
    shutil.copytree(assembly, after)
    template = after / "hybrid-acme-site-on-premises.template.json"
    data = json.loads(template.read_text())
    role = next(r for r in data["Resources"].values() if r.get("Properties", {}).get("RoleName") == _TASK)
    statement = _statement(role["Properties"]["Policies"][0]["PolicyDocument"], "UseOwnLake")
    statement["Action"] = ["s3:DeleteObject", "s3:PutObject"]
    template.write_text(json.dumps(data))

    # When the two are compared
    result = _review("--assembly", after, "--diff", assembly, "--json", "--fail")

    # Then every change is there, action by action and prefix by prefix, and the command fails
    changes = json.loads(result.stdout)["changes"]
    seen = {(c["change"], c["widens"], c["actions"][0], c["resources"][0].partition("/")[2]) for c in changes}
    assert seen == {
        ("added", True, "s3:DeleteObject", "regional/customers-regional/*"),
        ("added", True, "s3:DeleteObject", "shared/orders/*"),
        ("taken", False, "s3:AbortMultipartUpload", "regional/customers-regional/*"),
        ("taken", False, "s3:AbortMultipartUpload", "shared/orders/*"),
        ("taken", False, "s3:GetObject", "regional/customers-regional/*"),
        ("taken", False, "s3:GetObject", "shared/orders/*"),
    }
    assert result.exit_code == 1
    assert _review("--assembly", assembly, "--diff", after, "--role", "hybrid-acme-airflow").exit_code == 0


def test_against_a_policy_document_of_one_role(assembly: Path, tmp_path: Path) -> None:
    document = json.loads(json.dumps(estate("acme").policies.role(_TASK).policies["permissions"]))
    _statement(document, "ReadOwnSecret")["Resource"] = "*"
    plain, named = tmp_path / "plain.json", tmp_path / "named.json"
    plain.write_text(json.dumps(document))
    named.write_text(json.dumps({"RoleName": _TASK, "PolicyName": "permissions", "PolicyDocument": document}))

    # The estate asks for less than the file gives: nothing is added, one star is taken.
    for file, role in ((plain, ("--role", _TASK)), (named, ())):
        result = _review("--assembly", assembly, "--json", "--fail", "--against", file, *role)
        (change,) = json.loads(result.stdout)["changes"]
        assert (change["change"], change["resources"]) == ("taken", ["*"])
        assert result.exit_code == 0
    without = _review("--assembly", assembly, "--against", plain)
    assert without.exit_code == 2
    assert "does not say whose policy it is: add --role NAME" in without.output


def test_against_what_iam_says_of_the_account(assembly: Path, tmp_path: Path) -> None:
    role = estate("acme").policies.role(_TASK)
    details = {
        "RoleName": _TASK,
        "Arn": role.arn,
        "AssumeRolePolicyDocument": role.trust,
        "RolePolicyList": [
            {"PolicyName": name, "PolicyDocument": document} for name, document in role.policies.items()
        ],
        "AttachedManagedPolicies": [
            {"PolicyName": "x", "PolicyArn": "arn:aws:iam::aws:policy/SecretsManagerReadWrite"}
        ],
    }
    foreign = {**details, "RoleName": "payroll"}
    file = tmp_path / "details.json"
    file.write_text(json.dumps({"RoleDetailList": [details, foreign]}))

    result = _review("--assembly", assembly, "--against", file, "--json")

    (change,) = json.loads(result.stdout)["changes"]
    assert change["change"] == "taken"
    assert change["actions"] == ["(arn:aws:iam::aws:policy/SecretsManagerReadWrite)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--assembly", "nowhere"), "is not a cloud assembly"),
        (("--role", "nobody"), "the estate has no role nobody; it has hybrid-acme-airflow"),
        (("--against", "nowhere.json"), "is no JSON of a policy"),
        (("--against", "a", "--diff", "b"), "ask one at a time"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    assembly: Path, arguments: tuple[str, ...], message: str
) -> None:
    given = arguments if "--assembly" in arguments else ("--assembly", assembly, *arguments)

    result = _review(*given)

    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def _one(**changes: Any) -> GrantedPermission:
    given = {
        "who": "r",
        "effect": "Allow",
        "actions": ("s3:GetObject",),
        "resources": ("arn:aws:s3:::b/x/*",),
        "conditions": {"StringEquals": {"k": ("a", "b")}},
        "policy": "role r",
        "sid": "",
        "why": "",
    }
    return GrantedPermission(**{**given, **changes})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda: _one(actions=("s3:Get*",)), "added"),
        (lambda: _one(actions=("s3:getobject",)), None),
        (lambda: _one(resources=("arn:aws:s3:::b/*",)), "added"),
        (lambda: _one(resources=("arn:aws:s3:::b/x/y",)), "taken"),
        (lambda: _one(conditions={}), "added"),
        (lambda: _one(conditions={"StringEquals": {"k": ("a",)}}), "taken"),
        (lambda: _one(conditions={"StringEquals": {"k": ("a", "b", "c")}}), "added"),
        (lambda: _one(conditions={"StringEquals": {"k": ("a", "b"), "l": ("c",)}}), "taken"),
        (lambda: _one(sid="Renamed", why="other"), None),
    ],
)
def test_wider_is_added_narrower_is_taken_and_the_same_is_nothing(
    change: Callable[[], GrantedPermission], kind: str | None
) -> None:
    # A change in one direction is only that: what is still covered is not reported as well.
    changes = [one.kind for one in compare([_one()], [change()])]

    assert changes == ([] if kind is None else [kind])


_SPARING = "not arn:aws:s3:::b/*/a, arn:aws:s3:::b/*/b"


@pytest.mark.parametrize(
    ("resource", "widens"),
    [
        ("not arn:aws:s3:::b/*/b, arn:aws:s3:::b/*/a", []),
        ("not arn:aws:s3:::b/*/a", [False]),
        ("not arn:aws:s3:::b/*/a, arn:aws:s3:::b/*/b, arn:aws:s3:::b/*/c", [True]),
        ("not arn:aws:s3:::b/*", [True]),
        ("arn:aws:s3:::b/*", [False, True]),
        ("*", [False]),
    ],
)
def test_a_denial_that_spares_more_widens_and_one_that_spares_less_does_not(
    resource: str, widens: list[bool]
) -> None:
    before = _one(effect="Deny", resources=(_SPARING,))

    changes = compare([before], [_one(effect="Deny", resources=(resource,))])

    assert sorted(change.widens for change in changes) == widens


def test_a_condition_that_excludes_less_is_wider() -> None:
    before = _one(conditions={"StringNotEquals": {"k": ("a", "b")}})

    changes = compare([before], [_one(conditions={"StringNotEquals": {"k": ("a",)}})])

    assert [change.kind for change in changes] == ["added"]


def test_what_a_statement_spares_is_one_entry() -> None:
    role = estate("acme").policies.role(_TASK)
    (spared,) = [
        one
        for one in permissions_of(estate("acme").policies)
        if one.sid == "NeverOverwriteFiles" and one.who == role.name
    ]

    assert spared.effect == "Deny"
    (resource,) = spared.resources
    lake = estate("acme").placeholders["lake"]
    assert resource == f"not {lake}/*/_manifest.json, {lake}/*/_part.json"


def test_a_new_denial_takes_and_a_denial_that_is_gone_widens() -> None:
    denial = _one(effect="Deny")

    assert [change.widens for change in compare([], [denial])] == [False]
    assert [change.widens for change in compare([denial], [])] == [True]
