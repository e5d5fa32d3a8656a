"""`hybrid-host import` and `clean-images`, on the Docker of this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from host_machine import Machine, docker

from hybrid.artifacts import image_build
from hybrid.fleet.host_kit.kit import IMAGE_LABEL, HostSettings, script

pytestmark = pytest.mark.containers


@dataclass(frozen=True)
class Images:
    """Images of a label of their own, so that the script sees no others."""

    name: str
    script: Path

    def build(self, tag: str) -> str:
        reference = f"{self.name}:{tag}"
        base = os.environ.get("HYBRID_BASE_IMAGE", "base:local")
        dockerfile = f"FROM {base}\nLABEL {self.name}={tag}\n"
        docker("build", "-q", "-t", reference, "-", given=dockerfile)
        return reference

    def tags(self) -> set[str]:
        return set(docker("image", "ls", self.name, "--format", "{{.Tag}}").stdout.split())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(self.script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Images]:
    name = f"hybrid-test-{uuid.uuid4().hex[:12]}"
    text = script(HostSettings(region="eu-west-1", cluster="c")).replace(IMAGE_LABEL, name)
    file = tmp_path / "hybrid-host.sh"
    file.write_text(text.replace("KEPT_IMAGES=5", "KEPT_IMAGES=2"))
    yield Images(name, file)
    ids = docker("image", "ls", "-q", "--filter", f"label={name}").stdout.split()
    if ids:
        docker("image", "rm", "-f", *ids, check=False)


def test_the_label_is_that_of_the_build() -> None:
    assert image_build._DECODER_LABEL == IMAGE_LABEL


def test_old_images_go_and_the_newest_and_those_in_use_stay(images: Images) -> None:
    # Given five images, of which the oldest has a container
    for tag in ("one", "two", "three", "four", "five"):
        images.build(tag)
        time.sleep(1.1)
    container = docker("create", f"{images.name}:one", "true").stdout.strip()
    try:
        # When
        done = images.run("clean-images")
        # Then
        assert done.returncode == 0, done.stderr
        assert images.tags() == {"one", "four", "five"}
        assert f"removed {images.name}:two" in done.stdout
    finally:
        docker("rm", container)


def test_a_file_is_loaded_if_it_is_the_one_that_was_saved(images: Images, tmp_path: Path) -> None:
    # Given an image in a file
    reference = images.build("one")
    file = tmp_path / "image.tar"
    docker("image", "save", "-o", str(file), reference)
    docker("image", "rm", reference)
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    # Then with another digest nothing is loaded
    wrong = images.run("import", str(file), "--sha256", "0" * 64)
    assert wrong.returncode == 2
    assert f"has the SHA-256 {right}" in wrong.stderr
    assert images.tags() == set()
    # And with its own it is
    done = images.run("import", str(file), "--sha256", right.upper())
    assert done.returncode == 0, done.stderr
    assert images.tags() == {"one"}


@pytest.mark.parametrize(
    "words", [("import",), ("import", "/none"), ("import", "/none", "--sha256", "0"), ("doctor", "a-word")]
)
def test_a_wrong_use_is_told(images: Images, words: tuple[str, ...]) -> None:
    assert images.run(*words).returncode == 2


def test_a_host_that_joins_prefers_what_it_has_and_cleans_up_daily(machine: Machine) -> None:
    # When a machine joins
    assert machine.join().returncode == 0
    # Then the agent takes an image that is there, and a timer does what the agent then does not
    assert "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached" in machine.read("/etc/ecs/ecs.config")
    assert "systemctl enable -q --now hybrid-images.timer" in machine.log
    verified = machine.run("systemd-analyze verify /etc/systemd/system/hybrid-images.timer")
    assert "hybrid-images" not in verified.stderr
    # And leaving takes the timer away
    assert machine.host("leave").returncode == 0
    assert machine.run("ls /etc/systemd/system/ | grep hybrid-images").stdout == ""


def test_the_way_to_the_sites_own_registry_is_tried_with_its_port(machine: Machine) -> None:
    # Given a kit for a site with a registry, which does not answer
    machine.settle(mirror="registry.example:5000/cache")
    machine.note("refused", "registry.example:5000\n")
    done = machine.host("plan")
    # Then it is told, and no way to Amazon ECR is
    assert done.returncode == 2
    assert "FAILED   no way out to registry.example:5000" in done.stdout
    assert "open outbound 5000 to it" in done.stdout
    assert ".ecr." not in done.stdout


def test_the_sites_own_registry_is_not_behind_the_proxy(machine: Machine) -> None:
    machine.settle(mirror="registry.example:5000", proxy="http://proxy.example:3128")
    assert machine.join().returncode == 0
    settings = machine.read("/etc/systemd/system/docker.service.d/hybrid-proxy.conf")
    assert '/var/run/docker.sock,registry.example"' in settings
