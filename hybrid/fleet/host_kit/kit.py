"""The host kit: one script with the site's settings in it, and what starts it in its owner's way.

    for file in files(settings, KitFormat.ANSIBLE):
        file.write(Path("kit"))

No file of a kit holds an activation code: a kit can be kept in version control.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import yaml

from hybrid.estate.partitions import partition_of
from hybrid.fleet.host_kit import endpoints
from workspace.files import write_whole

_HERE = Path(__file__).parent

#: Primary key of the signatures of the ECS Anywhere installer. Source: Amazon ECS Developer Guide,
#: "Registering an external instance to an Amazon ECS cluster" (key id BCE9D9A42D51784F).
KEY_FINGERPRINT = "F34C3DDAE72926B079BEAEC6BCE9D9A42D51784F"

#: Where the script is on a host. Root alone reads it: a proxy's address in it may hold a password.
SCRIPT = PurePosixPath("/usr/local/sbin/hybrid-host")
_SCRIPT_MODE = 0o700

#: Label by which a host knows the images of the container; the build gives it to each.
IMAGE_LABEL = "hybrid-etl.native-decoder"


class DockerSource(StrEnum):
    """Where the installer takes Docker from: its `--docker-install-source`."""

    ALL = "all"
    DOCKER = "docker"
    DISTRO = "distro"
    NONE = "none"


class KitFormat(StrEnum):
    """Who runs the script on the host."""

    SCRIPT = "script"
    CLOUD_INIT = "cloud-init"
    ANSIBLE = "ansible"
    SYSTEMD = "systemd"


class SettingRefused(ValueError):
    """A setting that the host could not use; the message says why."""


@dataclass(frozen=True)
class HostSettings:
    """What the script has to know of a site.

    Attributes:
        region: AWS Region.
        cluster: ECS cluster of the site.
        account: AWS account, if the estate names it; then the way out to its registry is checked.
        proxy: `http://host:port` of an HTTP proxy, or None.
        attributes: of the host, set when it first registers; later it is `hybrid hosts label`.
        reserved_memory: MiB that tasks do not get.
        docker_source: where the installer takes Docker from.
        key_fingerprint: of the primary key that signed the installer.
        mirror: registry at the site, `HOST[:PORT][/PATH]`, or None.
        private: service → `https://…` of an interface endpoint, instead of the service's public address.

    Raises:
        SettingRefused: one of them cannot be used.
    """

    region: str
    cluster: str
    account: str | None = None
    proxy: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    reserved_memory: int = 256
    docker_source: DockerSource = DockerSource.ALL
    key_fingerprint: str = KEY_FINGERPRINT
    mirror: str | None = None
    private: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.proxy is not None:
            _check_proxy(self.proxy)
        if not 0 <= self.reserved_memory <= 65536:
            raise SettingRefused(f"{self.reserved_memory} MiB of reserved memory: 0 to 65536 are taken")

    @property
    def domain(self) -> str:
        """What the host names of AWS end with in the Region."""
        return partition_of(self.region).domain

    def shell(self) -> str:
        """The settings as assignments of a POSIX shell."""
        tried = endpoints.lines(
            region=self.region,
            domain=self.domain,
            account=self.account,
            mirror=self.mirror,
            private=self.private,
        )
        private = {service: endpoints.host_of(url) for service, url in sorted(self.private.items())}
        values = {
            "REGION": self.region,
            "CLUSTER": self.cluster,
            "DOMAIN": self.domain,
            "ENDPOINTS": "\n".join(tried),
            "PROXY": self.proxy or "",
            "MIRROR": self.mirror or "",
            "IMAGE_LABEL": IMAGE_LABEL,
            "ECS_HOST": private.get("ecs", ""),
            "SSM_HOST": private.get("ssm", f"ssm.{self.region}.{self.domain}"),
            "SSM_SETTINGS": self._ssm_settings(),
            "PRIVATE_HOSTS": ",".join(one.partition(":")[0] for one in private.values()),
            "ATTRIBUTES": json.dumps(dict(self.attributes), separators=(",", ":"), sort_keys=True),
            "RESERVED_MEMORY": str(self.reserved_memory),
            "DOCKER_SOURCE": self.docker_source.value,
            "KEY_FINGERPRINT": self.key_fingerprint,
        }
        return "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())

    def _ssm_settings(self) -> str:
        """Settings file of the SSM agent (its README, "Config Property Definitions"); empty for its own.

        The agent fills in what the file leaves out, and passes over the first key, by which the script knows
        the file as its own.
        """
        keys = {"Ssm": self.private.get("ssm"), "Mgs": self.private.get("ssmmessages")}
        told = {section: {"Endpoint": url} for section, url in keys.items() if url}
        return json.dumps({"HybridHost": True, **told}) if told else ""


@dataclass(frozen=True)
class KitFile:
    """A file of a kit."""

    path: PurePosixPath
    text: str
    mode: int = 0o644

    def write(self, directory: Path) -> Path:
        """Write it below a directory, at no moment readable by more than its mode says; the path written."""
        target = directory / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, self.text, mode=self.mode)
        target.chmod(self.mode)
        return target


def script(settings: HostSettings) -> str:
    """The script for the hosts of one site."""
    parts = [part.read_text(encoding="utf-8") for part in sorted((_HERE / "script").glob("*.sh"))]
    return "\n".join(parts).replace("@SETTINGS@", settings.shell(), 1)


def files(settings: HostSettings, form: KitFormat) -> Iterator[KitFile]:
    """The files of a kit."""
    text = script(settings)
    if form is KitFormat.CLOUD_INIT:
        yield KitFile(PurePosixPath("user-data.yaml"), _cloud_init(text), 0o600)
    elif form is KitFormat.ANSIBLE:
        role = _HERE / "ansible"
        for source in sorted(role.rglob("*.yml")):
            path = source.relative_to(role)
            place = PurePosixPath("roles", *path.parts) if len(path.parts) > 1 else PurePosixPath(path.name)
            yield KitFile(place, source.read_text(encoding="utf-8"))
        yield KitFile(PurePosixPath("roles/hybrid_host/files/hybrid-host.sh"), text, _SCRIPT_MODE)
    else:
        yield KitFile(PurePosixPath("hybrid-host.sh"), text, _SCRIPT_MODE)
        if form is KitFormat.SYSTEMD:
            for name, unit in _units().items():
                yield KitFile(PurePosixPath(name), unit)


def _units() -> dict[str, str]:
    return {unit.name: unit.read_text(encoding="utf-8") for unit in sorted((_HERE / "units").iterdir())}


def _cloud_init(text: str) -> str:
    mode = f"0{_SCRIPT_MODE:o}"
    written = [{"path": str(SCRIPT), "permissions": mode, "owner": "root:root", "content": text}]
    written += [
        {"path": f"/etc/systemd/system/{name}", "permissions": "0644", "owner": "root:root", "content": unit}
        for name, unit in _units().items()
    ]
    document = {
        "packages": ["iptables"],
        "write_files": written,
        "runcmd": [
            ["mkdir", "-p", "-m", "0700", "/etc/hybrid"],
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "hybrid-join.path"],
            ["systemctl", "enable", "--now", "--no-block", "hybrid-join.service"],
        ],
    }
    return "#cloud-config\n" + yaml.dump(document, Dumper=_Blocks, sort_keys=False, width=1000)


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as people do."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _block)


def _check_proxy(proxy: str) -> None:
    try:
        parts = urlsplit(proxy)
        named, port = parts.hostname, parts.port
    except ValueError:
        named, port = None, None
    if parts_missing := [w for w, v in (("a host", named), ("a port", port)) if not v]:
        raise SettingRefused(
            f"the proxy lacks {' and '.join(parts_missing)}; write http://proxy.example:3128"
        )
    if parts.scheme != "http" or parts.path not in ("", "/") or re.search(r"[\s\"'\\?#]", proxy):
        raise SettingRefused("the proxy is not of the form http://host:port")
    if _is_this_machine((named or "").rstrip(".")):
        raise SettingRefused("the proxy is on the loopback address: containers could not reach it")


def _is_this_machine(host: str) -> bool:
    """Whether a host is the machine itself, in any form that a resolver takes."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # `127.1`, `2130706433`, `0x7f.1`: forms of C's inet_aton.
            address = ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
