"""The build of the image takes what is set for pip, as secrets: no layer, history or log has a password.

The real engine and the real Dockerfile's first stage, with a package of the private index: seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_index import Authority, Index, Machine, locked, tiny

from workspace.paths import ETL
from workspace.supply import offline

pytestmark = [pytest.mark.containers, pytest.mark.slow]

_BUILD = """
import sys
from pathlib import Path
from hybrid.artifacts import image_build
from workspace.supply import certificates, settings
image_build.ETL, name = Path(sys.argv[1]), sys.argv[2]
settings.OFFLINE, certificates.BUNDLES = Path("offline").absolute(), Path("certificates").absolute()
try:
    image_build.build(name, log=Path("build.log"))
except image_build.ImageError as error:
    sys.exit(str(error))
"""
_NAME = f"hybrid-supply-test-{os.getpid()}"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Path]:
    """The build stage up to the packages, which are `tiny` here."""
    base = os.environ.get("HYBRID_BASE_IMAGE")
    if not base or not shutil.which("docker"):
        pytest.skip("no base image is named (HYBRID_BASE_IMAGE), or there is no Docker engine")
    place = tmp_path / "etl"
    (place / "image").mkdir(parents=True)
    text = (ETL / "Dockerfile").read_text()
    (place / "Dockerfile").write_text(text[: text.index("COPY pyproject.toml")])
    # A directory of this test's own, lest the engine takes an earlier one's layer.
    lock = f"# {tmp_path}\n{locked('tiny', '1.0', tiny())}"
    for name in ("requirements.txt", "image/requirements-sbom.txt"):
        (place / name).write_text(lock)
    yield place
    subprocess.run(["docker", "rmi", "-f", _NAME], capture_output=True, check=False)


def _build(machine: Machine, stage: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: os.environ[name] for name in ("HYBRID_BASE_IMAGE", "DOCKER_HOST") if name in os.environ
    }
    return machine(sys.executable, "-c", _BUILD, stage, _NAME, **(inherited | variables))


def test_the_build_takes_pip_s_index_and_authority_and_keeps_no_password(
    stage: Path, authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given an index with a password, behind an authority of a company's
    index.password = "s3cret!word"
    settings = {"PIP_INDEX_URL": index.with_credentials("s3cret%21word")}

    # Then a build that does not know the authority says what to do
    blind = _build(machine, stage, **settings, PIP_RETRIES="0")
    assert "export SSL_CERT_FILE=" in blind.stderr, blind.stderr

    # And one that does installs from the index
    done = _build(machine, stage, **settings, REQUESTS_CA_BUNDLE=str(authority.certificate))
    assert done.returncode == 0, done.stderr
    assert "/simple/tiny/" in index.asked

    # And the password is nowhere
    history = subprocess.run(
        ["docker", "history", "--no-trunc", _NAME], capture_output=True, text=True, check=True
    ).stdout
    log = (tmp_path / "build.log").read_text()
    assert "s3cret" not in history + log + blind.stderr


def test_without_a_network_the_build_takes_the_directory(
    stage: Path, machine: Machine, tmp_path: Path
) -> None:
    # Given a directory that was filled, which is kept as the place to install from
    stick = tmp_path / "stick"
    (stick / "image").mkdir(parents=True)
    (stick / "image" / "tiny-1.0-py3-none-any.whl").write_bytes(tiny())
    offline.write_stamp(stick)
    (tmp_path / "offline").write_text(f"{stick}\n")

    # Then the build needs no index
    done = _build(machine, stage, PIP_INDEX_URL="http://127.0.0.1:9/simple", HTTPS_PROXY="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr


def test_an_image_is_built_anew_for_another_base_and_for_no_other_reason(
    stage: Path, machine: Machine, tmp_path: Path
) -> None:
    # Given an image, and another name of a base
    (stage / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    first, other = os.environ["HYBRID_BASE_IMAGE"], f"{_NAME}-base"
    change = f"FROM {first}\nLABEL of=another\n"
    subprocess.run(["docker", "build", "-q", "-t", other, "-"], input=change, text=True, check=True)
    try:
        for base, label in ((first, ""), (other, "another"), (first, "")):
            # When it is built, and once more
            times = []
            for _ in range(2):
                done = _build(machine, stage, HYBRID_BASE_IMAGE=base)
                assert done.returncode == 0, done.stderr
                times.append((tmp_path / "build.log").stat().st_mtime_ns)
            # Then it has that base, and the second time nothing was built
            form = '{{with index .Config.Labels "of"}}{{.}}{{end}}'
            said = subprocess.check_output(["docker", "inspect", "-f", form, _NAME], text=True)
            assert said.strip() == label
            assert times[0] == times[1]
    finally:
        subprocess.run(["docker", "rmi", "-f", other], capture_output=True, check=False)
