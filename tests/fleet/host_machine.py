"""A machine for the host's script: a container with real gpg and stand-ins for network and services."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hybrid.fleet.host_kit.kit import HostSettings, script

HERE = Path(__file__).parent / "machine"
IMAGE = "hybrid-host-test"
PATHS = "/machine/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Options of `docker exec`: stand-ins first, downloads from beside them, no pauses.
ENVIRONMENT = (
    "-e", f"PATH={PATHS}", "-e", "INSTALLER_URL=https://downloads.example/install.sh",
    "-e", "KEY_URL=https://downloads.example/key.gpg", "-e", "AGENT_PAUSE=0",
)  # fmt: skip
CODE = "planted-code-8c1fXq20"
ACTIVATION = json.dumps(
    {
        "activation_id": "5743558d-563b-4457-8682-d16c3b6ee8a1",
        "activation_code": CODE,
        "region": "eu-west-1",
        "cluster": "hybrid-acme-depot",
    }
)


def docker(*arguments: str, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, text=True, timeout=300, check=check
    )


@dataclass
class Machine:
    """A running container; `/machine` in it is `directory` here."""

    container: str
    directory: Path
    fingerprint: str

    def run(self, command: str, *, given: str = "") -> subprocess.CompletedProcess[str]:
        return docker(
            "exec", "-i", *ENVIRONMENT, self.container, "sh", "-c", command, given=given, check=False
        )

    def settle(self, **settings: object) -> None:
        """Put the script of a site on the machine."""
        chosen = {"region": "eu-west-1", "cluster": "hybrid-acme-depot"} | settings
        text = script(HostSettings(**chosen, key_fingerprint=self.fingerprint))  # type: ignore[arg-type]
        (self.directory / "hybrid-host.sh").write_text(text)

    def host(self, arguments: str, *, given: str = "") -> subprocess.CompletedProcess[str]:
        return self.run(f"sh /machine/hybrid-host.sh {arguments}", given=given)

    def join(self) -> subprocess.CompletedProcess[str]:
        return self.host("join", given=ACTIVATION)

    def read(self, path: str) -> str:
        return self.run(f"cat {path}").stdout

    def note(self, name: str, text: str) -> None:
        """Change how a stand-in behaves."""
        (self.directory / name).write_text(text)

    def stand_in(self, program: str, does: str) -> None:
        """Put a program of a line in the place of another."""
        path = self.directory / "bin" / program
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    @property
    def log(self) -> str:
        log = self.directory / "log"
        return log.read_text() if log.exists() else ""


def build_image() -> None:
    """The image of the machine, on the base that this machine makes its images from."""
    base = os.environ.get("HYBRID_BASE_IMAGE", "base:local")
    docker("build", "-q", "--build-arg", f"BASE={base}", "-t", IMAGE, str(HERE))


def signed_downloads(directory: Path) -> str:
    """An installer with a signature of a key made for the purpose; the key's fingerprint."""
    directory.mkdir(parents=True)
    shutil.copy(HERE / "install.sh", directory / "install.sh")
    done = docker(
        "run", "--rm", "-v", f"{directory}:/www", IMAGE, "sh", "-euc",
        "export GNUPGHOME=$(mktemp -d); gpg='gpg --batch --quiet --passphrase='; cd /www\n"
        "$gpg --quick-gen-key signer@example.com ed25519 cert never 2>/dev/null\n"
        "fingerprint=$($gpg --list-keys --with-colons | sed -n 's/^fpr:*\\([0-9A-F]*\\):$/\\1/p' | head "
        "-n 1)\n"
        "$gpg --quick-add-key $fingerprint ed25519 sign never\n"
        "$gpg --export >key.gpg; $gpg --armor --detach-sign install.sh; echo $fingerprint",
    )  # fmt: skip
    return done.stdout.strip()
