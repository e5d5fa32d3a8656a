"""A bare clone in a company's network, and on a machine without any: what bin/hybrid itself does first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from private_index import UV_VERSION, Authority, Index, Machine, closed_port, locked

from workspace.paths import ROOT
from workspace.supply import offline
from workspace.supply.first import pinned

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path: Path, packages: dict[str, bytes]) -> Path:
    """A clone that needs uv and `tiny` and prints `tiny`'s value."""
    place = tmp_path / "a clone"
    for part in ("bin", "hybrid", "constructs"):
        (place / part).mkdir(parents=True)
    shutil.copy(ROOT / "bin" / "hybrid", place / "bin")
    shutil.copytree(ROOT / "workspace" / "supply", place / "workspace" / "supply")
    for module in ("__init__.py", "files.py", "paths.py"):
        shutil.copy(ROOT / "workspace" / module, place / "workspace")
    lock = locked("tiny", "1.0", packages["tiny-1.0-py3-none-any.whl"])
    lock += locked("uv", UV_VERSION, packages[f"uv-{UV_VERSION}-py3-none-any.whl"])
    (place / "requirements.txt").write_text(lock)
    (place / "hybrid" / "__init__.py").touch()
    (place / "hybrid" / "__main__.py").write_text("import tiny; print('ran with', tiny.VALUE)\n")
    return place


def test_a_clone_sets_itself_up_from_a_company_s_index(
    clone: Path, authority: Authority, index: Index, machine: Machine
) -> None:
    # Given an index with a password behind an authority that nobody named
    index.password = "s3cret!word"
    settings = {"PIP_INDEX_URL": index.with_credentials("s3cret%21word")}

    # Then the first command says what is missing
    blind = machine(clone / "bin" / "hybrid", **settings)
    assert blind.returncode == 1
    assert "export SSL_CERT_FILE=/path/to/company-ca.pem" in blind.stderr
    assert "s3cret" not in blind.stderr

    # And with that it goes on
    done = machine(clone / "bin" / "hybrid", **settings, NODE_EXTRA_CA_CERTS=str(authority.certificate))
    assert (done.returncode, done.stdout) == (0, "ran with 1\n"), done.stderr


def test_a_variable_that_names_no_certificate_is_the_user_s_mistake(clone: Path, machine: Machine) -> None:
    done = machine(clone / "bin" / "hybrid", SSL_CERT_FILE="/no/such/ca.pem")

    assert done.returncode == 2
    assert "SSL_CERT_FILE names /no/such/ca.pem, which cannot be read" in done.stderr


@pytest.fixture
def filled(tmp_path: Path, packages: dict[str, bytes]) -> Path:
    """A directory as `setup --download` leaves it, as far as this clone needs."""
    directory = tmp_path / "a stick"
    (directory / "wheels").mkdir(parents=True)
    for name, content in packages.items():
        (directory / "wheels" / name).write_bytes(content)
    offline.write_stamp(directory)
    return directory


def test_a_clone_sets_itself_up_from_a_directory_without_a_network(
    clone: Path, filled: Path, machine: Machine
) -> None:
    # Given that no index and no proxy can be reached
    with closed_port() as port:
        nowhere = f"http://127.0.0.1:{port}"
        done = machine(
            *(clone / "bin" / "hybrid", "setup", "--offline", filled),
            PIP_INDEX_URL=f"{nowhere}/simple",
            HTTPS_PROXY=nowhere,
            HTTP_PROXY=nowhere,
        )

    assert (done.returncode, done.stdout) == (0, "ran with 1\n"), done.stderr


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shutil.rmtree, "is not there"),
        (lambda directory: (directory / "made-for.json").unlink(), "did not come to its end"),
        (lambda directory: (directory / "made-for.json").write_text("{"), "did not come to its end"),
        (
            lambda directory: (directory / "made-for.json").write_text(
                json.dumps({**offline.this_machine(), "python": "3.99"})
            ),
            "python 3.99, here it is",
        ),
    ],
    ids=["absent", "half", "damaged", "of another Python"],
)
def test_a_directory_of_no_use_is_told(spoil: Callable[[Path], object], said: str, filled: Path) -> None:
    spoil(filled)

    with pytest.raises(offline.OfflineProblem, match=said):
        offline.check(filled)


def test_a_directory_that_lacks_a_package_says_which(clone: Path, filled: Path, machine: Machine) -> None:
    (filled / "wheels" / "tiny-1.0-py3-none-any.whl").unlink()

    done = machine(clone / "bin" / "hybrid", "setup", f"--offline={filled}")

    assert done.returncode == 1
    assert "tiny" in done.stderr

    # And where the directory itself is another machine's, that is the user's mistake
    stamp = json.dumps({**offline.this_machine(), "machine": "riscv64"})
    (filled / "made-for.json").write_text(stamp)
    other = machine(clone / "bin" / "hybrid", "setup", f"--offline={filled}")
    assert other.returncode == 2
    assert "machine riscv64, here it is" in other.stderr


def test_uv_is_installed_by_the_hashes_of_the_lock_file() -> None:
    lines = pinned("uv", (ROOT / "requirements.txt").read_text()).splitlines()

    assert lines[0].startswith("uv==")
    assert len(lines) > 10
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
