"""What the model says a change of a key costs is what the templates before and after the change say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hybrid.artifacts.compile import pipeline_manifest, specification
from hybrid.estate import Estate
from hybrid.estate.change import Effect
from hybrid.estate.reference import Key, keys
from hybrid.review.assembly import Stack, read_assembly
from hybrid.review.differences import Differences, Place, fixed_name
from hybrid.review.references import held_up
from tests.estate_keys import BASE, EXISTING, before, merged, with_example

pytestmark = pytest.mark.slow

#: Stands for the account where the estate file names none.
ANY = "444455556666"

#: The stack of the DAGs: the one that a change of a pipeline deploys.
DAGS = "hybrid-acme-dags"

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


@dataclass(frozen=True)
class Cost(Differences):
    """What an edit costs, read from the templates before and after it."""

    def is_refused(self) -> bool:
        """Whether a stack goes, a name would be there twice, or a resource with a fixed name is replaced."""
        if self.left or any(fixed_name(self.old[place]) for place in self.replaced):
            return True
        names = {fixed_name(resource) for resource in self.old.values()} - {None}
        return any(fixed_name(self.new[place]) in names for place in self.new.keys() - self.old.keys())

    def kinds(self, places: Iterable[Place]) -> set[str]:
        every = {**self.new, **self.old}
        return {every[place]["Type"] for place in places}

    def cost(self) -> Effect:
        changed, replaced = self.kinds(self.changed), self.kinds({*self.replaced, *self.gone})
        return next(
            cost
            for holds, cost in (
                (not self.changed, Effect.NOTHING),
                ({stack for stack, _ in self.changed} == {DAGS}, Effect.NEXT_RUN),
                (self.is_refused(), Effect.REFUSED),
                (replaced == {"AWS::ECS::TaskDefinition"}, Effect.TASK_DEFINITION),
                (bool(replaced), Effect.REPLACEMENT),
                (changed == {"AWS::MWAA::Environment"}, Effect.ENVIRONMENT),
                (True, Effect.DEPLOYMENT),
            )
            if holds
        )


@pytest.fixture(scope="session")
def templates_of(synthesize: Any) -> Any:
    """The templates of an estate, each estate synthesized once."""
    known: dict[str, list[Stack]] = {}

    def made(estate: dict[str, Any]) -> list[Stack]:
        text = json.dumps(estate, sort_keys=True)
        if text not in known:
            known[text] = _readable(synthesize(estate=estate).directory)
        return known[text]

    return made


def _readable(directory: Path) -> list[Stack]:
    """The stacks; one of another account or Region is another stack."""
    return [
        stack if place == f"{ANY} eu-west-1" else replace(stack, name=f"{stack.name} {place}")
        for stack in read_assembly(directory, account=ANY, region="eu-west-1")
        for place in [f"{stack.account} {stack.region}"]
    ]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.heading)
def test_a_change_costs_what_the_model_says(key: Key, templates_of: Any) -> None:
    # Given the templates of an estate, and of the same with the key's example
    old, new = before(key), with_example(key)
    differences = Cost(templates_of(old), templates_of(new))

    # Then they differ as the model says
    if key.change is not Effect.FULL_REFRESH:
        assert differences.cost() == key.change
        assert held_up(differences.before, differences.after) == []
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
    ("a fourth zone", {}, {"network": {"availability_zones": ZONES}}, Effect.DEPLOYMENT),
    (
        "a fourth zone of a packed range",
        {"network": {"addresses": "packed"}},
        {"network": {"availability_zones": ZONES}},
        Effect.REFUSED,
    ),
    (
        "the third zone goes",
        {"network": {"availability_zones": ZONES[:3]}},
        {"network": {"availability_zones": ZONES[:2]}},
        Effect.REPLACEMENT,
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
    ("cloud to anywhere", {}, {"sites": {"headquarters": {"kind": "anywhere"}}}, Effect.REPLACEMENT),
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

    assert Cost(templates_of(old), templates_of(merged(old, change))).cost() == cost
