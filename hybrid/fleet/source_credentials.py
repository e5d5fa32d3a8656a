"""The secret of a source, as the container reads it: contracts/cases/secrets.json is run by both."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from hybrid.estate.engines import ENGINES
from hybrid.fleet import errors

#: Source: AWS Secrets Manager API Reference, PutSecretValue: SecretString is at most 65,536 bytes.
_LARGEST = 65_536
#: What each key may be called, as RDS and people write it.
_NAMES = {"username": ("username", "user"), "dbname": ("dbname", "database", "db")}
_KNOWN = {"host", "port", "password", "engine", "sslmode", "sslrootcert", "mask_key"} | {
    name for names in _NAMES.values() for name in names
}


def _text(value: object) -> object:
    """A number where a text is meant, as a password of digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _characters(value: str) -> str:
    # Both protocols end texts at a NUL; half of a surrogate pair has no UTF-8.
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("holds a character that no database takes")
    return value


Text = Annotated[str, Field(min_length=1), BeforeValidator(_text), AfterValidator(_characters)]
OptionalText = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]


class SourceCredentials(BaseModel):
    """A secret that the container takes.

    A key that it does not read is let through, as those of RDS are, unless it looks like one that it reads:
    the container would go on without it.
    """

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    host: Text
    port: Annotated[int | None, Field(ge=1, le=65535)] = None
    username: Text
    password: Text
    dbname: Text
    engine: str | None = None
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = None
    sslrootcert: OptionalText = None
    mask_key: OptionalText = None

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            raise ValueError("not a JSON object")
        found = dict(given)
        for key in found.keys() - _KNOWN:
            if near := difflib.get_close_matches(str(key), sorted(_KNOWN), n=1, cutoff=0.75):
                raise ValueError(f"no key `{key}`; did you mean `{near[0]}`?")
        for key, names in _NAMES.items():
            values = {name: given[name] for name in names if given.get(name) not in (None, "")}
            if len({str(value) for value in values.values()}) > 1:
                raise ValueError(f"{' and '.join(values)} differ; keep one of them")
            found[key] = next(iter(values.values()), None)
        return found

    @field_validator("host")
    @classmethod
    def _only_a_host(cls, host: str) -> str:
        if "://" in host or re.fullmatch(r"[^:/\s]+:\d+", host):
            raise ValueError("holds more than a name; write the port in port")
        return host

    @field_validator("port", mode="before")
    @classmethod
    def _number(cls, port: object) -> object:
        if isinstance(port, bool):
            raise ValueError("is not a number from 1 to 65535")
        return port if port != "" else None

    @field_validator("engine")
    @classmethod
    def _of_the_source(cls, said: str | None, info: ValidationInfo) -> str | None:
        engine = (info.context or {}).get("engine")
        if said is not None and engine is not None and said.lower() not in ENGINES[engine].named:
            raise ValueError(f"is another than the source's, {engine}")
        return said

    @model_validator(mode="after")
    def _no_tls_by_socket(self) -> SourceCredentials:
        mode = self.sslmode or ("verify-full" if self.sslrootcert else "prefer")
        if self.host.startswith("/") and mode not in ("disable", "prefer"):
            raise ValueError("sslmode: host is a Unix socket, which has no TLS")
        return self


def checked(text: SecretStr, *, engine: str, origin: str) -> SecretStr:
    """The JSON of a secret, if the container takes it for a source of `engine`; it is stored as it is.

    Args:
        text: the JSON.
        engine: of the source.
        origin: where it came from, for messages.

    Raises:
        errors.SecretRefused: the container would refuse it; the message names keys, never values.
    """
    raw = text.get_secret_value()
    try:
        if len(raw.encode()) > _LARGEST:
            raise errors.SecretRefused(
                f"{origin}: longer than {_LARGEST:,} bytes, which is all that a secret holds"
            )
        SourceCredentials.model_validate(json.loads(raw), context={"engine": engine})
    except ValidationError as error:
        wrong = "; ".join(_said(one) for one in error.errors(include_input=False, include_url=False))
    except (ValueError, RecursionError):
        wrong = "it is not JSON"
    else:
        return text
    raise errors.SecretRefused(
        f"{origin} is not the JSON of a source's secret: {wrong}. It takes host, port, username, "
        "password, dbname, and if need be sslmode, sslrootcert and mask_key"
    )


def _said(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    message = error["msg"].removeprefix("Value error, ")
    return f"{place} {message}" if place and error["type"] == "value_error" else f"{place or 'it'}: {message}"
