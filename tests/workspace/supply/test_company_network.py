"""In a company's network: whatever the user set for one tool holds for all, and what is missing is named."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_index import Authority, Index, Machine, closed_port, inspecting_proxy, locked, running, tiny

pytestmark = pytest.mark.slow

_INSTALL = (sys.executable, Path(__file__).with_name("install.py"))
_TOOLS = ("uv", "pip", "npm")
_PASSWORD = "s3cret%21word"
_LOCKED = locked("tiny", "1.0", tiny())


@pytest.mark.parametrize(
    "variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"]
)
def test_an_authority_named_for_any_tool_is_trusted_by_all(
    variable: str, authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given an index whose certificate a company's authority signed, which one variable names
    named = authority.certificate
    if variable == "SSL_CERT_DIR":
        (tmp_path / "certificates").mkdir()
        named = Path(shutil.copy(named, tmp_path / "certificates")).parent
    settings = {"PIP_INDEX_URL": index.url, "npm_config_registry": index.npm, variable: str(named)}

    # Then uv, pip and npm reach it
    done = machine(*_INSTALL, tmp_path, *_TOOLS, **settings)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tool", ["uv", "npm"])
def test_an_authority_that_nobody_named_is_told_with_its_remedy(
    tool: str, index: Index, machine: Machine, tmp_path: Path
) -> None:
    done = machine(*_INSTALL, tmp_path, tool, PIP_INDEX_URL=index.url, npm_config_registry=index.npm)

    assert done.returncode == 1
    assert "certificate of an authority that is not trusted here" in done.stderr
    assert "export SSL_CERT_FILE=/path/to/company-ca.pem" in done.stderr
    assert "127.0.0.1" in done.stderr.splitlines()[0]


def test_a_setting_of_pip_s_files_holds_for_uv(
    authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given a company's pip.conf, and no variable
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {index.url}\ncert = {authority.certificate}\n")

    done = machine(*_INSTALL, tmp_path, "uv", PIP_CONFIG_FILE=str(settings))

    assert done.returncode == 0, done.stderr
    assert "/simple/tiny/" in index.asked


def test_npmrc_names_the_registry_and_the_authority(
    authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "home" / ".npmrc").write_text(f"registry={index.npm}\ncafile={authority.certificate}\n")

    assert machine(*_INSTALL, tmp_path, "npm").returncode == 0


@pytest.fixture
def extra(authority: Authority, packages: dict[str, bytes]) -> Iterator[Index]:
    with running(authority, packages) as made:
        yield made


def test_packages_of_an_extra_index_are_found_beside_those_of_the_first(
    authority: Authority, index: Index, extra: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given an index that lacks the version that is pinned, before one that has it
    index.packages = {name.replace("1.0", "0.9"): content for name, content in index.packages.items()}

    done = machine(
        *(*_INSTALL, tmp_path, "uv"),
        PIP_INDEX_URL=extra.url,
        PIP_EXTRA_INDEX_URL=index.url,
        SSL_CERT_FILE=str(authority.certificate),
    )

    assert done.returncode == 0, done.stderr


def test_what_is_set_for_uv_wins_there_and_holds_for_pip_where_that_has_nothing(
    authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    named = {"SSL_CERT_FILE": str(authority.certificate), "UV_DEFAULT_INDEX": index.url}
    with closed_port() as port:
        wrong = machine(*_INSTALL, tmp_path, "uv", PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple", **named)
        both = machine(*_INSTALL, tmp_path, "uv", "pip", **named)

    assert (wrong.returncode, both.returncode) == (0, 0), wrong.stderr + both.stderr


def test_the_password_of_an_index_is_used_and_never_shown(
    authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given an index that asks for a password
    index.password = "s3cret!word"
    named = {"SSL_CERT_FILE": str(authority.certificate)}

    # When it is right, wrong, and when the certificate is not trusted
    right = machine(*_INSTALL, tmp_path, "uv", PIP_INDEX_URL=index.with_credentials(_PASSWORD), **named)
    wrong = machine(*_INSTALL, tmp_path, "uv", PIP_INDEX_URL=index.with_credentials("another-one"), **named)
    (tmp_path / "requirements.txt").write_text(f"{_LOCKED}# made anew\n")
    blind = machine(*_INSTALL, tmp_path, "uv", PIP_INDEX_URL=index.with_credentials(_PASSWORD))

    # Then it is known what to do, and no password is on the screen
    assert right.returncode == 0, right.stderr
    assert "give the user and the password of the index" in wrong.stderr or wrong.returncode == 0
    assert blind.returncode == 1
    shown = "".join(done.stdout + done.stderr for done in (right, wrong, blind))
    assert not any(secret in shown for secret in (_PASSWORD, "s3cret!word", "another-one"))


def test_a_proxy_that_signs_in_and_inspects_leads_to_the_index(
    authority: Authority, packages: dict[str, bytes], machine: Machine, tmp_path: Path
) -> None:
    named = {"SSL_CERT_FILE": str(authority.certificate)}
    with inspecting_proxy(authority, packages, password="pr0xy-word") as (address, index):
        settings = {"PIP_INDEX_URL": index.url, "npm_config_registry": index.npm}
        signed_in = {"HTTPS_PROXY": f"http://me:pr0xy-word@{address}"}

        # With the proxy's address, user and password, and its authority, all three reach the index
        right = machine(*_INSTALL, tmp_path, *_TOOLS, **settings, **named, **signed_in)
        assert right.returncode == 0, right.stderr
        assert {"/simple/tiny/", "/npm/tiny"} <= set(index.asked)

        # Without its authority, or without its password, the remedy is told
        (tmp_path / "requirements.txt").write_text(f"{_LOCKED}# made anew\n")
        untrusted = machine(*_INSTALL, tmp_path, "uv", **settings, **signed_in)
        assert "export SSL_CERT_FILE=" in untrusted.stderr
        anonymous = machine(*_INSTALL, tmp_path, "uv", **settings, **named, HTTPS_PROXY=f"http://{address}")
        assert "the proxy asks for a user and a password" in anonymous.stderr
        assert "pr0xy-word" not in untrusted.stderr + anonymous.stderr


def test_a_file_that_is_not_the_locked_one_is_not_installed(
    authority: Authority, index: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given a lock file with the hash of the package, and an index that serves another one
    digest = hashlib.sha256(b"the package that was locked").hexdigest()
    (tmp_path / "requirements.txt").write_text(f"tiny==1.0 --hash=sha256:{digest}\n")

    done = machine(
        *(*_INSTALL, tmp_path, "uv"), PIP_INDEX_URL=index.url, SSL_CERT_FILE=str(authority.certificate)
    )

    assert done.returncode == 1
    assert "not the one that the lock file names" in done.stderr


_MAKE_LOCK = """
from pathlib import Path
from workspace import locks
locks.ROOT = Path.cwd()
locks.Lock(Path.cwd() / "made.txt", Path.cwd() / "made.in").make(upgrade=False)
"""


def test_hashes_of_a_lock_file_are_those_of_the_first_index(
    authority: Authority, index: Index, extra: Index, machine: Machine, tmp_path: Path
) -> None:
    # Given an index with two files of a version, and a mirror in part that has one
    extra.packages = {**extra.packages, "tiny-1.0-cp39-cp39-win32.whl": b"another file"}

    (tmp_path / "made.in").write_text("tiny\n")

    done = machine(
        *(sys.executable, "-c", _MAKE_LOCK),
        PIP_INDEX_URL=extra.url,
        PIP_EXTRA_INDEX_URL=index.url,
        SSL_CERT_FILE=str(authority.certificate),
    )

    # Then both are named: another machine installs the other one
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made.txt").read_text().count("--hash=sha256:") == 2


def test_an_index_that_does_not_answer_is_told_with_its_remedies(machine: Machine, tmp_path: Path) -> None:
    with closed_port() as port:
        done = machine(*(*_INSTALL, tmp_path, "uv"), PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple")

    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be reached from here" in done.stderr
    assert "bin/hybrid setup --offline DIR" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"\x30\x82\x01\x00", "openssl x509 -inform der")]
)
def test_a_certificate_of_no_use_is_told(
    content: bytes | None, said: str, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_bytes(content)

    done = machine(*_INSTALL, tmp_path, "uv", PIP_CERT=str(file))

    assert done.returncode == 1
    assert f"PIP_CERT names {file}" in done.stderr
    assert said in done.stderr
