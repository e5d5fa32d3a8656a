"""The matrix, the ceiling and the rules put to the test: would they notice if a policy were wrong?

Every statement of one role of each kind, of every trust and of every resource policy is changed in every
way that mutations.py knows. Each mutant has to be caught; the list of those that are not is in EXPLAINED.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections import Counter
from dataclasses import dataclass

from hybrid.review.policies import Role
from tests.policy.actions import allowed_actions
from tests.policy.matrix import MATRIX, estate, rows
from tests.policy.mutations import Mutation, mutations
from tests.policy.rules import faults
from tests.policy.simulator import Mutant, Request, catch

#: Of each kind one role; test_statements.py shows that the others differ in names only.
_ROLES = (
    "hybrid-acme-airflow",
    "hybrid-acme-on-premises-anywhere",
    "hybrid-acme-on-premises-execution",
    "hybrid-acme-regional-task",
)

#: Mutants that nothing catches (as patterns), and why that is right: they change no decision.
EXPLAINED: dict[str, str] = {
    r"s3 .*: statement 1: (star|end) the .*": (
        "A bucket's policy decides on this bucket only, and the statement names all of it already."
    ),
    r"s3 .*accesslogs.*: statement [23]: let in \{'AWS': 'arn:aws:iam::111122223333:root'\}": (
        "Naming the account leaves the decision to its own IAM, which decides already."
    ),
    r"sns .*: (star|end) the .*": "A topic's policy decides on this topic only.",
    r"sns .*: AllowPublishThroughSSLOnly: take all of sns": (
        "Denies more than publishing without TLS; nothing of the estate calls SNS without it."
    ),
    r"sns .*: AlarmsOfThisAccount: let in \{'AWS': 'arn:aws:iam::111122223333:root'\}": (
        "Naming the account leaves the decision to its own IAM, which decides already."
    ),
    r"kms .*: statement 1: allow every action": "A key's policy decides on actions of KMS only.",
    r"kms .*: CloudWatchLogs: shorten kms:(Decrypt|Encrypt)\* to its name": (
        "KMS has one action of that name; the star is AWS's own spelling in its documentation."
    ),
    r"kms .*: CloudWatch(Logs|Alarms): shorten kms:GenerateDataKey\* to kms:GenerateData\*": (
        "All actions of KMS that begin so go on with Key."
    ),
    r"kms .*: CloudWatch(Logs|Alarms): let in \{'AWS': 'arn:aws:iam::111122223333:root'\}": (
        "The first statement leaves the decision to the account's own IAM already."
    ),
    r"hybrid-acme-airflow/permissions: ListNoOtherBuckets: shorten s3:ListAllMyBuckets to s3:ListAllMy\*": (
        "Denies every action of that name, of which there is one."
    ),
    r"hybrid-acme-regional-task/permissions: NeverOverwriteFiles: (take all of s3|shorten .* to s3:Put\*)": (
        "No other action has the key s3:ObjectCreationOperation, so none other is denied by it."
    ),
    r"hybrid-acme-on-premises-anywhere/permissions: ReportToSystemsManager: star the name in .*": (
        "The action takes managed instances of Systems Manager and nothing else that begins with arn:aws:ssm."
    ),
}


@dataclass(frozen=True)
class _Outcome:
    """A mutant and what caught it: `matrix`, `ceiling`, `rules`, or nothing."""

    name: str
    caught_by: str | None
    row: str | None = None


def test_every_mutant_is_caught_or_explained() -> None:
    outcomes = _outcomes()
    survivors = {outcome.name for outcome in outcomes if outcome.caught_by is None}

    def explained(name: str) -> list[str]:
        return [pattern for pattern in EXPLAINED if re.fullmatch(pattern, name)]

    assert sorted(name for name in survivors if not explained(name)) == []
    # An explanation of what is caught by now is out of date.
    assert {pattern for name in survivors for pattern in explained(name)} == set(EXPLAINED)


def test_an_unchanged_document_is_caught_by_nothing() -> None:
    """Where the matrix is red by itself, every mutant would look caught."""
    place = estate("acme")
    requests = [row.request for row in rows("acme", MATRIX)]
    unchanged = [
        _mutant(name, Mutation("nothing", place.documents[name], ("*",)), requests)
        for name in _mutated_documents()
    ]

    assert catch(place.documents, requests, unchanged) == [None] * len(unchanged)


def test_there_are_mutants_of_every_statement() -> None:
    place = estate("acme")
    documents = _mutated_documents()
    for name in documents:
        count = len(place.documents[name]["Statement"])
        mutated = {mutation.name.split(": ")[0] for mutation in mutations(place.documents[name])}
        assert len(mutated) == count, name
    assert len(_outcomes()) > 500


def test_the_matrix_alone_catches_two_thirds() -> None:
    """The ceiling and the rules are the second line, for what no request can tell apart."""
    caught = Counter(outcome.caught_by for outcome in _outcomes())

    assert caught["matrix"] >= 2 / 3 * caught.total(), caught


@functools.cache
def _outcomes() -> tuple[_Outcome, ...]:
    place = estate("acme")
    matrix = rows("acme", MATRIX)
    requests = [row.request for row in matrix]
    found = [
        (name, mutation) for name in _mutated_documents() for mutation in mutations(place.documents[name])
    ]
    mutants = [
        Mutant(
            f"{_short(name)}: {mutation.name}", name, mutation.document, _concerned(name, mutation, requests)
        )
        for name, mutation in found
    ]
    answers = catch(place.documents, requests, mutants)
    return tuple(
        _Outcome(mutant.name, "matrix", matrix[answer].name)
        if answer is not None
        else _Outcome(mutant.name, _otherwise(name, mutation))
        for (name, mutation), mutant, answer in zip(found, mutants, answers, strict=True)
    )


def _mutated_documents() -> list[str]:
    place = estate("acme")
    roles = [place.policies.role(name) for name in _ROLES]
    identity = [f"{role.name}/{policy}" for role in roles for policy in role.policies]
    return [*identity, *(role.arn for role in roles), *(policy.arn for policy in place.policies.resources)]


def _mutant(name: str, mutation: Mutation, requests: list[Request]) -> Mutant:
    title = f"{_short(name)}: {mutation.name}"
    return Mutant(title, name, mutation.document, _concerned(name, mutation, requests))


def _short(document: str) -> str:
    return re.sub(r"^arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*/)?", r"\1 ", document)


def _concerned(name: str, mutation: Mutation, requests: list[Request]) -> tuple[int, ...]:
    patterns = [re.compile(action.replace("*", ".*"), re.IGNORECASE) for action in mutation.actions]
    return tuple(
        index
        for index, request in enumerate(requests)
        if (name in request.identity or name == request.resource_policy)
        and any(pattern.fullmatch(request.action) for pattern in patterns)
    )


def _otherwise(name: str, mutation: Mutation) -> str | None:
    """What catches a mutant that the matrix lets pass."""
    role = _with(name, mutation)
    if role is None:
        return None
    before = estate("acme").policies.role(role.name)
    if allowed_actions(role.policies.values()) != allowed_actions(before.policies.values()):
        return "ceiling"
    return "rules" if faults(role, estate("acme").stack) else None


def _with(name: str, mutation: Mutation) -> Role | None:
    """The role with the changed document, None where the document is a resource's."""
    for role in estate("acme").policies.roles:
        if name == role.arn:
            return dataclasses.replace(role, trust=mutation.document)
        role_name, _, policy = name.partition("/")
        if role_name == role.name:
            return dataclasses.replace(role, policies={**role.policies, policy: mutation.document})
    return None
