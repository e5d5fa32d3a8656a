"""What a host reaches in AWS: from what its roles allow, not from what agents could ask for elsewhere.

An endpoint is here because a role of the site allows an action of its service; a test holds the two together.
The script of the host tries these, and the pages for operators list these.

What is not here, though AWS names it for hosts: `ec2messages`, the older channel of Systems Manager. The role
does not allow it (docs/decisions/iam-anywhere-role.md), and the SSM agent takes `ssmmessages` where that is
allowed. `kms` and `sts` are called by AWS, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Endpoint:
    """A host name of AWS, port 443, or a registry of the site with its port.

    Attributes:
        services: prefixes of the IAM actions that are called there.
        name: of the host, with `REGION`, `DOMAIN` and `ACCOUNT` for those of the estate; `*` stands for a
            part that AWS chooses.
        tried: the name that is tried, where `name` has a part that AWS chooses.
        required: without it no task can run there; otherwise something less works.
        use: what it is for, or what does not work without it.
    """

    services: tuple[str, ...]
    name: str
    use: str
    required: bool = True
    tried: str = ""

    def host(self, *, region: str, domain: str, account: str | None) -> str | None:
        """The name to try; None where it needs an account that the estate does not name."""
        name = self.tried or self.name
        if "ACCOUNT" in name and account is None:
            return None
        return name.replace("REGION", region).replace("DOMAIN", domain).replace("ACCOUNT", account or "")


#: Source of the names: Amazon ECS Developer Guide, "External instances (Amazon ECS Anywhere)", networking;
#: Amazon ECR User Guide, "Amazon S3 gateway endpoint", for the bucket of the layers; the installer itself
#: (aws/amazon-ecs-agent, scripts/ecs-anywhere-install.sh) for what it takes from `s3`.
ENDPOINTS = (
    Endpoint(("ecs",), "ecs.REGION.DOMAIN", "the ECS agent registers there"),
    Endpoint(("ecs",), "ecs-a-*.REGION.DOMAIN", "the ECS agent gets its tasks there",
             tried="ecs-a-1.REGION.DOMAIN"),
    Endpoint(("ecs",), "ecs-t-*.REGION.DOMAIN", "no figures of containers without it", required=False,
             tried="ecs-t-1.REGION.DOMAIN"),
    Endpoint(("ssm",), "ssm.REGION.DOMAIN", "the host registers and gets its credentials there"),
    Endpoint(("ssmmessages",), "ssmmessages.REGION.DOMAIN",
             "no Session Manager and no Run Command without it", required=False),
    Endpoint(("ecr",), "api.ecr.REGION.DOMAIN", "images are found there"),
    Endpoint(("ecr",), "ACCOUNT.dkr.ecr.REGION.DOMAIN", "images are pulled from there"),
    Endpoint(("ecr",), "prod-REGION-starport-layer-bucket.s3.REGION.DOMAIN",
             "layers of images come from there", required=False),
    Endpoint(("s3",), "s3.REGION.DOMAIN",
             "the agents are installed from there, and data goes to buckets there"),
    Endpoint(("logs",), "logs.REGION.DOMAIN", "logs of containers go there, and none starts without"),
    Endpoint(("secretsmanager",), "secretsmanager.REGION.DOMAIN",
             "containers read the database's password there"),
)  # fmt: skip


def of_site(mirror: str | None, private: Mapping[str, str] | None = None) -> tuple[Endpoint, ...]:
    """The endpoints of a site's hosts.

    Args:
        mirror: the site's registry, `HOST[:PORT][/PATH]`, which is there instead of Amazon ECR. On the
            loopback of each host there is no way to try.
        private: service → address that is there instead of the public one.
    """
    found = [one for each in ENDPOINTS for one in _by_another_address(each, private or {})]
    if mirror is None:
        return tuple(found)
    host = mirror.partition("/")[0]
    others = tuple(one for one in found if one.services != ("ecr",))
    on_loopback = host.partition(":")[0] == "localhost" or host.startswith("127.")
    return others if on_loopback else (*others, Endpoint((), host, "images are pulled from there"))


def _by_another_address(one: Endpoint, private: Mapping[str, str]) -> Iterator[Endpoint]:
    service = one.name.partition(".")[0]
    address = private.get(service)
    if address is None:
        yield one
        return
    if service == "s3":
        # The installer knows no other address; on a host with its agents there is no need of it.
        yield replace(one, required=False, use="the agents are installed from there")
        yield replace(one, name=host_of(address), use="data goes to buckets there")
        return
    yield replace(one, name=host_of(address))


def host_of(url: str) -> str:
    """Host of an address, with its port where it has one."""
    return url.removeprefix("https://")


def lines(
    *,
    region: str,
    domain: str,
    account: str | None,
    mirror: str | None = None,
    private: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The endpoints as the script of a host reads them: `NEED HOST USE` a line.

    NEED is `required`, `useful`, or `numbered`: required, and the name is one of several that AWS numbers, so
    that a name which nobody knows says nothing.
    """
    for one in of_site(mirror, private):
        host = one.host(region=region, domain=domain, account=account)
        if host is not None:
            need = ("numbered" if one.tried else "required") if one.required else "useful"
            yield f"{need} {host} {one.use}"


def table() -> str:
    """The endpoints as a table of Markdown."""
    rows = (
        f"| `{one.name}` | {'required' if one.required else 'useful'} | {one.use} |\n" for one in ENDPOINTS
    )
    return "| host, port 443 | | for |\n|---|---|---|\n" + "".join(rows)
