"""MWAA starts workers with the version of a file that it was told: that version never expires."""

from __future__ import annotations

from typing import Any


def test_no_rule_of_the_dag_bucket_ends_a_version_that_mwaa_was_told(estate_assembly: Any) -> None:
    # Given the files that the environment installs, each with its version
    (environment,) = estate_assembly.resources("AWS::MWAA::Environment")
    told = environment["Properties"]
    paths = [told["PluginsS3Path"], told["RequirementsS3Path"]]
    assert {"PluginsS3ObjectVersion", "RequirementsS3ObjectVersion"} <= told.keys()

    # Then no rule that ends replaced versions reaches them, though it reaches DAGs and specifications
    storage = estate_assembly.template("storage")["Resources"]
    (rules,) = [
        one["Properties"]["LifecycleConfiguration"]["Rules"]
        for name, one in storage.items()
        if one["Type"] == "AWS::S3::Bucket" and name.startswith("Dags")
    ]
    ending = [rule.get("Prefix", "") for rule in rules if "NoncurrentVersionExpiration" in rule]
    assert sorted(ending) == ["dags/", "pipelines/"]
    assert not any(path.startswith(prefix) for path in paths for prefix in ending)
