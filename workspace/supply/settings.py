"""The user's settings of pip, uv and npm, read once, and the variables that tell each of them to the others.

What the user set for a tool itself always holds there. What is set only for another one is translated.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workspace.files import write_whole
from workspace.paths import STATE
from workspace.supply.certificates import named, write_bundle
from workspace.supply.offline import check

#: Keeps the directory of `bin/hybrid setup --offline`.
OFFLINE = STATE / "offline"

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")

#: Settings of uv's that say where packages come from, in each of the forms that uv takes.
_UV_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_UV_MORE = ("UV_INDEX", "UV_EXTRA_INDEX_URL")


@dataclass(frozen=True)
class Supply:
    """Where packages come from, for every tool.

    Attributes:
        environ: variables of the user.
        pip: settings of pip as it merges them, as `index-url`; the user's variables included.
        uv: the user's and the system's uv.toml.
        npm: settings of the user's .npmrc.
        bundle: the file of all trusted certificates; None where each tool's own is right.
        offline: directory that everything is installed from, without a network.
    """

    environ: Mapping[str, str]
    pip: Mapping[str, str]
    uv: Mapping[str, Any]
    npm: Mapping[str, str]
    bundle: Path | None
    offline: Path | None

    def for_pip(self) -> dict[str, str]:
        """Variables for pip."""
        told = {**self._common(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        # Which version is installed says the lock file alone, as for uv.
        told["PIP_CONSTRAINT"] = os.devnull
        if self.bundle:
            told["PIP_CERT"] = str(self.bundle)
        if "index-url" not in self.pip and (index := self._uv_index()):
            told["PIP_INDEX_URL"] = index
        if "extra-index-url" not in self.pip and (more := self._uv_more()):
            told["PIP_EXTRA_INDEX_URL"] = " ".join(more)
        return told

    def pip_arguments(self) -> list[str]:
        """What `pip install` and `pip download` take in addition."""
        return ["--no-index", "--find-links", str(wheels(self.offline))] if self.offline else []

    def for_uv(self) -> dict[str, str]:
        """Variables for uv."""
        told = self._common()
        if self.offline:
            return {
                name: value for name, value in told.items() if not name.startswith(("UV_INDEX", "UV_FIND"))
            }
        if self.bundle:
            told["SSL_CERT_FILE"] = str(self.bundle)
        else:
            told.setdefault("UV_SYSTEM_CERTS", "true")
        if "index-url" in self.pip and not self._uv_index():
            told["UV_DEFAULT_INDEX"] = self.pip["index-url"]
        if "extra-index-url" in self.pip and not self._uv_more():
            told["UV_INDEX"] = " ".join(self.pip["extra-index-url"].split())
            # As pip does, and no danger: which file is right says the lock file, by its hash.
            told.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
        for setting, variable, separator in (
            ("find-links", "UV_FIND_LINKS", ","),
            ("trusted-host", "UV_INSECURE_HOST", " "),
            ("timeout", "UV_HTTP_TIMEOUT", " "),
            ("client-cert", "SSL_CLIENT_CERT", " "),
        ):
            if setting in self.pip:
                told.setdefault(variable, separator.join(self.pip[setting].split()))
        return told

    def for_uv_with_one_index(self) -> dict[str, str]:
        """Variables for uv that name the first index only, and no directory beside it.

        For asking which files a version has: a mirror in part, as extra indexes often are, has some of them.
        """
        told = self.for_uv()
        for name in (*_UV_MORE, "UV_FIND_LINKS", "UV_INDEX_STRATEGY"):
            told.pop(name, None)
        if index := self._uv_index():
            told["UV_DEFAULT_INDEX"] = index
        return told

    def uv_arguments(self) -> list[str]:
        """What `uv pip install` takes in addition."""
        if self.offline:
            return ["--offline", "--no-config", "--no-index", "--find-links", str(wheels(self.offline))]
        return ["--no-index"] if self.pip.get("no-index", "").lower() in {"1", "true", "yes", "on"} else []

    def for_npm(self) -> dict[str, str]:
        """Variables for npm, and for Node wherever it runs."""
        told = self._common()
        if self.bundle:
            told["NODE_EXTRA_CA_CERTS"] = str(self.bundle)
            if "cafile" in self.npm or "npm_config_cafile" in told:
                told["npm_config_cafile"] = str(self.bundle)
        else:
            told.setdefault("NODE_USE_SYSTEM_CA", "1")
        # npm waits for ten seconds and for a minute, for a certificate that will be the same then.
        for name, milliseconds in (("fetch-retry-mintimeout", "1000"), ("fetch-retry-maxtimeout", "5000")):
            if name not in self.npm:
                told.setdefault(f"npm_config_{name.replace('-', '_')}", milliseconds)
        return told

    def for_image(self) -> tuple[str, dict[str, str]]:
        """pip's settings for the build of the image, as text of a pip.conf, and variables for its proxies."""
        lines = ["[global]"]
        pip = {**self.pip}
        if "index-url" not in pip and (index := self._uv_index()):
            pip["index-url"] = index
        if "extra-index-url" not in pip and (more := self._uv_more()):
            pip["extra-index-url"] = " ".join(more)
        for name in ("index-url", "extra-index-url", "trusted-host", "timeout"):
            # A directory of this machine is not there in the build.
            values = [value for value in pip.get(name, "").split() if not value.startswith("file:")]
            if values:
                lines.append(f"{name} = {' '.join(values)}")
        told = self._common()
        return "\n".join(lines) + "\n", {name: told[name] for name in _both_cases() if told.get(name)}

    def secrets(self) -> list[str]:
        """Passwords of the indexes and proxies, which nothing may print."""
        texts = [*self.pip.values(), *self.npm.values(), str(self.uv)]
        texts += [value for name, value in self.environ.items() if "://" in value or "npm_config_//" in name]
        found = [password for text in texts for password in re.findall(r"://[^:/\s]*:(\S+)@", text)]
        return found + [value for name, value in self.npm.items() if name.rpartition(":")[2].startswith("_")]

    def _common(self) -> dict[str, str]:
        told = dict(self.environ)
        proxy = self.pip.get("proxy") or self.npm.get("https-proxy") or self.npm.get("proxy")
        if proxy and not any(told.get(name) for name in _both_cases() if "no_proxy" not in name.lower()):
            told["HTTPS_PROXY"] = told["HTTP_PROXY"] = proxy
        for name in _PROXIES:
            # Some tools read only one of the two spellings.
            if value := told.get(name) or told.get(name.lower()):
                told[name] = told[name.lower()] = value
        return told

    def _uv_index(self) -> str | None:
        """The index that the user set for uv."""
        for name in _UV_DEFAULT:
            if self.environ.get(name):
                return self.environ[name]
        for index in self.uv.get("index", []):
            if index.get("default"):
                return str(index["url"])
        found = self.uv.get("index-url") or self.uv.get("pip", {}).get("index-url")
        return str(found) if found else None

    def _uv_more(self) -> list[str]:
        """The further indexes that the user set for uv."""
        found = [part for name in _UV_MORE for part in self.environ.get(name, "").split()]
        found += [str(index["url"]) for index in self.uv.get("index", []) if not index.get("default")]
        for settings in (self.uv, self.uv.get("pip", {})):
            found += [str(url) for url in settings.get("extra-index-url", [])]
        return [re.sub(r"^[\w.-]+=(?=\w+://)", "", part) for part in found]


def read(python: Path, *, offline: Path | None = None) -> Supply:
    """Read the user's settings.

    Args:
        python: interpreter whose pip is asked.
        offline: directory to install from; None: what an earlier `setup --offline` kept, if anything.

    Raises:
        CertificateProblem: what names a certificate is of no use.
        OfflineProblem: the directory to install from is not there, is half, or is for another machine.
        OSError: the certificates cannot be written to the clone.
    """
    if offline := offline or kept_offline():
        check(offline)
    environ = dict(os.environ)
    pip, npm = _pip_settings(str(python)), _npm_settings(environ)
    places = named(
        environ,
        settings={"pip's setting `cert`": _own(pip, "cert"), "`cafile` of .npmrc": npm.get("cafile", "")},
    )
    return Supply(
        environ=environ,
        pip=pip,
        uv=_uv_settings(environ),
        npm=npm,
        bundle=write_bundle(places),
        offline=offline,
    )


def kept_offline() -> Path | None:
    """The directory of the last `setup --offline`, None where packages come from an index."""
    with suppress(OSError):
        if kept := OFFLINE.read_text(encoding="utf-8").strip():
            return Path(kept)
    return None


def keep_offline(directory: Path | None) -> None:
    """Remember the directory that everything is installed from; None: from an index, as without `--offline`.

    Raises:
        OSError: it cannot be written to the clone.
    """
    if directory is None:
        OFFLINE.unlink(missing_ok=True)
        return
    OFFLINE.parent.mkdir(parents=True, exist_ok=True)
    write_whole(OFFLINE, f"{directory}\n", mode=0o644)


def wheels(directory: Path | None) -> Path:
    """Where a directory for a machine without a network has the packages of Python."""
    return (directory or Path()) / "wheels"


def _own(pip: Mapping[str, str], name: str) -> str:
    value = pip.get(name, "")
    return "" if value == os.environ.get("PIP_CERT") else value


@cache
def _pip_settings(python: str) -> dict[str, str]:
    """What pip itself takes its settings to be: variables, then `[install]`, then `[global]`."""
    done = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    by_section: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for section, name, value in _pip_lines(done.stdout):
        by_section.setdefault(section, {})[name] = value
    merged = {**by_section["global"], **by_section["install"], **by_section[":env:"]}
    if "default-timeout" in merged:
        merged.setdefault("timeout", merged["default-timeout"])
    return merged


def _pip_lines(said: str) -> Iterator[tuple[str, str, str]]:
    for line in said.splitlines():
        key, equals, literal = line.partition("=")
        section, dot, name = key.rpartition(".")
        if equals and dot:
            with suppress(ValueError, SyntaxError):
                yield section, name, str(ast.literal_eval(literal))


def _npm_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's .npmrc: lines `name = value`, `${NAME}` in them a variable (npm's documentation, npmrc)."""
    home = Path(environ.get("HOME", "/"))
    file = Path(
        environ.get("npm_config_userconfig") or environ.get("NPM_CONFIG_USERCONFIG") or home / ".npmrc"
    )
    settings = {}
    with suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith(("#", ";")):
                expanded = re.sub(r"\$\{(\w+)\}", lambda found: environ.get(found[1], ""), value)
                settings[name.strip()] = expanded.strip().strip("\"'")
    return settings


def _uv_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """uv.toml of the system and of the user, or the one that is named (uv's documentation, "Configuration
    files")."""
    if environ.get("UV_NO_CONFIG"):
        return {}
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    files = [Path("/etc/uv/uv.toml"), home / "uv" / "uv.toml"]
    if environ.get("UV_CONFIG_FILE"):
        files = [Path(environ["UV_CONFIG_FILE"])]
    settings: dict[str, Any] = {}
    for file in files:
        with suppress(OSError, tomllib.TOMLDecodeError):  # uv itself says what is wrong in it
            settings.update(tomllib.loads(file.read_text(encoding="utf-8")))
    return settings


def _both_cases() -> list[str]:
    return [spelled for name in _PROXIES for spelled in (name, name.lower())]
