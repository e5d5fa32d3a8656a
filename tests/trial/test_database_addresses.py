"""A database's address is read as it is meant, or refused: never in part."""

from __future__ import annotations

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
