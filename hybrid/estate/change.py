"""What it costs to change a key of an estate that is deployed, as it stands in the model beside the key.

tests/synth/stacks/test_costs_of_changes.py holds each key's cost to the templates before and after a change.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue


class Effect(StrEnum):
    """What a change of a key costs, from the cheapest to the dearest."""

    NOTHING = "nothing"
    NEXT_RUN = "next run"
    FULL_REFRESH = "next run, then a full refresh"
    DEPLOYMENT = "a deployment"
    TASK_DEFINITION = "a new task definition"
    ENVIRONMENT = "an update of MWAA"
    REPLACEMENT = "replaces a resource"
    REFUSED = "refused: delete and create"


#: What each cost means, for the reference.
MEANING: dict[Effect, str] = {
    Effect.NOTHING: "What is deployed stays as it is. The command line, or the next check, reads the new "
    "value.",
    Effect.NEXT_RUN: "Deploy the stack `hybrid-ESTATE-dags`, which takes seconds. Runs that begin "
    "afterwards have the new value; a container that runs ends as it began.",
    Effect.FULL_REFRESH: "As above. What landed before stays in the lake as it was. To have it like the "
    "new rows, clear the runs of those intervals in Airflow, or start one run with `full_refresh`; a "
    "pipeline that reads no interval replaces everything with its next run.",
    Effect.DEPLOYMENT: "Deploy all stacks. CloudFormation changes the resources in place, or adds some, in "
    "minutes.",
    Effect.TASK_DEFINITION: "Deploy the site's stack. ECS gets a new revision of the task definition, with "
    "which the next task starts; a task that runs keeps the old one.",
    Effect.ENVIRONMENT: "Deploy the stack `hybrid-ESTATE-airflow`. MWAA updates the environment in place, "
    "which takes some tens of minutes; a worker ends its tasks before it is replaced, for up to 12 hours.",
    Effect.REPLACEMENT: "Deploy all stacks. CloudFormation creates another resource, and then deletes the "
    "old one.",
    Effect.REFUSED: "CloudFormation or the service refuses to do it to what is deployed, or makes a second "
    "one beside it. Create the new one under another name, move, and delete the old one.",
}


def cost(
    change: Effect, note: str = "", *, unit: str | None = None, beside: dict[str, JsonValue] | None = None
) -> dict[str, JsonValue]:
    """Metadata of a key, for `json_schema_extra`; in the JSON Schema they are the keywords `x-…`.

    Args:
        change: what it costs to change the key later.
        note: what else happens then, in sentences.
        unit: of a number.
        beside: keys that the key's example needs beside it.
    """
    found: dict[str, JsonValue] = {"x-change": change.value}
    if note:
        found["x-change-note"] = note
    if unit:
        found["x-unit"] = unit
    if beside:
        found["x-beside"] = beside
    return found
