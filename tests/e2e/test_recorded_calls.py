"""What the demo asked of AWS while the other tests ran: each call is allowed by the role that made it.

Runs last. What was recorded is compared with tests/policy/recordings, which the fast tests hold against the
roles of every change; `pytest tests/e2e --snapshot-update` takes a new recording over.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.review.assembly import read_assembly
from sandbox.demo.environment import DemoEnvironment
from tests.policy.calls import Call, asked_for
from tests.policy.matrix import Estate
from tests.policy.recordings import KEPT, KINDS, as_text, kept, kind_of, read_calls, recording_of
from tests.policy.simulator import evaluate

pytestmark = pytest.mark.e2e

#: Commands of the command line that only look, run so that their calls are on record as well.
_LOOKING = (("sites", "list"), ("sites", "activations"), ("hosts", "list"), ("sources", "list"))

#: The tests that let the demo do all it can.
_TESTS = {"test_faults", "test_landed_rows"}


@pytest.fixture(scope="module")
def place(demo: DemoEnvironment) -> Estate:
    """The estate as it was synthesized for the demo."""
    return Estate(read_assembly(demo.deployment.assembly))


@pytest.fixture(scope="module")
def calls(demo: DemoEnvironment, place: Estate) -> list[Call]:
    """What was asked of AWS since the demo came up."""
    for command in _LOOKING:
        demo.hybrid(*command)
    text = recording_of(demo.directory).read_text()
    return read_calls(text, place=place, buckets={demo.lake_bucket: "lake", demo.dag_bucket: "dags"})


def test_every_call_of_a_role_is_allowed_by_it(calls: list[Call], place: Estate) -> None:
    # Given the calls that roles made, as IAM is asked about them
    asked = [
        (call, one)
        for call in calls
        if kind_of(call, place) != "command-line"
        for one in asked_for(call, place)
    ]
    assert {kind_of(call, place) for call, _ in asked} == set(KINDS) - {"command-line"}

    # When the synthesized policies decide
    requests = [
        place.request(call.who, one.action, one.resource, context=one.context, allowed=True)
        for call, one in asked
    ]
    verdicts = evaluate(place.documents, requests)

    # Then each is allowed
    refused = [
        f"{request.principal} {request.action} {request.resource}: {verdict.fault or 'denied'}"
        for request, verdict in zip(requests, verdicts, strict=True)
        if not verdict.allowed
    ]
    assert refused == []


def test_the_recording_of_each_role_is_the_one_that_was_read(
    calls: list[Call], place: Estate, request: pytest.FixtureRequest
) -> None:
    ran = {Path(item.path).stem for item in request.session.items}
    if not ran >= _TESTS:
        pytest.skip(
            f"a part of the run makes a part of the calls; missing: {', '.join(sorted(_TESTS - ran))}"
        )
    by_kind = {kind: [call for call in calls if kind_of(call, place) == kind] for kind in KINDS}

    if request.config.getoption("update_snapshots"):
        for kind, made in by_kind.items():
            (KEPT / f"{kind}.jsonl").write_text(as_text(made))

    assert {kind: _operations(made) for kind, made in by_kind.items()} == {
        kind: _operations(kept(kind)) for kind in KINDS
    }


def _operations(calls: list[Call]) -> set[str]:
    return {f"{call.who} {call.service}:{call.operation}" for call in calls}
