"""The file that an activation's code goes into, on a disk that takes no byte of it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from hybrid.fleet.destinations import CodeFile
from hybrid.fleet.errors import DestinationRefused
from hybrid.fleet.records import IssuedActivation
from hybrid.fleet.sites import AnywhereSiteNames

_SITE = AnywhereSiteNames("acme", "depot")
_ISSUED = IssuedActivation("activation", SecretStr("code"))


@contextmanager
def _a_full_disk() -> Iterator[None]:
    """A write beyond the limit fails with EFBIG, as one to a full disk with ENOSPC; SIGXFSZ is ignored."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path, is_gone: bool) -> None:
    # Given a file that was made before the activation, and perhaps removed by somebody since
    path = tmp_path / "code.json"
    file = CodeFile(path, "eu-west-1")
    file.prepare(_SITE)
    if is_gone:
        path.unlink()

    # When the disk is full
    with (
        _a_full_disk(),
        pytest.raises(DestinationRefused, match=r"code\.json cannot be written: File too large"),
    ):
        file.deliver(_SITE, _ISSUED)

    # Then no file is left
    assert not path.exists()
