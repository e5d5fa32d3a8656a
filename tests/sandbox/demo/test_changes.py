"""What `demo apply` says of a change: every kind of thing that can be added, changed or removed."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.demo.changes import Deployed, DeployedChange, differences


def resource(path: str, **properties: Any) -> dict[str, Any]:
    return {"Metadata": {"aws:cdk:path": f"stack/{path}/Resource"}, "Properties": properties}


def deployed(**changed: Any) -> Deployed:
    """What is deployed, with another value of some attributes."""
    usual: dict[str, Any] = {
        "stacks": {
            "acme-site": {
                "Resources": {
                    "Sourceone": resource("Source-one/TaskDefinition", memory=256),
                    "Cluster": resource("Site/Cluster"),
                }
            }
        },
        "files": {"own.py": "1", "plugins.zip": "1"},
        "pipelines": {"a": {"query": "select 1", "schedule": None, "specification": "1", "tags": []}},
        "dags": {"pair": {"pipelines": ["a"]}},
    }
    return Deployed(**{**usual, **changed})


def test_what_is_equal_has_no_difference() -> None:
    assert differences(deployed(), deployed()) == []


@pytest.mark.parametrize(
    ("key", "value"), [("query", "select 2"), ("schedule", "@daily"), ("tags", ["new"]), ("masks", {"x": 1})]
)
def test_a_changed_pipeline_is_told_with_its_key_and_not_with_what_follows_from_it(
    key: str, value: object
) -> None:
    after = {"a": {**deployed().pipelines["a"], key: value, "specification": "2"}}

    assert differences(deployed(), deployed(pipelines=after)) == [
        DeployedChange("pipeline", "a", "changed", key)
    ]


@pytest.mark.parametrize(
    ("attribute", "more", "kind", "name"),
    [
        ("pipelines", {"b": {"query": "select 1"}}, "pipeline", "b"),
        ("dags", {"other": {"pipelines": []}}, "DAG", "other"),
        ("files", {"more.py": "1"}, "file", "more.py"),
        ("stacks", {"acme-site-b": {"Resources": {}}}, "stack", "acme-site-b"),
    ],
)
def test_what_comes_is_added_and_what_goes_is_removed(
    attribute: str, more: dict[str, Any], kind: str, name: str
) -> None:
    grown = deployed(**{attribute: {**getattr(deployed(), attribute), **more}})

    assert differences(deployed(), grown) == [DeployedChange(kind, name, "added")]
    assert differences(grown, deployed()) == [DeployedChange(kind, name, "removed")]


def test_a_source_is_told_by_its_resources_and_so_is_its_stack() -> None:
    # Given a source that gets more memory, and another one that comes
    resources = {
        "Sourceone": resource("Source-one/TaskDefinition", memory=512),
        "Sourcetwo": resource("Source-two/Secret"),
        "Cluster": resource("Site/Cluster"),
        "LocalOutputs": resource("LocalOutputs"),
    }

    # Then sources and stack are told, and what is the demo's own is not
    assert differences(deployed(), deployed(stacks={"acme-site": {"Resources": resources}})) == [
        DeployedChange("source", "one", "changed", "~Source-one/TaskDefinition"),
        DeployedChange("source", "two", "added"),
        DeployedChange("stack", "acme-site", "changed", "~Source-one/TaskDefinition, +Source-two/Secret"),
    ]


def test_a_changed_file_and_other_plugins_are_told() -> None:
    after = deployed(files={"own.py": "2", "plugins.zip": "2"})

    assert differences(deployed(), after) == [
        DeployedChange("file", "own.py", "changed"),
        DeployedChange("file", "plugins.zip", "changed"),
    ]
