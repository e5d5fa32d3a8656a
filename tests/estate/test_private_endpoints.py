"""`endpoints` of a site: what can be set, and what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.estate import EstateError, load_estate

_URL = "https://vpce-0123456789abcdef0-abcdefgh.logs.eu-west-1.vpce.amazonaws.com"


def _estate(directory: Path, endpoints: str) -> Path:
    file = directory / "hybrid.yaml"
    file.write_text(
        "environment: {name: acme, region: eu-west-1}\n"
        "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n"
        f"sites:\n  north:\n    kind: anywhere\n    endpoints: {endpoints}\n",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize(
    ("endpoints", "said"),
    [
        (f"{{logs: '{_URL}'}}", "`logs` cannot be set: ECS refuses the log option `awslogs-endpoint`"),
        (f"{{ecs-agent: '{_URL}'}}", "`ecs-agent` cannot be set: ECS tells the agent that address itself"),
        (f"{{ecr: '{_URL}'}}", "or set `registry_mirror`"),
        ("{s3: 'http://bucket.vpce.example.com'}", "an address without a path: https://"),
        ("{s3: 'https://bucket.vpce.example.com/'}", "an address without a path: https://"),
        ("{sqs: 'https://vpce.example.com'}", "sqs"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_reason(tmp_path: Path, endpoints: str, said: str) -> None:
    with pytest.raises(EstateError) as refused:
        load_estate(_estate(tmp_path, endpoints))
    assert said in str(refused.value)


def test_containers_are_told_of_their_own_services_only(tmp_path: Path) -> None:
    url = _URL.replace("logs", "ecs")
    site = load_estate(_estate(tmp_path, f"{{ecs: '{url}', s3: '{url}'}}")).sites["north"]
    assert site.endpoints.by_service == {"ecs": url, "s3": url}  # type: ignore[attr-defined]
    assert site.endpoints.container_environment == {"AWS_ENDPOINT_URL_S3": url}  # type: ignore[attr-defined]
