"""The build of the image takes what is set for pip, as secrets: no layer, history or log has a password.

The real engine and the real Dockerfile's first stage, with a package of the private index: seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_index import Authority, Index, Machine, locked, tiny

from tests.docker_registry import docker_registry
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
    if sys.argv[3:]:
        print(image_build.build_with_any_decoder(name, log=Path("build.log")))
    else:
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
    (place / "Dockerfile").write_text(text[: text.index("# required")])
    # A directory of this test's own, lest the engine takes an earlier one's layer.
    lock = f"# {tmp_path}\n{locked('tiny', '1.0', tiny())}"
    for name in ("requirements.txt", "image/requirements-sbom.txt"):
        (place / name).write_text(lock)
    yield place
    subprocess.run(["docker", "rmi", "-f", _NAME], capture_output=True, check=False)


def _build(machine: Machine, stage: Path, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: os.environ[name] for name in ("HYBRID_BASE_IMAGE", "DOCKER_HOST") if name in os.environ
    }
    return machine(sys.executable, "-c", _BUILD, stage, _NAME, *more, **(inherited | variables))


def _labels() -> dict[str, str]:
    form = "{{json .Config.Labels}}"
    found: dict[str, str] = json.loads(subprocess.check_output(["docker", "inspect", "-f", form, _NAME]))
    return found


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


def test_without_a_compiler_only_a_demo_s_image_is_built_and_says_so(
    stage: Path, machine: Machine, tmp_path: Path
) -> None:
    # Given a base that has no compiler and nothing to get one with
    text = (ETL / "Dockerfile").read_text()
    step = text[text.index("ARG NATIVE") : text.index("COPY pyproject.toml")]
    (stage / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\n{step}")
    base = f"{_NAME}-bare"
    bare = f"FROM {os.environ['HYBRID_BASE_IMAGE']}\nRUN rm -f /usr/bin/apt-get\n"
    subprocess.run(["docker", "build", "-q", "-t", base, "-"], input=bare, text=True, check=True)
    try:
        # Then an image that is meant to be deployed is not built without the decoder
        refused = _build(machine, stage, HYBRID_BASE_IMAGE=base)
        assert refused.returncode == 1
        assert "no C compiler" in refused.stderr
        assert "--native none" in refused.stderr
        # And the demo's is, and says so; the second time nothing is built
        for _ in range(2):
            done = _build(machine, stage, "demo", HYBRID_BASE_IMAGE=base)
            assert (done.returncode, done.stdout.strip()) == (0, "none"), done.stderr
            assert _labels()["hybrid-etl.native-decoder"] == "none"
        built = (tmp_path / "build.log").stat().st_mtime_ns
        # And what was built for a demo is not taken for what is deployed
        assert _build(machine, stage, HYBRID_BASE_IMAGE=base).returncode == 1
        assert (tmp_path / "build.log").stat().st_mtime_ns > built
    finally:
        subprocess.run(["docker", "rmi", "-f", base], capture_output=True, check=False)


def test_the_digest_of_the_base_is_in_the_labels(stage: Path, machine: Machine) -> None:
    # Given a base that only this machine has
    base = os.environ["HYBRID_BASE_IMAGE"]
    (stage / "Dockerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nARG BASE\nARG BASE_DIGEST\nLABEL built-on=$BASE--$BASE_DIGEST\n"
    )
    found = subprocess.check_output(["docker", "inspect", "-f", "{{.Id}}", base], text=True).strip()
    # When
    done = _build(machine, stage)
    # Then its id stands for it, for no registry has named it
    assert done.returncode == 0, done.stderr
    labels = _labels()
    assert labels["org.opencontainers.image.base.name"] == base
    assert labels["org.opencontainers.image.base.digest"] == found
    assert labels["built-on"] == f"{base}--{found}"


def test_a_base_of_a_registry_is_held_to_its_digest(stage: Path, machine: Machine, registry: str) -> None:
    # Given a tag of a registry
    (stage / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nARG BASE\nLABEL built-on=$BASE\n")
    tag, repository = f"{registry}/bases/slim:1", f"{registry}/bases/slim"
    first = _push(f"FROM {os.environ['HYBRID_BASE_IMAGE']}\nLABEL one=1\n", tag)
    done = _build(machine, stage, HYBRID_BASE_IMAGE=tag)
    assert done.returncode == 0, done.stderr
    assert _labels()["org.opencontainers.image.base.digest"] == first
    assert _labels()["built-on"] == f"{tag}@{first}"
    # When the tag moves, and this machine has not seen it
    second = _push(f"FROM {os.environ['HYBRID_BASE_IMAGE']}\nLABEL two=2\n", tag)
    assert second != first
    subprocess.run(["docker", "tag", f"{repository}@{first}", tag], check=True)
    subprocess.run(["docker", "rmi", "-f", _NAME], capture_output=True, check=False)
    assert _build(machine, stage, HYBRID_BASE_IMAGE=tag).returncode == 0
    # Then the image has what the registry has now
    assert _labels()["org.opencontainers.image.base.digest"] == second
    # And a base that is named with its digest is that one
    assert _build(machine, stage, HYBRID_BASE_IMAGE=f"{repository}@{first}").returncode == 0
    assert _labels()["org.opencontainers.image.base.digest"] == first
    # And one that is nowhere is told
    nowhere = _build(machine, stage, HYBRID_BASE_IMAGE=f"{registry}/bases/other:1")
    assert nowhere.returncode == 1
    assert "could not be pulled" in nowhere.stderr


def _push(dockerfile: str, tag: str) -> str:
    """Build and push an image: the digest that the registry has for it."""
    subprocess.run(["docker", "build", "-q", "-t", tag, "-"], input=dockerfile, text=True, check=True)
    subprocess.run(["docker", "push", "--quiet", tag], capture_output=True, check=True)
    form = "{{index .RepoDigests 0}}"
    named = subprocess.check_output(["docker", "inspect", "-f", form, tag], text=True)
    return named.strip().partition("@")[2]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with docker_registry(tmp_path) as address:
        yield address
