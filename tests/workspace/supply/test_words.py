"""What a tool said when it failed becomes a remedy, and no password is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from private_index import Authority

from workspace.supply import certificates
from workspace.supply.process import prepare
from workspace.supply.words import address_without_credentials, failure, remedy, without_credentials


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cause: invalid peer certificate: UnknownIssuer", "export SSL_CERT_FILE="),
        ("npm error code UNABLE_TO_VERIFY_LEAF_SIGNATURE", "export SSL_CERT_FILE="),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "export SSL_CERT_FILE="),
        (
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
            "export SSL_CERT_FILE=",
        ),
        ("invalid peer certificate: certificate expired: CERT_HAS_EXPIRED", "this machine's clock"),
        ('invalid peer certificate: certificate not valid for name "x": NotValidForName', "another name"),
        ("npm error code E401", "user and the password of the index"),
        ("HTTP status client error (403 Forbidden) for url (https://i/simple/)", "user and the password"),
        ("Tunnel connection failed: 407 Proxy Authentication Required", "the proxy asks"),
        ("npm error code ENOTFOUND", "HTTPS_PROXY"),
        ("Network connectivity is disabled because of --offline", "HTTPS_PROXY"),
        ("npm error code EINTEGRITY", "not the one that the lock file names"),
        ("ERROR: No matching distribution found for tiny==1.0", "a mirror often holds back"),
        ("No solution found when resolving dependencies", "a mirror often holds back"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("http://127.0.0.1:44077/simple/tiny/: Connection refused", "cannot be reached from here"),
        ("https://i.example:407/tiny-4.403.tar.gz: Connection refused", "cannot be reached from here"),
    ],
)
def test_what_a_tool_says_becomes_a_remedy(said: str, told: str) -> None:
    assert told in (remedy(said) or "")


def test_what_is_not_foreseen_is_shown_as_it_is() -> None:
    assert remedy("something else") is None
    assert failure("uv pip install", "something else") == "uv pip install failed:\nsomething else"


@pytest.mark.parametrize(
    "address",
    [
        "https://me:pa55word@index.example/simple",
        "https://me:pa55word%40@index.example/simple",
        "https://me:pa55word@@index.example/simple",
        "https://pa55word@index.example/simple",
        "http://me:pa55word@[::1]:3128",
    ],
)
def test_no_address_keeps_its_credentials(address: str) -> None:
    shown = without_credentials(f"Failed to fetch: '{address}' (twice: {address})")

    assert "pa55word" not in shown
    assert "://****@" in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("me:pa55word@proxy:3128", "****@proxy:3128"),
        ("http://me:pa55/word@proxy:3128/", "http://****@proxy:3128/"),
        ("https://me:pa55#word@index/simple", "https://****@index/simple"),
        ("file://me:pa55@word@/srv/index", "file://****@/srv/index"),
        ("https://index.example/simple", "https://index.example/simple"),
        ("proxy:3128", "proxy:3128"),
    ],
)
def test_one_address_is_shown_without_credentials_however_it_is_written(address: str, shown: str) -> None:
    assert address_without_credentials(address) == shown


def test_a_password_with_a_slash_is_hidden_where_it_is_known() -> None:
    # Not a valid address, and people write it: the tool's message has it as a host and a path
    assert "ss/word" not in without_credentials("bad url https://me:pa55/word@host", secrets=["pa55/word"])


def test_requests_to_this_machine_go_past_a_proxy() -> None:
    # Given a proxy, and exceptions of the user's own
    environ = {"https_proxy": "http://proxy:3128", "NO_PROXY": ".acme.example"}

    prepare(environ)

    # Then the loopback is one more, in both spellings; without a proxy nothing is set
    assert environ["no_proxy"] == environ["NO_PROXY"] == ".acme.example,localhost,127.0.0.1,::1"
    untouched: dict[str, str] = {}
    prepare(untouched)
    assert untouched == {}


def test_an_authority_named_for_node_is_trusted_by_the_aws_libraries(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an authority that is named for Node, where it is one more than the public ones
    monkeypatch.setattr(certificates, "BUNDLES", tmp_path)
    environ = {"NODE_EXTRA_CA_CERTS": str(authority.certificate)}

    prepare(environ)

    # Then botocore and the AWS CLI have it beside what the system trusts; what is set for them stays
    bundle = Path(environ["AWS_CA_BUNDLE"]).read_text()
    lines = authority.certificate.read_text().splitlines()
    assert lines[1] in bundle
    if (system := certificates.system_file()) is not None:
        assert bundle.count("BEGIN") > system.read_text(encoding="latin-1").count("BEGIN") / 2
    own = {**environ, "AWS_CA_BUNDLE": "/mine.pem"}
    prepare(own)
    assert own["AWS_CA_BUNDLE"] == "/mine.pem"


def test_exceptions_that_hold_for_everything_stay() -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "*"}

    prepare(environ)

    assert environ["no_proxy"] == "*"
