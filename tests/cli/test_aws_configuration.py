"""An AWS configuration that does not fit ends with one line that says what to set, and exit code 2."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Hybrid = Callable[..., "subprocess.CompletedProcess[str]"]

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

#: (what is wrong, variables, arguments, words of the answer)
WRONG = [
    ("no such profile", {"AWS_PROFILE": "nope"}, ["hosts", "list"], "no profile `nope`; known: work"),
    ("no such profile", {}, ["hosts", "list", "--profile", "nope"], "no profile `nope`; known: work"),
    ("a profile without keys", {"AWS_PROFILE": "work"}, ["hosts", "list"], "no AWS credentials"),
    ("half of the keys", {"AWS_ACCESS_KEY_ID": "a"}, ["hosts", "list"], "no AWS credentials"),
    ("no configuration that can be read", {"AWS_CONFIG_FILE": "broken"}, ["sites", "list"], "cannot be read"),
    ("no such Region", KEYS, ["hosts", "list", "--region", "eu west"], "correct --region"),
    (
        "an endpoint without a scheme",
        {**KEYS, "AWS_ENDPOINT_URL": "localhost:4566"},
        ["sources", "list"],
        "correct AWS_ENDPOINT_URL",
    ),
    ("a deployment by nobody", {}, ["cdk", "deploy", "--all"], "no AWS credentials; sign in"),
    ("a bootstrap by nobody", {}, ["cdk", "bootstrap"], "no AWS credentials; sign in"),
    ("a deployment by a profile that is none", {}, ["cdk", "deploy", "--profile=nope"], "no profile `nope`"),
    ("the same, in two words", {}, ["cdk", "destroy", "--profile", "nope"], "no profile `nope`"),
]


@pytest.mark.parametrize(
    ("environment", "arguments", "says"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_configuration_that_does_not_fit_is_one_line(
    hybrid: Hybrid, tmp_path: Path, *, environment: dict[str, str], arguments: list[str], says: str
) -> None:
    # Given a configuration with one profile, without keys
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-1\n")
    (tmp_path / "broken").write_text("[profile work\nregion")
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / environment.get("AWS_CONFIG_FILE", "config")),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }

    # When a command asks AWS
    done = hybrid(*arguments, **{**environment, **files})

    # Then it says what is wrong, in one line, and gives the code of a user's mistake
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
