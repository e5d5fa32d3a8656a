"""What keeps a run from the native decoder is told as such, so that plain Python takes its place."""

from __future__ import annotations

import resource

import pytest

from hybrid_etl.native.library import NotAvailable, load
from hybrid_etl.readers.postgresql.native import libpq


def test_a_process_that_may_open_no_more_files_does_without(native_decoder: None) -> None:
    # Given the library, loaded, in a process that has used up its file descriptors
    load()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))

    # When it looks for the libpq that made its connection
    try:
        with pytest.raises(NotAvailable, match="the process's own libraries cannot be listed"):
            libpq.__wrapped__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
