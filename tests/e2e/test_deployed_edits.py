"""Edits are deployed, taken back, or refused with nothing touched: `bin/hybrid deploy` on the emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.account import Account, account, steps
from tests.e2e.deployed_edits import EDITS, PAGE, ROWS, Row, Seen, note, page, rows_of_page
from tests.synth.conftest import artifacts, synthesize

__all__ = ["artifacts", "synthesize"]

pytestmark = pytest.mark.e2e

#: How many are tried, the rarest first; all with HYBRID_TEST_CASES=18, which takes some minutes.
CASES = int(os.environ.get("HYBRID_TEST_CASES", "3"))
_FIRST = ("a source moved by two deployments", "a site retired, and made again", "another range")
SOME = sorted(EDITS, key=lambda edit: edit not in _FIRST)[:CASES] if len(EDITS) > CASES else list(EDITS)

SECRET = "hybrid/acme/sources/erp"
CONTENT = json.dumps({"host": "db", "password": "geheim"})


class Estate:
    """The estate of tests/synth in an account: edited and deployed."""

    def __init__(self, where: Account, made: Any) -> None:
        self.account = where
        self._synthesize = made
        self._number = 0
        self.deploy({})
        where.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=CONTENT)

    def deploy(self, changes: Any) -> tuple[int, dict[str, Any]]:
        self._number += 1
        name = f"estate-{self._number}"
        self.file = self.account.estate(name, changes)
        self.local = self.account.localized(self._synthesize(changes).directory, name)
        done = self.account.deploy(self.file, self.local)
        document = json.loads(done.stdout)
        assert done.returncode in (0, 2), done.stderr
        if done.returncode == 0:
            assert "failed" not in steps(done).values()
            unfinished = {
                name: status
                for name, status in self.account.stacks().items()
                if not status.endswith("_COMPLETE") or "ROLLBACK" in status
            }
            assert unfinished == {}
        return done.returncode, document

    def plan(self) -> tuple[int, str]:
        done = self.account.hybrid("plan", "-e", str(self.file), "--assembly", str(self.local), "--json")
        return done.returncode, str(json.loads(done.stdout)["outcome"])


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory, synthesize: Any) -> Iterator[Estate]:
    with account(tmp_path_factory.mktemp("account")) as where:
        yield Estate(where, synthesize)


@pytest.mark.parametrize("edit", SOME)
def test_each_edit_is_deployed_and_taken_back_or_refused(edit: str, estate: Estate) -> None:
    # Given the estate as it is deployed, with a secret that somebody filled
    outcomes, touched, replaced, retired = [], set(), set(), []
    before = Seen.of(estate.account)
    assert estate.account.secret(SECRET) == CONTENT

    # When each of its edits is deployed, and then the first one again
    for changes in (*EDITS[edit], {}):
        code, document = estate.deploy(changes)
        after = Seen.of(estate.account)
        outcomes.append(document["plan"]["outcome"])
        touched |= before.touched_in(after)
        replaced |= before.replaced_in(after)
        if code == 2:
            # Then what cannot be done is refused with the reason, and nothing was touched
            assert document["steps"] == []
            assert document["plan"]["reasons"]
            assert before == after
        else:
            # And of what was deployed nothing is left to do
            assert estate.plan() == (0, "nothing")
        # And a site that left goes when it is told to
        for left in document["plan"]["left"]:
            site = left.partition("-site-")[2]
            done = estate.account.hybrid("sites", "retire", site, "--yes", "-e", str(estate.file))
            assert done.returncode == 0, done.stderr
            assert left not in estate.account.stacks()
            retired.append(f"site {site} was retired")
        before = Seen.of(estate.account)

    # Then the content of the secret is what it was, wherever it went meanwhile
    assert estate.account.secret(SECRET) == CONTENT
    kept = ["the content of its secret"] if estate.account.secret(SECRET) and _goes(edit) else []
    row = Row(
        edit=edit,
        deployed=tuple(outcomes),
        stacks=tuple(sorted(name.removeprefix("hybrid-acme-") for name in touched)),
        replaced=tuple(sorted(replaced)),
        kept=(*retired, *kept),
    )
    note(row)
    if ROWS not in os.environ:
        # And that is what the page says
        assert rows_of_page()[edit] == page([row]).splitlines()[-1]


def _goes(edit: str) -> bool:
    return any(
        "erp" in changes.get("sources", {}) and not changes["sources"]["erp"] for changes in EDITS[edit]
    )


def test_the_page_has_every_edit() -> None:
    assert list(rows_of_page()) == list(EDITS)
    assert len(EDITS) > 10
    assert f"{len(EDITS)} edits of an estate" in PAGE.read_text(encoding="utf-8")


def test_an_estate_that_was_destroyed_is_deployed_again_with_its_secrets(
    tmp_path: Path,
    synthesize: Any,
) -> None:
    # Given an estate that was deployed and destroyed
    with account(tmp_path) as where:
        estate = Estate(where, synthesize)
        done = where.hybrid("cdk", "destroy", "--all", "--force", "--app", str(estate.local))
        assert done.returncode == 0, done.stderr
        assert where.stacks() == {}
        assert where.secret(SECRET) == CONTENT

        # Then the AWS CDK's own deployment is refused before it stumbles over what was kept
        words = ("cdk", "synth", "--quiet", "--output", str(tmp_path / "asked"))
        asked = where.hybrid(*words, "-c", f"estate={estate.file}", HYBRID_BEFORE_DEPLOYMENT="1")
        assert asked.returncode != 0
        assert f"refused: {SECRET} was kept, and hybrid-acme-site-on-premises is to make it" in asked.stderr
        assert "refused: /hybrid/acme/on-premises was kept" in asked.stderr

        # When it is deployed again
        code, document = estate.deploy({})

        # Then all of it stands, and what was kept is in it
        assert code == 0
        states = {one["step"]: one["state"] for one in document["steps"]}
        assert states["secrets that were kept"] == states["content of secrets"] == "done"
        assert where.secret(SECRET) == CONTENT
        groups = where.client("logs").describe_log_groups(logGroupNamePrefix="/hybrid/acme/")["logGroups"]
        assert sorted(one["logGroupName"] for one in groups) == [
            "/hybrid/acme/headquarters",
            "/hybrid/acme/on-premises",
        ]
