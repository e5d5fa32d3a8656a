"""The resolver of intrinsic functions, with which policy tests and `hybrid review roles` read templates."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid.review.assembly import Stack
from hybrid.review.intrinsics import Resolver, UnresolvedError

_ACCOUNT = "111122223333"


def _stack(name: str = "one", region: str = "eu-west-1", **template: Any) -> Stack:
    return Stack(name=name, account=_ACCOUNT, region=region, template=template)


def _resolved(value: Any, stack: Stack | None = None, *others: Stack) -> Any:
    place = stack or _stack()
    return Resolver([place, *others]).resolve(place, value)


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_pseudo_parameters_follow_the_region(region: str, partition: str, suffix: str) -> None:
    text = {
        "Fn::Sub": "${AWS::Partition} ${AWS::URLSuffix} ${AWS::Region} ${AWS::AccountId} ${AWS::StackName}"
    }

    assert _resolved(text, _stack(region=region)) == f"{partition} {suffix} {region} {_ACCOUNT} one"


def test_functions_within_functions() -> None:
    value = {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Join": ["/", ["a", {"Ref": "AWS::Region"}, "c"]]}]}]}

    assert _resolved(value) == "eu-west-1"


def test_sub_with_variables_attributes_and_a_literal() -> None:
    stack = _stack(Resources={"Lake": {"Type": "AWS::S3::Bucket"}})

    text = _resolved(
        {"Fn::Sub": ["${Lake.Arn}/${part}/${!aws:username}", {"part": {"Ref": "AWS::Region"}}]}, stack
    )

    assert text == "arn:aws:s3:::one-lake/eu-west-1/${aws:username}"


def test_a_named_resource_has_its_name_and_a_nameless_one_a_stand_in() -> None:
    stack = _stack(
        Resources={
            "Named": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"BucketName": {"Fn::Sub": "b-${AWS::AccountId}"}},
            },
            "Nameless": {"Type": "AWS::S3::Bucket"},
        }
    )

    assert _resolved({"Ref": "Named"}, stack) == f"b-{_ACCOUNT}"
    assert _resolved({"Ref": "Nameless"}, stack) == "one-nameless"


def test_the_arn_of_a_role_has_its_path() -> None:
    properties = {"RoleName": "r", "Path": "/hybrid/acme/task/"}
    stack = _stack(Resources={"Role": {"Type": "AWS::IAM::Role", "Properties": properties}})

    assert (
        _resolved({"Fn::GetAtt": ["Role", "Arn"]}, stack)
        == f"arn:aws:iam::{_ACCOUNT}:role/hybrid/acme/task/r"
    )
    assert _resolved({"Fn::GetAtt": "Role.Arn"}, stack).endswith(":role/hybrid/acme/task/r")


def test_ref_of_a_secret_is_its_arn_with_six_characters() -> None:
    stack = _stack(
        Resources={"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "a/b"}}}
    )

    prefix, _, six = _resolved({"Ref": "Secret"}, stack).rpartition("-")

    assert prefix == f"arn:aws:secretsmanager:eu-west-1:{_ACCOUNT}:secret:a/b"
    assert len(six) == 6


def test_an_import_is_resolved_in_the_stack_that_exports_it() -> None:
    exporter = _stack(
        "storage",
        Resources={"Key": {"Type": "AWS::KMS::Key"}},
        Outputs={"O": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}, "Export": {"Name": "storage:KeyArn"}}},
    )
    importer = _stack("site", Resources={"Key": {"Type": "AWS::KMS::Key"}})

    imported = _resolved({"Fn::ImportValue": "storage:KeyArn"}, importer, exporter)

    assert imported == Resolver([exporter]).arn(exporter, "Key")
    assert imported != Resolver([importer]).arn(importer, "Key")


def test_conditions_parameters_mappings_and_no_value() -> None:
    stack = _stack(
        Parameters={"Size": {"Type": "String", "Default": "small"}},
        Mappings={"Sizes": {"small": {"memory": 512}}},
        Conditions={
            "Small": {"Fn::Equals": [{"Ref": "Size"}, "small"]},
            "Both": {"Fn::And": [{"Condition": "Small"}, {"Fn::Not": [{"Fn::Equals": ["a", "a"]}]}]},
        },
    )

    assert _resolved({"Fn::FindInMap": ["Sizes", {"Ref": "Size"}, "memory"]}, stack) == 512
    assert _resolved({"Fn::If": ["Small", "yes", "no"]}, stack) == "yes"
    assert _resolved({"Fn::If": ["Both", "yes", "no"]}, stack) == "no"
    assert _resolved(
        {"kept": 1, "gone": {"Ref": "AWS::NoValue"}, "list": [{"Ref": "AWS::NoValue"}]}, stack
    ) == {
        "kept": 1,
        "list": [],
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Nobody"}, "one: Ref Nobody names no resource and no parameter with a default"),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "one: Fn::GetAtt names Nobody, which is no resource of it"),
        ({"Fn::ImportValue": "x:Y"}, "one: Fn::ImportValue x:Y is exported by no stack of the estate"),
        ({"Fn::Transform": {}}, "one: Fn::Transform is not an intrinsic function known here"),
        ({"Fn::Select": [3, ["a"]]}, "one: Fn::Select 3 of 1 items"),
        (
            {"Fn::GetAtt": ["Odd", "Arn"]},
            "one: the shape of the ARN of a AWS::Odd::Thing (Odd) is not known here",
        ),
    ],
)
def test_what_cannot_be_resolved_is_said_and_never_guessed(value: Any, message: str) -> None:
    stack = _stack(Resources={"Odd": {"Type": "AWS::Odd::Thing"}})

    with pytest.raises(UnresolvedError) as raised:
        _resolved(value, stack)

    assert str(raised.value) == message
