"""A clone decodes natively where it has a C compiler, and does without where it has none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workspace import native_decoder
from workspace.environments import ETL_PROCESS
from workspace.paths import ETL

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the container's code, without a library."""
    etl = tmp_path / "etl"
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(ETL / "hybrid_etl", etl / "hybrid_etl", ignore=ignored)
    sources = etl / "hybrid_etl" / "native"
    monkeypatch.setattr(native_decoder, "ETL", etl)
    monkeypatch.setattr(native_decoder, "_SOURCES", sources)
    monkeypatch.setattr(native_decoder, "LIBRARY", sources / "decoder.so")
    monkeypatch.setattr(native_decoder, "_STAMP", tmp_path / "made-from")
    return sources


def test_it_is_compiled_once_and_again_when_its_sources_change(clone: Path) -> None:
    if not native_decoder.has_compiler():
        pytest.skip("no C compiler here")
    # Given a clone without it, when the environment is made
    native_decoder.build(ETL_PROCESS.python)

    # Then it is there, and stays until a source changes
    assert native_decoder.is_current()
    made = native_decoder.LIBRARY.stat().st_mtime_ns
    native_decoder.build(ETL_PROCESS.python)
    assert native_decoder.LIBRARY.stat().st_mtime_ns == made
    with (clone / "mysql.c").open("a") as file:
        file.write("/* another */\n")
    assert not native_decoder.is_current()
    native_decoder.build(ETL_PROCESS.python)
    assert native_decoder.is_current()


def test_without_a_compiler_and_with_one_that_refuses_there_is_none(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a source that no compiler takes
    (clone / "broken.c").write_text("this is no C\n")
    native_decoder.build(ETL_PROCESS.python)
    assert not native_decoder.is_current()

    # And a machine without a compiler
    (clone / "broken.c").unlink()
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    native_decoder.build(ETL_PROCESS.python)
    assert not native_decoder.is_current()
