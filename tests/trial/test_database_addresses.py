"""A database's address is read as it is meant, or refused: never in part."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.trial.database_url import DatabaseUrlError, secret_of


def _secret(url: str) -> dict[str, str | int]:
    return secret_of(url, engine="postgresql", password="of-the-environment")


@pytest.mark.parametrize(
    ("url", "key", "value"),
    [
        ("postgresql://me:pa%23s%2Fs@h/shop", "password", "pa#s/s"),
        ("postgresql://me:p@ss:w@h/shop", "password", "p@ss:w"),
        ("postgresql://me:50%off@h/shop", "password", "50%off"),
        ("postgresql://me:p+s@h/shop", "password", "p+s"),
        ("postgresql://me@h/shop", "password", "of-the-environment"),
        ("postgresql://me:secret@[::1]:6000/shop", "host", "::1"),
        ("postgresql://me:secret@h/a%23b", "dbname", "a#b"),
        (" postgresql://me:secret@h/shop\n", "dbname", "shop"),
        ("postgresql://me:secret@h/shop", "port", 5432),
    ],
)
def test_an_address_is_read_as_it_is_meant(url: str, key: str, value: object) -> None:
    assert _secret(url)[key] == value


@pytest.mark.parametrize(
    ("url", "said"),
    [
        # The part after it would be dropped, and another database read.
        ("postgresql://me:secret@h/shop#2", "has a `#`"),
        ("postgresql://me:secret#1@h/shop", "has a `#`"),
        ("postgresql://me:12#secret@h/shop", "has a `#`"),
        ("postgresql://me:secret/1@h/shop", "a `/` or a `?` before its `@`"),
        ("postgresql://me:12/secret@h/shop", "a `/` or a `?` before its `@`"),
        ("postgresql://me:secret?1@h/shop", "a `/` or a `?` before its `@`"),
        ("postgresql://me:secret[1@h/shop", "%5B"),
        ("postgresql://me:secret@h:0/shop", "no number from 1 to 65535"),
        ("postgresql://me:secret@h:65536/shop", "no number from 1 to 65535"),
        ("postgresql://me:secret@h/shop?sslmode=", "one value, once"),
        ("postgresql://me:secret@h/shop?sslmode=require&sslmode=disable", "one value, once"),
        ("postgresql://me:secret@h/shop?connect_timeout=3", "it takes sslmode, sslrootcert"),
    ],
)
def test_an_address_of_which_a_part_would_be_lost_is_refused(url: str, said: str) -> None:
    with pytest.raises(DatabaseUrlError, match="address") as refused:
        _secret(url)

    assert said in str(refused.value)
    assert "secret" not in str(refused.value).replace("secret@", "")


@pytest.mark.parametrize(
    ("url", "key", "value"),
    [
        ("postgresql://me:secret@%2Frun%2FPostgres/shop", "host", "/run/Postgres"),
        ("postgresql://me:secret@%2Frun%2Fpostgresql:6000/shop", "port", 6000),
        ("postgresql://me:secret@[fe80::1%25eth0]/shop", "host", "fe80::1%eth0"),
        ("postgresql://me:secret@h/shop?sslmode=require", "sslmode", "require"),
        ("postgresql://m%C3%BC:secret@h/shop", "username", "mü"),
    ],
)
def test_sockets_zones_and_codes(url: str, key: str, value: object) -> None:
    assert _secret(url)[key] == value


@pytest.mark.parametrize(
    ("url", "said"),
    [
        # A line break would be taken out, and the password be another one.
        ("postgresql://me:sec\nret@h/shop", "a line break or a tab"),
        ("postgresql://me:sec%FFret@h/shop", "the password of the database's address has codes"),
        ("postgresql://me:secret@h,other/shop", "several hosts"),
        ("postgresql://me:secret@h:1,other:2/shop", "several hosts"),
        ("postgresql://me:secret@::1:6000/shop", "in brackets, as in [::1]:6000"),
        ("postgresql://me:secret@h/shop?sslmode=requier", "did you mean `require`?"),
        ("postgresql://me:secret@/shop?host=/run/postgresql", "USER@%2Frun%2Fpostgresql/DATABASE"),
        (
            "postgresql://me:secret@%2Frun%2Fpostgresql/shop?sslmode=require",
            "a Unix socket, which has no TLS",
        ),
    ],
)
def test_what_would_be_read_otherwise_than_it_is_meant_is_told(url: str, said: str) -> None:
    with pytest.raises(DatabaseUrlError) as refused:
        _secret(url)

    assert said in str(refused.value)
    assert "sec\nret" not in str(refused.value)


def test_the_form_that_is_told_is_of_the_sources_engine() -> None:
    with pytest.raises(DatabaseUrlError, match=r"write it as mariadb://USER@HOST:PORT/DATABASE"):
        secret_of("shop", engine="mariadb", password="secret")


def test_certificates_that_no_client_would_take_are_told_before_a_connection(tmp_path: Path) -> None:
    # Given a file of certificates that holds none; its name has what a form of a web page takes for a blank
    file = tmp_path / "a+b.pem"
    file.write_text("hello\n")

    with pytest.raises(
        DatabaseUrlError, match=r"a\+b\.pem cannot be read; it must be a file with certificates"
    ):
        _secret(f"postgresql://me:secret@h/shop?sslrootcert={file}")
