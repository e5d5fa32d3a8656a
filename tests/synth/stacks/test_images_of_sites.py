"""Which image runs at which site: the clone's, the estate's, or the site's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

_CLONE, _ESTATE, _SITE = "0123456789abcdef", "5f0c3b1a9d2e4876", "aaaaaaaaaaaaaaaa"


def _tag(template: dict[str, Any]) -> str:
    (definition,) = [
        one for one in template["Resources"].values() if one["Type"] == "AWS::ECS::TaskDefinition"
    ]
    (container,) = definition["Properties"]["ContainerDefinitions"]
    image = container["Image"]
    text: str = image if isinstance(image, str) else json.dumps(image["Fn::Join"][1][-1])
    return text.strip('"').rpartition(":")[2]


@pytest.mark.parametrize(
    ("changes", "at_headquarters", "on_premises"),
    [
        ({}, _CLONE, _CLONE),
        ({"environment": {"image": _ESTATE}}, _ESTATE, _ESTATE),
        ({"sites": {"on-premises": {"image": _SITE}}}, _CLONE, _SITE),
        (
            {"environment": {"image": _ESTATE}, "sites": {"on-premises": {"image": _SITE}}},
            _ESTATE,
            _SITE,
        ),
        (
            {"sites": {"on-premises": {"image": _SITE, "registry_mirror": "registry.example:5000"}}},
            _CLONE,
            _SITE,
        ),
    ],
    ids=["the clone's", "the estate's", "a canary", "a canary of an estate with one", "at a mirror"],
)
def test_a_site_has_its_own_image_else_the_estates_else_the_clones(
    synthesize: Callable[..., Any], changes: dict[str, Any], at_headquarters: str, on_premises: str
) -> None:
    assembly = synthesize(changes)
    assert _tag(assembly.template("site-headquarters")) == at_headquarters
    assert _tag(assembly.template("site-on-premises")) == on_premises
