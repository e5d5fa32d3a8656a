"""A step of `bin/hybrid deploy` that fails is a failure, whatever it was: something was touched before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hybrid.cli import terminal
from hybrid.cli.deploy import _Deployment
from hybrid.fleet.errors import CredentialsExpired


@pytest.fixture
def deployment() -> _Deployment:
    nothing: Any = None
    return _Deployment(
        estate=nothing,
        aws=nothing,
        account="000000000000",
        before=[],
        after=[],
        directory=Path(),
        profile=None,
        concurrency=1,
        image=None,
        json_output=True,
    )


@pytest.mark.parametrize("error", [CredentialsExpired("sign in"), terminal.UserError("sign in")])
def test_a_mistake_in_a_step_is_no_refusal(deployment: _Deployment, error: Exception) -> None:
    with pytest.raises(terminal.Failure, match="sign in"), deployment._step("a step"):
        raise error

    (step,) = deployment.steps
    assert (step.step, step.state, step.details) == ("a step", "failed", ["sign in"])
