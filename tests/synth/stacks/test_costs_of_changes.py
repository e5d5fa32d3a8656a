"""What the model says a change of a key costs is what the templates before and after the change say."""

from __future__ import annotations

import functools
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hybrid.artifacts.compile import pipeline_manifest, specification
from hybrid.estate import Estate
from hybrid.estate.change import Effect
from hybrid.estate.reference import Key, keys
from tests.estate_keys import BASE, EXISTING, before, merged, with_example
from workspace.node import cdk
from workspace.paths import NODE_MODULES

pytestmark = pytest.mark.slow

Templates = dict[str, dict[str, Any]]

#: The stack of the DAGs: the one that a change of a pipeline deploys, and the first of a change in two steps.
DAGS = "hybrid-acme-dags"

#: Resources whose name is a contract, with the property that has it. CloudFormation does not replace a
#: resource with a name of its own ("cannot update a stack when a custom-named resource requires replacing").
NAMED = {
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::MWAA::Environment": "Name",
    "AWS::SecretsManager::Secret": "Name",
}

#: Keys whose cost the templates alone do not say, with the reason.
NOT_IN_TEMPLATES = {
    "network.existing.vpc": "another VPC has other subnets, and the example changes the VPC alone",
    "sites.SITE.kind": "the example is the kind that the site has; a test below changes it",
}

#: Keys of pipelines that are tried with templates; of the others only the stack of the DAGs reads something,
#: which a test holds.
OF_PIPELINES = {"source", "query", "prefix", "retries", "masks", "after"}


def _is_of_pipelines(key: Key) -> bool:
    return key.path.startswith("pipelines.PIPELINE.")


KEYS = [
    key
    for key in keys()
    if key.section.path
    and key.path not in NOT_IN_TEMPLATES
    and (not _is_of_pipelines(key) or key.path.removeprefix("pipelines.PIPELINE.") in OF_PIPELINES)
]


@functools.cache
def _specification_of_resources() -> tuple[dict[str, Any], dict[str, Any]]:
    """Resource types and property types, as the CDK command line has them for `cdk diff`."""
    cdk()
    text = gzip.decompress((NODE_MODULES / "node_modules" / "aws-cdk" / "db.json.gz").read_bytes())
    schema = json.loads(text)["schema"]
    resources = {one["cloudFormationType"]: one for one in schema["resource"]["entities"]}
    return resources, {one["$id"]: one for one in schema["typeDefinition"]["entities"]}


def _replaces(described: dict[str, Any] | None, old: Any, new: Any) -> bool:
    """Whether a changed property has its resource replaced, by itself or by one of its own properties."""
    if described is None or old == new:
        return False
    if described.get("causesReplacement") == "yes":
        return True
    reference = described.get("type", {}).get("reference", {}).get("$ref")
    inner = _specification_of_resources()[1].get(reference, {}).get("properties", {})
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return False
    return any(_replaces(inner.get(name), old.get(name), new.get(name)) for name in old.keys() | new.keys())


@dataclass(frozen=True)
class Differences:
    """What differs between the templates before and after a change."""

    before: Templates
    after: Templates

    def resources(self, templates: Templates) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (stack, name): resource
            for stack, template in templates.items()
            for name, resource in template.get("Resources", {}).items()
        }

    @functools.cached_property
    def changed(self) -> list[tuple[str, str]]:
        old, new = self.resources(self.before), self.resources(self.after)
        return [place for place in old.keys() | new.keys() if old.get(place) != new.get(place)]

    @functools.cached_property
    def replaced(self) -> set[tuple[str, str]]:
        """What is deleted, or deleted and created anew; also by what it refers to."""
        old, new = self.resources(self.before), self.resources(self.after)
        found = {
            place for place in self.changed if place in old and self._is_replaced(old[place], new.get(place))
        }
        while more := {
            place
            for place in old.keys() & new.keys() - found
            if self._is_replaced(old[place], _renamed(new[place], found, stack=place[0]))
        }:
            found |= more
        return found

    def _is_replaced(self, old: dict[str, Any], new: dict[str, Any] | None) -> bool:
        if new is None or old["Type"] != new["Type"]:
            return True
        described = _specification_of_resources()[0].get(old["Type"], {}).get("properties", {})
        mine, other = old.get("Properties", {}), new.get("Properties", {})
        return any(
            _replaces(described.get(name), mine.get(name), other.get(name))
            for name in mine.keys() | other.keys()
        )

    def is_refused(self) -> bool:
        """Whether a stack goes, a name would be there twice, or a resource with a fixed name is replaced."""
        old, new = self.resources(self.before), self.resources(self.after)
        if self.before.keys() - self.after.keys():
            return True
        for place in self.replaced:
            kind = old[place]["Type"]
            if place in new and NAMED.get(kind, "") in old[place].get("Properties", {}):
                return True
        names = {_name(resource) for resource in old.values()} - {None}
        return any(_name(new[place]) in names for place in new.keys() - old.keys())

    def stacks_that_use_what_goes(self) -> set[str]:
        """Stacks of before that import an export which goes, or which names another resource afterwards."""
        return {stack for name in self.gone for stack in _importers(self.before, name)}

    @functools.cached_property
    def gone(self) -> set[str]:
        """Names of the exports that go, or name another resource afterwards."""
        now = _exports(self.after)
        return {name for name, value in _exports(self.before).items() if now.get(name) != value}

    def kinds(self, places: Any) -> set[str]:
        every = {**self.resources(self.after), **self.resources(self.before)}
        return {every[place]["Type"] for place in places}

    def cost(self) -> Effect:
        changed, replaced = self.kinds(self.changed), self.kinds(self.replaced)
        return next(
            cost
            for holds, cost in (
                (not self.changed, Effect.NOTHING),
                ({stack for stack, _ in self.changed} == {DAGS}, Effect.NEXT_RUN),
                (self.is_refused(), Effect.REFUSED),
                (bool(self.stacks_that_use_what_goes()), Effect.TWO_STEPS),
                (replaced == {"AWS::ECS::TaskDefinition"}, Effect.TASK_DEFINITION),
                (bool(replaced), Effect.REPLACEMENT),
                (changed == {"AWS::MWAA::Environment"}, Effect.ENVIRONMENT),
                (True, Effect.DEPLOYMENT),
            )
            if holds
        )


def _renamed(resource: dict[str, Any], replaced: set[tuple[str, str]], *, stack: str) -> dict[str, Any]:
    """A resource as it is once those that it refers to have other ids."""
    text = json.dumps(resource)
    for of, name in replaced:
        if of == stack:
            text = text.replace(f'{{"Ref": "{name}"}}', '"another"')
        text = text.replace(f"{of}:ExportsOutputRef{name}", "another")
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _name(resource: dict[str, Any]) -> tuple[str, str] | None:
    kind = resource["Type"]
    name = resource.get("Properties", {}).get(NAMED.get(kind, ""))
    return (kind, name) if isinstance(name, str) else None


def _importers(templates: Templates, name: str) -> set[str]:
    return {stack for stack, one in templates.items() if f'"Fn::ImportValue": "{name}"' in json.dumps(one)}


def _exports(templates: Templates) -> dict[str, str]:
    return {
        output["Export"]["Name"]: json.dumps(output["Value"])
        for template in templates.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


@pytest.fixture(scope="session")
def templates_of(synthesize: Any) -> Any:
    """The templates of an estate, each estate synthesized once."""
    known: dict[str, Templates] = {}

    def made(estate: dict[str, Any]) -> Templates:
        text = json.dumps(estate, sort_keys=True)
        if text not in known:
            known[text] = _readable(synthesize(estate=estate).directory)
        return known[text]

    return made


def _readable(directory: Path) -> Templates:
    found = {}
    manifest = json.loads((directory / "manifest.json").read_text())
    for name, artifact in manifest["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack":
            template = json.loads((directory / artifact["properties"]["templateFile"]).read_text())
            # A stack of another account or Region is another stack.
            place = artifact["environment"].removeprefix("aws://")
            found[name if place == "unknown-account/eu-west-1" else f"{name} {place}"] = template
    return found


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.heading)
def test_a_change_costs_what_the_model_says(key: Key, templates_of: Any) -> None:
    # Given the templates of an estate, and of the same with the key's example
    old, new = before(key), with_example(key)
    differences = Differences(templates_of(old), templates_of(new))

    # Then they differ as the model says
    if key.change is not Effect.FULL_REFRESH:
        assert differences.cost() == key.change
        if key.change is Effect.TWO_STEPS:
            assert differences.stacks_that_use_what_goes() == {DAGS}
            assert not any(name in json.dumps(differences.after[DAGS]) for name in differences.gone)
        return

    # And where it says that what landed is not like what will, the container is told something else
    assert differences.cost() in (Effect.NEXT_RUN, Effect.DEPLOYMENT)
    assert _specification(old) != _specification(new)


def _specification(estate: dict[str, Any]) -> str:
    return specification(Estate.model_validate(estate), "orders").content


@pytest.mark.parametrize(
    "key", [key for key in keys() if _is_of_pipelines(key) and key not in KEYS], ids=lambda key: key.heading
)
def test_a_key_of_a_pipeline_reaches_nothing_but_the_stack_of_the_dags(key: Key) -> None:
    # Given an estate before and after a change
    old, new = (Estate.model_validate(one) for one in (before(key), with_example(key)))

    # Then the other stacks read the same of pipelines, and the DAGs or the containers something else
    assert old.prefix_of("orders") == new.prefix_of("orders")
    assert old.model_copy(update={"pipelines": {}}) == new.model_copy(update={"pipelines": {}})
    specifications = [specification(one, "orders").content for one in (old, new)]
    assert specifications[0] != specifications[1] or pipeline_manifest(old, "orders") != pipeline_manifest(
        new, "orders"
    )
    assert key.change in (Effect.NEXT_RUN, Effect.FULL_REFRESH)
    if key.change is Effect.FULL_REFRESH:
        assert specifications[0] != specifications[1]


ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d"]
#: (what, before, the change, its cost)
NOTES = [
    ("a third zone", {}, {"network": {"availability_zones": ZONES[:3]}}, Effect.DEPLOYMENT),
    ("a fourth zone", {}, {"network": {"availability_zones": ZONES}}, Effect.REFUSED),
    (
        "the third zone goes",
        {"network": {"availability_zones": ZONES[:3]}},
        {"network": {"availability_zones": ZONES[:2]}},
        Effect.TWO_STEPS,
    ),
    (
        "a third subnet of a VPC that is there already",
        {"network": {"existing": EXISTING}},
        {
            "network": {
                "availability_zones": ZONES[:3],
                "existing": {
                    "private_subnets": [*EXISTING["private_subnets"], "subnet-00000000000000002"],
                    "route_tables": [],
                },
            }
        },
        Effect.NEXT_RUN,
    ),
    ("anywhere to cloud", {}, {"sites": {"on-premises": {"kind": "cloud"}}}, Effect.REPLACEMENT),
    ("cloud to anywhere", {}, {"sites": {"headquarters": {"kind": "anywhere"}}}, Effect.TWO_STEPS),
    ("a site more", {}, {"sites": {"third": {"kind": "anywhere"}}}, Effect.DEPLOYMENT),
    (
        "a source more",
        {},
        {"sources": {"third": {"site": "on-premises", "engine": "mysql"}}},
        Effect.DEPLOYMENT,
    ),
    (
        "a pipeline more",
        {},
        {"pipelines": {"third": {"source": "erp", "query": "select 1 as one"}}},
        Effect.DEPLOYMENT,
    ),
    (
        "the range of endpoints in a VPC that is there already",
        {"network": {"existing": EXISTING, "egress": "endpoints"}},
        {"network": {"cidr": "10.30.0.0/16"}},
        Effect.DEPLOYMENT,
    ),
    (
        "the way out of a VPC that is there already",
        {"network": {"existing": EXISTING}},
        {"network": {"egress": "endpoints"}},
        Effect.DEPLOYMENT,
    ),
    (
        "from one list of security groups to another",
        {"sites": {"headquarters": {"security_groups": ["sg-00000000000000001"]}}},
        {"sites": {"headquarters": {"security_groups": ["sg-00000000000000002"]}}},
        Effect.NEXT_RUN,
    ),
]


@pytest.mark.parametrize(
    ("earlier", "change", "cost"), [row[1:] for row in NOTES], ids=[row[0] for row in NOTES]
)
def test_what_a_note_says_holds(
    earlier: dict[str, Any], change: dict[str, Any], cost: Effect, templates_of: Any
) -> None:
    old = merged(BASE, earlier)

    assert Differences(templates_of(old), templates_of(merged(old, change))).cost() == cost
