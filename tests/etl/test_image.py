"""The container's image: what is in it, how large it is, and that it runs as the task definitions run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from etl_process import ROOT, Database, Etl

pytestmark = pytest.mark.containers
#: The image may be so much larger than its base, uncompressed.
MOST_MB = 180
_NAME = "hybrid-etl-test-image"
_SBOM = "/opt/hybrid-etl/sbom.cdx.json"


@pytest.fixture(scope="module")
def base() -> str:
    name = os.environ.get("HYBRID_BASE_IMAGE")
    if not name or not shutil.which("docker"):
        pytest.skip("no base image is named (HYBRID_BASE_IMAGE), or there is no Docker engine")
    return name


@pytest.fixture(scope="module")
def image(base: str) -> Iterator[str]:
    command = [_builder(), "build", "--quiet", "--tag", _NAME, "--network", "host"]
    # The same arguments as the demo's, so that the engine builds each layer once.
    digest = _output("docker", "image", "inspect", "-f", "{{.Id}}", base)
    command += ["--build-arg", f"BASE={base}", "--build-arg", f"BASE_DIGEST={digest}"]
    bundle = os.environ.get("SSL_CERT_FILE")
    command += ["--secret", f"id=ca,src={bundle}"] if bundle else []
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(
        [*command, str(ROOT / "etl")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    yield _NAME
    subprocess.run(["docker", "rmi", _NAME], capture_output=True, check=False)


def _builder() -> str:
    """The first `docker` of the PATH that builds with BuildKit by itself or by buildx."""
    for directory in os.environ["PATH"].split(os.pathsep):
        docker = shutil.which("docker", path=directory)
        if docker:
            version = _output(docker, "version", "--format", "{{.Client.Version}}")
            has_buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False)
            if has_buildx.returncode == 0 or int(version.split(".")[0]) < 23:
                return docker
    pytest.skip("no `docker` here builds with BuildKit")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_image_is_small(image: str, base: str) -> None:
    sizes = [int(_output("docker", "image", "inspect", "-f", "{{.Size}}", name)) for name in (image, base)]
    added = (sizes[0] - sizes[1]) / 1e6
    print(f"\n{added:.0f} MB over a base of {sizes[1] / 1e6:.0f} MB")
    assert added <= MOST_MB


def test_its_bill_of_materials_names_what_is_installed(image: str, base: str) -> None:
    # Given what the image itself says
    program = (
        "from importlib.metadata import distributions as d; print(*(f'{x.name}=={x.version}' for x in d()))"
    )
    python = ["--entrypoint", "/opt/hybrid-etl/bin/python", image, "-c", program]
    installed = set(_output("docker", "run", "--rm", *python).split())
    packages = ["--entrypoint", "dpkg-query", image, "-W", "-f", "${Package}==${Version} "]
    installed |= set(_output("docker", "run", "--rm", *packages).split())
    # When
    bill = json.loads(_output("docker", "run", "--rm", "--entrypoint", "cat", image, _SBOM))
    # Then
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "hybrid-etl")
    listed = {f"{part['name']}=={part.get('version')}" for part in bill["components"]}
    assert installed <= listed, installed - listed
    assert any(part["name"].endswith("decoder.so") for part in bill["components"])
    # And the base that it was built on
    digest = _output("docker", "image", "inspect", "-f", "{{.Id}}", base)
    assert {"type": "container", "name": base, "version": digest} in bill["components"]


def test_it_runs_in_a_small_box_without_root_and_without_a_writable_root(
    image: str, base: str, etl: Etl, postgresql: Database
) -> None:
    # Given the options of the task definitions, and the least memory that a source may have
    digest = etl.specify(
        postgresql, query="select n, md5(n::text) as noise from generate_series(1, 300000) n"
    )
    settings = etl.settings(postgresql.secret)
    etl.lake.mkdir(mode=0o777)
    etl.lake.chmod(0o777)
    for path in (etl.directory, *etl.directory.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    command = ["docker", "run", "--rm", "--network", "host", "--read-only", "--cap-drop", "ALL", "--init"]
    command += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=16m"]  # noqa: S108
    command += ["--memory", "256m", "--memory-swap", "256m", "--volume", f"{etl.directory}:{etl.directory}"]
    command += [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
    # When
    done = subprocess.run([*command, image, "run", digest], capture_output=True, text=True, check=False)
    # Then
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads(next(etl.lake.rglob("_manifest.json")).read_text())
    assert (manifest["rows"], manifest["decoder"]) == (300_000, "native")
    assert manifest["image"]["base"].startswith(f"{base}@sha256:")
    assert next(etl.lake.rglob("part-*")).stat().st_uid == 65532
