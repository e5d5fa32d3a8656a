"""How cdk-nag spells a resource in the id of a finding."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid_constructs.wildcard_reasons import flattened


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ("*", "*"),
        ({"Ref": "AWS::AccountId"}, "<AWS::AccountId>"),
        ({"Fn::GetAtt": ["Lake", "Arn"]}, "<Lake.Arn>"),
        ({"Fn::ImportValue": "storage:Lake"}, "storage:Lake"),
        ({"Fn::Join": ["", [{"Fn::GetAtt": ["Lake", "Arn"]}, "/*"]]}, "<Lake.Arn>/*"),
    ],
)
def test_a_resource_is_spelled_as_cdk_nag_spells_it(value: Any, spelling: str) -> None:
    assert flattened(value) == spelling


def test_an_intrinsic_without_a_known_spelling_is_refused() -> None:
    with pytest.raises(ValueError, match="no spelling is known"):
        flattened({"Fn::Select": [0, "a"]})
